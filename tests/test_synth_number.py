"""Numbers in their plane: projection and the rule of the boxes."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest

from custom.synth_fonts import Face
from custom.synth_layout import Layout
from custom.synth_number import BOX_MARGIN, frame, grow, place_number, project, view
from custom.synth_scenes import ink_mask

FACE = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))
LAYOUT = Layout((4, 1, 9), 300, 120, 50.0, 0.6, 0.0, 0.0, (0.5, 0.5))


def test_project_divides_by_the_third_coordinate():
    matrix = np.array([[1, 0, 0], [0, 1, 0], [0, 0.5, 1]])
    assert project(matrix, np.array([[4.0, 2.0]])).tolist() == [[2.0, 1.0]]  # 1 + 0.5 * 2 = 2


def test_frame_adds_the_margin_and_rounds():
    # 100 high: 6 px of room on every side.
    assert BOX_MARGIN == 0.06
    assert frame(np.array([[50.0, 20.0, 90.0, 120.0]]), 200, 200).tolist() == [[44, 14, 52, 112]]


def test_frame_gives_all_digits_the_height_of_the_highest_about_their_own_middle():
    boxes = grow(np.array([[0.0, 10.0, 10.0, 110.0], [20.0, 40.0, 30.0, 90.0]]))
    assert (boxes[:, 3] - boxes[:, 1]).tolist() == pytest.approx([112, 112])
    assert ((boxes[:, 1] + boxes[:, 3]) / 2).tolist() == pytest.approx([60, 65])
    assert (boxes[:, 2] - boxes[:, 0]).tolist() == pytest.approx([22, 22])


def test_frame_stays_in_the_photo():
    assert frame(np.array([[0.0, 0.0, 20.0, 30.0]]), 20, 30).tolist() == [[0, 0, 20, 30]]


def test_view_without_slope_has_nothing_to_turn():
    mild = [view(np.random.default_rng(seed), 0.0, 0.0) for seed in range(50)]
    assert all(matrix[1, 0] == 0 and matrix[1, 1] == 1 for matrix in mild)


@pytest.mark.parametrize('seed', range(20))
@pytest.mark.parametrize(('slope', 'hardness'), [(0.0, 0.0), (0.3, 0.0), (-0.4, 1.0)])
def test_every_box_fits_the_ink_of_its_digit(seed, slope, hardness):
    number = place_number(np.random.default_rng(seed), FACE, LAYOUT._replace(slope=slope), hardness)
    tallest = 0
    for stroke, (x, y, width, height) in zip(number.strokes, number.bboxes, strict=True):
        ink = (ink_mask([stroke], number.height, number.width, 1) > 0.3).astype(np.uint8)
        left, top, across, down = cv2.boundingRect(ink)
        room = BOX_MARGIN * height + 2  # a pixel for each rounding
        assert 0 <= left - x <= room
        assert 0 <= x + width - left - across <= room
        assert y <= top
        assert y + height >= top + down
        tallest = max(tallest, down / height)
    assert tallest > 1 / (1 + 2 * BOX_MARGIN) - 0.06  # the highest digit fills its box but for the margin


def test_number_has_the_height_and_place_of_its_layout():
    number = place_number(np.random.default_rng(0), FACE, LAYOUT, 0.0)
    low = number.bboxes[:, :2].min(axis=0)
    high = (number.bboxes[:, :2] + number.bboxes[:, 2:]).max(axis=0)
    assert (number.width, number.height) == (300, 120)
    assert np.abs((low + high) / 2 - (150, 60)).max() <= 1
    assert np.abs(number.bboxes[:, 3] - 50).max() <= 1
    assert np.all(np.diff(number.bboxes[:, 0]) > 0)  # left to right, as the digits are read


def test_photo_grows_where_the_number_would_not_fit():
    number = place_number(np.random.default_rng(0), FACE, LAYOUT._replace(width=40, height=30), 0.0)
    assert number.width > 80
    assert number.height >= 50
    assert number.bboxes[:, :2].min() >= 0
