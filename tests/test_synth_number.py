"""Numbers in their plane: projection, and boxes that fit the ink."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest

from custom.synth_boxes import JITTER, ROOM
from custom.synth_fonts import Face
from custom.synth_layout import Layout
from custom.synth_number import place_number, project, turned, view
from custom.synth_paint import ink_mask

FACE = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))
LAYOUT = Layout((4, 1, 9), 300, 120, 50.0, 0.6, 0.0, 0.0, (0.5, 0.5))


def test_project_divides_by_the_third_coordinate():
    matrix = np.array([[1, 0, 0], [0, 1, 0], [0, 0.5, 1]])
    assert project(matrix, np.array([[4.0, 2.0]])).tolist() == [[2.0, 1.0]]  # 1 + 0.5 * 2 = 2


def test_turned_goes_clockwise_where_y_points_down():
    assert project(turned(np.pi / 2), np.array([[1.0, 0.0]])).round(9).tolist() == [[0, 1]]


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
        off = 4 * JITTER * hardness * height + 2  # a pixel for each rounding
        assert -off <= left - x <= ROOM[0] * height + off
        assert -off <= x + width - left - across <= ROOM[2] * height + off
        assert y - top <= off
        assert top + down - y - height <= off
        tallest = max(tallest, down / height)
    assert tallest > 1 / (1 + ROOM[1] + ROOM[3]) - 0.06  # the highest digit fills its box but for the room


def test_digits_in_steps_stand_upright():
    steep = LAYOUT._replace(slope=2.0)  # above 0.9 always in steps
    number = place_number(np.random.default_rng(0), FACE, steep, 0.0)
    x, y = (number.bboxes[:, :2] + number.bboxes[:, 2:] / 2).T
    assert np.polyfit(x, y, 1)[0] == pytest.approx(2.0, rel=0.15)
    assert np.all(np.diff(y) > 0.8 * number.bboxes[:-1, 3])  # one below the other
    across = number.strokes[0].matrix @ np.array([1, 0, 0])
    assert abs(across[1] / across[0]) < 0.1  # not turned by the slope


def test_number_has_the_height_and_place_of_its_layout():
    number = place_number(np.random.default_rng(0), FACE, LAYOUT, 0.0)
    low = number.bboxes[:, :2].min(axis=0)
    high = (number.bboxes[:, :2] + number.bboxes[:, 2:]).max(axis=0)
    assert (number.width, number.height) == (300, 120)
    assert np.abs((low + high) / 2 - (150, 60)).max() <= 1
    assert set(number.bboxes[:, 3]) == {50}
    assert np.all(np.diff(number.bboxes[:, 0]) > 0)  # left to right, as the digits are read


def test_photo_grows_where_the_number_would_not_fit():
    number = place_number(np.random.default_rng(0), FACE, LAYOUT._replace(width=40, height=30), 0.0)
    assert number.width > 80
    assert number.height >= 50
    assert number.bboxes[:, :2].min() >= 0
