import base64
import io

import numpy as np
import pytest
from PIL import Image

from custom.evaluation.confusion import BACKGROUND, PhotoDigits
from custom.reading.numbers import Reading
from custom.report import gallery
from custom.report.gallery import DrawnBox, choose, confusion_name, confusions, make_cards, picture

BOX = np.array([[2.0, 2, 8, 18]])


def reading(number, confidence):
    return Reading(number, confidence, np.arange(len(number)))


def one_digit(read, true):
    """A photo with one box, read and true at the same place."""
    return PhotoDigits(BOX, BOX, np.array([read]), np.array([true]), [(0, 0)], [])


READINGS = {1: reading('7', 0.6), 2: reading('8', 0.9), 3: reading('', 0.2), 4: reading('3', 0.7)}
TRUE = {1: '1', 2: '8', 3: '05', 4: '4'}
DIGITS = {
    1: one_digit(7, 1),
    2: one_digit(8, 8),
    3: PhotoDigits(np.zeros((0, 4)), np.vstack([BOX, BOX + 10]), np.zeros(0, int), np.array([0, 5]), [], []),
    4: one_digit(3, 4),
}
NAMES = {i: f'{i}.png' for i in READINGS}
SIZES = dict.fromkeys(READINGS, (20, 30))


def cards(chosen, images=None, true=TRUE, sizes=SIZES):
    return make_cards(chosen, NAMES, READINGS, true, DIGITS, sizes, images)


def test_wrong_numbers_by_falling_confidence():
    assert choose(READINGS, TRUE) == ([4, 1, 3], [2])


def test_right_numbers_by_rising_confidence():
    readings = READINGS | {5: reading('6', 0.4)}
    assert choose(readings, TRUE | {5: '6'}) == ([4, 1, 3], [5, 2])


def test_photos_without_truth_by_rising_confidence():
    assert choose(READINGS, None) == ([3, 1, 4, 2], [])


def test_the_values_of_a_card():
    four, three = cards([4, 3])
    assert (four.name, four.read, four.true, four.confidence) == ('4.png', '3', '4', 0.7)
    assert four.wrong == {'wrong': 1} and four.confused == [(4, 3)]
    assert three.wrong == {'missing': 2} and three.confused == [(0, BACKGROUND), (5, BACKGROUND)]
    assert four.picture is not None and four.picture.uri is None and four.problem == ''
    unjudged = cards([4], true=None, sizes={})[0]
    assert (unjudged.true, unjudged.wrong, unjudged.confused, unjudged.picture) == (None, {}, [], None)


def test_a_card_has_the_photo_or_the_problem(tmp_path):
    Image.new('RGB', (20, 30)).save(tmp_path / '4.png')
    (tmp_path / '1.png').write_text('no photo')
    four, one, three = cards([4, 1, 3], tmp_path)
    assert four.picture.uri.startswith('data:image/jpeg;base64,') and four.problem == ''
    assert one.problem.startswith(f'{tmp_path}/1.png: is not a photo that can be read; replace or remove it')
    assert three.problem == f'{tmp_path}/3.png: no such file'
    assert one.picture.uri is None  # boxes alone, at the size that the json has


@pytest.mark.parametrize('name', ['nul\0.png', 'long' * 100 + '.png', '', 'x/../../y.png'])
def test_impossible_file_names(tmp_path, name):
    card = make_cards([4], {4: name}, READINGS, TRUE, DIGITS, SIZES, tmp_path)[0]
    assert card.problem and card.picture.uri is None


@pytest.mark.parametrize('name', ['../4.png', '{}/4.png', 'a/../../4.png'])
def test_a_photo_outside_the_folder_is_not_embedded(tmp_path, name):
    Image.new('RGB', (20, 30)).save(tmp_path / '4.png')
    (tmp_path / 'photos' / 'a').mkdir(parents=True)
    card = make_cards([4], {4: name.format(tmp_path)}, READINGS, TRUE, DIGITS, SIZES, tmp_path / 'photos')[0]
    assert 'leaves the folder of the photos' in card.problem and card.picture.uri is None


def test_cards_and_bytes_are_limited(tmp_path, monkeypatch):
    for i in READINGS:
        Image.effect_noise((200, 200), 90).save(tmp_path / f'{i}.png')
    size = len(cards([1], tmp_path)[0].picture.uri)
    monkeypatch.setattr(gallery, 'MOST_BYTES', int(2.5 * size))
    assert len(cards([1, 2, 4], tmp_path)) == 2
    monkeypatch.setattr(gallery, 'MOST_BYTES', 1)
    assert len(cards([1, 2, 4], tmp_path)) == 1  # never none
    monkeypatch.setattr(gallery, 'MOST_CARDS', 2)
    assert len(cards([1, 2, 4])) == 2


def test_confusions_by_frequency():
    found = cards([1, 4, 3])
    again = [found[0], found[0]._replace(confused=[(1, 7), (1, 7), (BACKGROUND, 2)])]
    assert confusions([*found, again[1]]) == [
        ('1-7', '1 read as 7', 2),
        ('4-3', '4 read as 3', 1),
        ('0-10', '0 deleted (missing)', 1),
        ('5-10', '5 deleted (missing)', 1),
        ('10-2', '2 inserted (phantom)', 1),
    ]
    assert confusion_name(7, BACKGROUND) == '7 deleted (missing)'


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
    assert shown.read == [DrawnBox(32.5, 32.5, 32.5, 65.0, 7, 'plain')]
    assert shown.true == []
    assert pixels(shown).shape == (40, 34, 3)  # the browser enlarges it


def test_a_large_photo_is_cropped_around_its_number_and_downscaled():
    boxes = digits([([1000, 1000, 1400, 1800], 1)], [([1000, 1000, 1400, 1800], 1)], [(0, 0)])
    shown = picture(boxes, photo(4000, 3000), (4000, 3000), judged=True)
    # 800 px around the box: x 200 to 2200, y 200 to 2600
    assert shown.height == 130 and shown.width == pytest.approx(2000 * 130 / 2400, abs=0.1)
    assert pixels(shown).shape[0] == 390  # three for each pixel of the page, to be enlarged
    assert shown.read[0][:2] == pytest.approx((800 * 130 / 2400, 800 * 130 / 2400), abs=0.1)
    assert shown.read[0].kind == shown.true[0].kind == 'right'


def test_kinds_of_boxes():
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
