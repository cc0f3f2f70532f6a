"""Placement of numbers: projection, and boxes that fit the ink."""

import itertools
import json
import os
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest

from custom.synth.fonts import Face, digit_faces
from custom.synth.layout import Layout, draw_layout
from custom.synth.number import JITTER, MARGINS, add_margins, annotate, draw_view, place_number, project, rotation
from custom.synth.paint import ink_mask
from custom.synth.scene import choose_face

FACE = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))
LAYOUT = Layout((4, 1, 9), 300, 120, 50.0, 0.6, 0.0, 0.0, (0.5, 0.5))


def test_project_divides_by_the_third_coordinate():
    matrix = np.array([[1, 0, 0], [0, 1, 0], [0, 0.5, 1]])
    assert project(matrix, np.array([[4.0, 2.0]])).tolist() == [[2.0, 1.0]]  # 1 + 0.5 * 2 = 2


def test_rotation_goes_clockwise_where_y_points_down():
    assert project(rotation(np.pi / 2), np.array([[1.0, 0.0]])).round(9).tolist() == [[0, 1]]


def test_a_view_without_slope_is_not_rotated():
    mild = [draw_view(np.random.default_rng(seed), 0.0, 0.0) for seed in range(50)]
    assert all(matrix[1, 0] == 0 and matrix[1, 1] == 1 for matrix in mild)


@pytest.mark.parametrize('seed', range(20))
@pytest.mark.parametrize(('slope', 'hardness'), [(0.0, 0.0), (0.3, 0.0), (-0.4, 1.0)])
def test_every_box_fits_the_ink_of_its_digit(seed, slope, hardness):
    number = place_number(np.random.default_rng(seed), FACE, LAYOUT._replace(slope=slope), hardness)
    tallest = 0
    for placed, (x, y, width, height) in zip(number.glyphs, number.bboxes, strict=True):
        ink = (ink_mask([placed], number.height, number.width, 1) > 0.3).astype(np.uint8)
        left, top, across, down = cv2.boundingRect(ink)
        off = 4 * JITTER * hardness * height + 2  # a pixel for each rounding
        assert -off <= left - x <= MARGINS[0] * height + off
        assert -off <= x + width - left - across <= MARGINS[2] * height + off
        assert y - top <= off
        assert top + down - y - height <= off
        tallest = max(tallest, down / height)
    assert tallest > 1 / (1 + MARGINS[1] + MARGINS[3]) - 0.06  # ink and margins fill the highest box


@pytest.mark.parametrize('hardness', [0.0, 1.0])
@pytest.mark.parametrize(('before', 'after'), [('', 'B'), ('D', ''), ('S ', ' g'), ('', 'Bis')])
def test_letters_beside_a_number_have_no_box(before, after, hardness):
    letters = (before + after).replace(' ', '')
    for seed in range(6):
        number = place_number(np.random.default_rng(seed), FACE, LAYOUT, hardness, before, after)
        first = len(before.strip())
        assert len(number.glyphs) == len(letters) + 3
        assert len(number.bboxes) == 3
        centres = []
        for placed in number.glyphs:
            corners = project(placed.matrix, placed.glyph.hull)
            assert corners.min() >= 0
            assert (corners.max(axis=0) <= (number.width, number.height)).all()
            centres.append((corners.min(axis=0) + corners.max(axis=0)) / 2)
        middles = number.bboxes[:, :2] + number.bboxes[:, 2:] / 2
        high = number.bboxes[:, 3].max()
        assert np.abs(middles - centres[first : first + 3]).max() < 0.2 * high  # the boxes are those of the digits
        assert np.diff(np.array(centres)[:, 0]).min() > 0  # the letters stand on the sides
        assert high == pytest.approx(LAYOUT.digit_height, abs=2)  # the letters change no size of the digits


def test_a_letter_has_the_height_of_the_digits_or_is_lower():
    heights = []
    for seed in range(40):
        number = place_number(np.random.default_rng(seed), FACE, LAYOUT, 0.0, after='E')
        letter, digit = (project(one.matrix, one.glyph.hull) for one in (number.glyphs[-1], number.glyphs[0]))
        heights.append(np.ptp(letter[:, 1]) / np.ptp(digit[:, 1]))
    assert max(heights) < 1.1
    assert np.median(heights) == pytest.approx(1, abs=0.05)
    assert 0.1 < np.mean(np.array(heights) < 0.9) < 0.4


def test_digits_in_steps_stand_upright():
    steep = LAYOUT._replace(slope=2.0)  # above 0.9 always in steps
    number = place_number(np.random.default_rng(0), FACE, steep, 0.0)
    x, y = (number.bboxes[:, :2] + number.bboxes[:, 2:] / 2).T
    assert np.polyfit(x, y, 1)[0] == pytest.approx(2.0, rel=0.15)
    assert np.all(np.diff(y) > 0.8 * number.bboxes[:-1, 3])  # one below the other
    across = number.glyphs[0].matrix @ np.array([1, 0, 0])
    assert abs(across[1] / across[0]) < 0.1  # not rotated by the slope


