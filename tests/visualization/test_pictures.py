"""custom/visualization/pictures.py: colours and places that a person can compute, on photos of one colour."""

import numpy as np
import pytest

from custom.reading.numbers import read_numbers
from custom.structures.detections import Detections
from custom.structures.digits import PALETTE
from custom.visualization import pictures
from custom.visualization.pictures import Shot, caption, contact_sheet, even_rows, evenly_spaced

LEFT, TOP = 28, 84  # corner of the first photo on a sheet: MARGIN, HEADER + TAG
BOX, OTHER = [10, 5, 20, 35], [40, 5, 50, 35]  # xyxy in pixels of the photo


def shot(boxes=(), scores=(), labels=(), used=(), number='', truth=None, size=(60, 40), confidence=0.9):
    """A black photo; 60x40 pixels are drawn three times as large, 180x120."""
    return Shot(
        np.zeros((size[1], size[0], 3), np.uint8),
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(scores, np.float64),
        np.array(labels, np.int64),
        np.array(used, np.int64),
        number,
        confidence,
        truth,
    )


def pixels(*shots):
    return np.asarray(contact_sheet(shots, 'T'))


def test_a_used_box_has_the_colour_of_its_digit_and_a_tag_above():
    sheet = pixels(shot([BOX], [0.9], [7], [0], '7'))
    left, top, right, bottom = LEFT + 30, TOP + 15, LEFT + 60, TOP + 105  # three times BOX
    for x, y in ((left, top + 50), (left + 2, top + 50), (right, top + 50), (left + 20, top), (left + 20, bottom)):
        assert tuple(sheet[y, x]) == PALETTE[7]
    for x, y in ((left - 1, top + 50), (left + 3, top + 50), (right + 1, top + 50), (left + 20, bottom + 1)):
        assert tuple(sheet[y, x]) == (0, 0, 0)
    tag = sheet[top - 18 : top, left : left + 18].reshape(-1, 3)
    assert (tag == PALETTE[7]).all(axis=1).mean() > 0.5
    assert len(np.unique(tag, axis=0)) > 2  # the digit in it


def test_each_digit_has_a_legible_tag():
    tags = []
    for digit in range(10):
        tag = pixels(shot([BOX], [0.9], [digit], [0], str(digit)))[TOP - 3 : TOP + 15, LEFT + 30 : LEFT + 48]
        light = tag @ np.array([0.299, 0.587, 0.114])
        assert np.ptp(light) > 75, digit
        tags.append(np.abs(light - light[0, 0]) > 40)
    assert len({tag.tobytes() for tag in tags}) == 10


def test_a_box_that_is_not_used_is_thin_and_faint_or_left_out():
    sheet = pixels(shot([BOX, OTHER], [0.9, 0.3], [7, 4], [0], '7'))
    x, y = LEFT + 120, TOP + 60
    assert sheet[y, x].tolist() == pytest.approx([value * 170 / 255 for value in PALETTE[4]], abs=1)
    assert sheet[y, x - 1].tolist() == sheet[y, x + 1].tolist() == [0, 0, 0]
    sheet = pixels(shot([BOX, OTHER], [0.9, 0.19], [7, 4], [0], '7'))
    assert sheet[y, x].tolist() == [0, 0, 0]


def test_the_sheet_says_what_thin_boxes_are_only_where_there_are_some():
    plain = pixels(shot([BOX], [0.9], [7], [0], '7'))
    thin = pixels(shot([BOX, OTHER], [0.9, 0.3], [7, 4], [0], '7'))
    assert (plain[:50, 80:] == 255).all()
    assert (thin[:50, 80:] != 255).any()


@pytest.mark.parametrize(
    'box',
    [[-50, -50, 500, 500], [58, 38, 900, 900], [400, 5, 500, 35], [5, 5, 5, 5], [-1e308, 0, 1e308, np.inf]],
)
def test_boxes_beyond_the_photo_stay_on_it(box):
    sheet = pixels(shot([box], [0.9], [7], [0], '7'))
    there = np.argwhere((sheet == PALETTE[7]).all(axis=2))
    assert len(there)
    bottom, right = there.max(axis=0)
    assert there.min(axis=0).tolist() >= [TOP - 18, LEFT]
    assert bottom < TOP + 120
    assert right < LEFT + 180 + 12  # a tag on the last pixel column may stick out


@pytest.mark.parametrize(
    ('number', 'truth', 'expected'),
    [
        ('05', None, ('05', '', '93 %')),
        ('', None, ('-1', '', '')),
        ('05', '05', ('✓ 05', '', '93 %')),
        ('', '', ('✓ -1', '', '')),
        ('183', '1834', ('✗ 183', '(true 1834)', '93 %')),
        ('5', '05', ('✗ 5', '(true 05)', '93 %')),
        ('', '7', ('✗ -1', '(true 7)', '')),
        ('7', '', ('✗ 7', '(true -1)', '93 %')),
        ('1' * 12, None, ('1' * 12, '', '93 %')),
        ('1' * 13, None, ('1' * 12 + '…', '', '93 %')),
    ],
)
def test_caption(number, truth, expected):
    assert caption(shot(number=number, truth=truth, confidence=0.934 if number else 0.0)) == expected


@pytest.mark.parametrize(
    ('truth', 'back', 'ink'),
    [(None, pictures.PLAIN, pictures.INK), ('7', *pictures.RIGHT[::-1]), ('71', *pictures.WRONG[::-1])],
)
def test_the_caption_is_green_or_red_where_the_truth_is_known(truth, back, ink):
    sheet = pixels(shot([BOX], [0.9], [7], [0], '7', truth))
    bar = sheet[TOP + 120 : TOP + 152, LEFT : LEFT + 180]
    assert tuple(bar[3, 3]) == tuple(bar[-4, -4]) == back
    assert (bar == ink).all(axis=2).any()


