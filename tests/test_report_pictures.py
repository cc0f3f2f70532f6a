import base64
import io

import numpy as np
import pytest
from PIL import Image

from custom.digit_confusion import PhotoDigits
from custom.report_pictures import Box, picture


def digits(read=(), true=(), pairs=(), ignored=()):
    """Lists of (xyxy, label)."""

    def columns(boxes):
        corners = np.array([box for box, _ in boxes], dtype=float).reshape(-1, 4)
        return corners, np.array([label for _, label in boxes], dtype=int)

    (one, one_labels), (other, other_labels) = columns(read), columns(true)
    return PhotoDigits(one, other, one_labels, other_labels, list(pairs), list(ignored))


def pixels(shown):
    kind, data = shown.uri.split(',')
    assert kind == 'data:image/jpeg;base64'
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def photo(width, height):
    return np.full((height, width, 3), 90, dtype=np.uint8)


def test_a_small_photo_is_shown_whole_and_enlarged():
    shown = picture(digits([([10, 10, 20, 30], 7)]), photo(34, 40), (34, 40), judged=False)
    assert (shown.width, shown.height) == (110.5, 130)  # 130 / 40 times
    assert shown.read == [Box(32.5, 32.5, 32.5, 65.0, 7, 'plain')]
    assert shown.true == []
    assert pixels(shown).shape == (40, 34, 3)  # the browser enlarges it


def test_a_large_photo_is_cut_around_its_number_and_made_smaller():
    boxes = digits([([1000, 1000, 1400, 1800], 1)], [([1000, 1000, 1400, 1800], 1)], [(0, 0)])
    shown = picture(boxes, photo(4000, 3000), (4000, 3000), judged=True)
    # 800 px around the box: x 200 to 2200, y 200 to 2600
    assert shown.height == 130 and shown.width == pytest.approx(2000 * 130 / 2400, abs=0.1)
    assert pixels(shown).shape[0] == 260  # two for each pixel of the page
    assert shown.read[0][:2] == pytest.approx((800 * 130 / 2400, 800 * 130 / 2400), abs=0.1)
    assert shown.read[0].kind == shown.true[0].kind == 'right'


def test_what_is_right_and_wrong():
    a, b, c = [0, 0, 9, 20], [10, 0, 19, 20], [20, 0, 29, 20]
    boxes = digits([(a, 1), (b, 2), (c, 3)], [(a, 1), (b, 7), (c, 0)], [(0, 0), (1, 1)], ignored=[2])
    shown = picture(boxes, None, (40, 30), judged=True)
    assert [box.kind for box in shown.read] == ['right', 'wrong', 'plain']
    assert [box.kind for box in shown.true] == ['right', 'wrong', 'wrong']
    assert shown.uri is None


def test_without_a_box_the_whole_photo():
    shown = picture(digits(), photo(340, 10), (340, 10), judged=True)
    assert (shown.width, shown.height) == (170, 5)


@pytest.mark.parametrize('box', [[-50, -50, -40, -30], [90, 90, 99, 99], [5, 5, 5, 5], [-9, -9, 99, 99]])
def test_boxes_outside_and_of_no_area(box):
    shown = picture(digits([(box, 1)]), photo(20, 20), (20, 20), judged=False)
    found = shown.read[0]
    assert 0 <= found.x <= found.x + found.width <= shown.width + 0.1
    assert pixels(shown).size


def test_a_photo_of_one_pixel():
    assert picture(digits(), photo(1, 1), (1, 1), judged=False).width == 130