def test_number_has_the_height_and_position_of_its_layout():
    number = place_number(np.random.default_rng(0), FACE, LAYOUT, 0.0)
    low = number.bboxes[:, :2].min(axis=0)
    high = (number.bboxes[:, :2] + number.bboxes[:, 2:]).max(axis=0)
    assert (number.width, number.height) == (300, 120)
    assert np.abs((low + high) / 2 - (150, 60)).max() <= 1
    assert set(number.bboxes[:, 3]) == {50}
    assert np.all(np.diff(number.bboxes[:, 0]) > 0)  # left to right, as the digits are read


def test_image_grows_where_the_number_would_not_fit():
    number = place_number(np.random.default_rng(0), FACE, LAYOUT._replace(width=40, height=30), 0.0)
    assert number.width > 80
    assert number.height >= 50
    assert number.bboxes[:, :2].min() >= 0


BOXES = Path(os.environ.get('DIGITS_SHARED', Path(__file__).parents[3] / 'shared/data'), 'svhn-train-boxes.json')
INK = np.array([[50.0, 20.0, 90.0, 120.0]])  # 100 high


def test_annotate_adds_the_margins_and_rounds():
    assert MARGINS == (0.065, 0.085, 0.05, 0.065)
    # 6.5 left of 50, 8.5 above 20, 115 high; the right edge at 95; halves go to the even number
    assert annotate(np.random.default_rng(0), INK, 200, 200, 0.0).tolist() == [[44, 12, 51, 115]]


def test_add_margins_gives_all_digits_the_height_of_the_highest_about_their_own_middle():
    boxes = add_margins(np.array([[0.0, 10.0, 10.0, 110.0], [20.0, 40.0, 30.0, 90.0]]))
    assert (boxes[:, 3] - boxes[:, 1]).tolist() == pytest.approx([115, 115])
    assert ((boxes[:, 1] + boxes[:, 3]) / 2).tolist() == pytest.approx([59, 64])  # 1 above: larger margin
    assert (boxes[:, 2] - boxes[:, 0]).tolist() == pytest.approx([21.5, 21.5])


def test_boxes_stay_in_the_image():
    box = np.array([[0.0, 0.0, 20.0, 30.0]])
    assert annotate(np.random.default_rng(0), box, 20, 30, 0.0).tolist() == [[0, 0, 20, 30]]


def test_edges_are_off_by_the_jitter_and_heights_stay_equal():
    rng = np.random.default_rng(0)
    drawn = np.array([annotate(rng, np.repeat(INK, 2, axis=0), 200, 200, 1.0) for _ in range(500)])
    assert set(drawn[..., 3].ravel()) == {115}
    assert drawn[..., 0].std() == pytest.approx(115 * JITTER, rel=0.1)
    assert drawn[..., 0].mean() == pytest.approx(43.5, abs=0.2)


@pytest.fixture(scope='module')
def percentiles():
    """Percentiles of aspect ratios and gaps of the real boxes and of drawn ones."""

    def figures(numbers: list) -> dict[str, np.ndarray]:
        ones = [w / h for number in numbers for digit, _, _, w, h in number if digit == 1]
        others = [w / h for number in numbers for digit, _, _, w, h in number if digit != 1]
        gaps = [(b[1] - a[1] - a[3]) / a[4] for n in numbers for a, b in itertools.pairwise(n)]
        return {name: np.percentile(v, [5, 50, 95]) for name, v in (('1', ones), ('rest', others), ('gap', gaps))}

    real = figures([sorted(digits, key=lambda d: d[1]) for _, _, digits in json.loads(BOXES.read_text())['rows']])
    faces, made = digit_faces(), []
    for index in range(1500):
        rng = np.random.default_rng([1, index])
        layout = draw_layout(rng, 1.0)
        number = place_number(rng, choose_face(rng, faces), layout, 1.0)
        made.append([(digit, *box) for digit, box in zip(layout.digits, number.bboxes.tolist(), strict=True)])
    return real, figures(made)


WIDE = pytest.mark.xfail(reason='95th percentile 0.64 instead of 0.58; 0.61 to 0.67 with other seeds', strict=True)


@pytest.mark.skipif(not BOXES.is_file(), reason=f'no {BOXES}; name its folder by DIGITS_SHARED')
@pytest.mark.parametrize('name', [pytest.param('1', marks=WIDE), 'rest', 'gap'])
def test_boxes_look_like_the_real_ones(percentiles, name):
    real, made = percentiles
    assert made[name] == pytest.approx(real[name], abs=0.06)