def test_the_captions_say_it_without_colour():
    grey = [
        pixels(shot([BOX], [0.9], [7], [0], '7', truth))[TOP + 124 : TOP + 148, LEFT + 5 : LEFT + 25] < 140
        for truth in ('7', '71')
    ]
    assert (grey[0].all(axis=2) != grey[1].all(axis=2)).sum() > 10


def test_the_font_has_what_captions_say():
    missing = bytes(pictures._font(18).getmask('\uffff'))
    words = 'number accuracy on of photos right thin boxes: not used true unsure after epoch'
    for character in '0123456789-…%():,.' + words.replace(' ', ''):
        assert bytes(pictures._font(18).getmask(character)) != missing, character


def test_photos_keep_their_aspect_and_stand_in_rows():
    sheet = pixels(*[shot(size=(60, 40))] * 12)
    dark = (sheet == 0).all(axis=2)
    # 12 photos of 180 + 20 pixels are two rows of 6
    assert sheet.shape[:2] == (64 + 2 * 192 + 8, 2 * 28 + 6 * 200 - 20)
    assert dark[TOP + 60].sum() == dark[TOP + 192 + 60].sum() == 6 * 180
    assert dark[:, LEFT + 90].sum() == 2 * 120


@pytest.mark.parametrize(
    ('size', 'drawn'), [((1, 1), (120, 120)), ((1000, 50), (480, 24)), ((10, 1000), (1, 120)), ((3000, 1), (480, 1))]
)
def test_photos_of_any_shape(size, drawn):
    image = pictures._tile(shot(size=size)).image
    assert image.size == drawn
    assert contact_sheet([shot(size=size)], 'T').height == 64 + 192 + 8


def test_a_long_title_widens_the_sheet():
    narrow = contact_sheet([shot()], 'T')
    wide = contact_sheet([shot()], 'T' * 30, 'and a note of some length')
    assert narrow.width == 28 + 180 + 28
    assert (np.asarray(wide)[:, -28:] == 255).all()
    assert (np.asarray(wide)[:50, -80:-28] != 255).any()


def test_take_finds_the_boxes_of_one_photo_and_which_were_used():
    detections = Detections.from_model(
        [5, 9, 5, 9, 9],
        [[0, 0, 1, 1], [40, 5, 50, 35], [0, 0, 2, 2], [0, 0, 9, 9], [10, 5, 20, 35]],
        [0.9, 0.8, 0.9, 0.1, 0.6],
        [1, 2, 3, 4, 0],
    )
    reading = read_numbers(detections, [9])[9]
    taken = Shot.take(np.zeros((40, 60, 3), np.uint8), 9, detections, reading, '02')
    assert taken.bboxes.tolist() == [[40, 5, 50, 35], [0, 0, 9, 9], [10, 5, 20, 35]]
    assert taken.labels.tolist() == [2, 4, 0]
    assert taken.used.tolist() == [2, 0]
    assert (taken.number, taken.truth) == ('02', '02')
    assert taken.confidence == reading.confidence
    none = Shot.take(taken.pixels, 7, detections, read_numbers(detections, [7])[7])
    assert (none.used.size, none.scores.size, none.number, none.truth) == (0, 0, '', None)


def test_a_remark_takes_the_place_of_the_confidence():
    assert caption(shot(number='18')._replace(remark='7.png')) == ('18', '', '7.png')
    assert caption(shot()._replace(remark='')) == ('-1', '', '')


@pytest.mark.parametrize(
    ('total', 'count', 'expected'),
    [(9, 3, [1, 4, 7]), (9, 1, [4]), (4, 4, [0, 1, 2, 3]), (2, 24, [0, 1]), (5, 4, [0, 1, 3, 4])],
)
def test_evenly_spaced(total, count, expected):
    assert evenly_spaced(total, count) == expected


def test_evenly_spaced_names_nothing_twice():
    for total in range(1, 60):
        for count in range(1, total + 1):
            chosen = evenly_spaced(total, count)
            assert len(set(chosen)) == count
            assert set(chosen) <= set(range(total))
            assert max(b - a for a, b in zip(chosen, [*chosen[1:], total], strict=True)) <= -(-total // count)


def test_rows_keep_the_order_and_are_of_about_the_same_width():
    assert even_rows([300] * 12, row_width=1200) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    # 1700 px are two rows of 850 px: the third one, from 700 to 1000 px, has its middle on the edge
    assert even_rows([200, 500, 300, 200, 500], row_width=1200) == [[0, 1], [2, 3, 4]]
    # 1300 px in rows of 1200 px are two rows, not one and a photo alone
    assert even_rows([260] * 5, row_width=1200) == [[0, 1], [2, 3, 4]]


@pytest.mark.parametrize(
    ('widths', 'expected'), [([50], [[0]]), ([9000, 8000], [[0], [1]]), ([10, 10], [[0, 1]]), ([900, 10], [[0, 1]])]
)
def test_few_or_wide_things(widths, expected):
    assert even_rows(widths, row_width=1200) == expected


def test_no_row_is_empty_and_nothing_is_lost():
    for widths in ([5000, 10, 10, 10], [10, 10, 5000], [10, 5000, 10, 5000]):
        rows = even_rows(widths, row_width=1200)
        assert all(rows)
        assert [i for row in rows for i in row] == list(range(len(widths)))
