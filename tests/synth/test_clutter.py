"""Clutter around a number."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from custom.synth.clutter import (
    LETTERS,
    add_distractors,
    add_letters,
    add_surfaces,
    number_bounds,
    place_letters,
    place_neighbour,
)
from custom.synth.fonts import Face
from custom.synth.layout import Layout
from custom.synth.number import place_number
from custom.synth.paint import ink_mask

FACE = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))
NUMBER = place_number(np.random.default_rng(0), FACE, Layout((4, 1, 9), 400, 160, 50.0, 0.6, 0.0, 0.0, (0.5, 0.5)), 0.0)
X, Y = NUMBER.bboxes[:, 0].min(), NUMBER.bboxes[:, 1].min()
END_X, END_Y = (NUMBER.bboxes[:, :2] + NUMBER.bboxes[:, 2:]).max(axis=0)


def test_letters_cannot_pass_for_digits():
    assert not set(LETTERS) & set('0123456789BDGIOQSZbgilopqsz')


def test_bounds_scale():
    low, high = number_bounds(NUMBER, 2.0)
    assert (*low, *high) == (2 * X, 2 * Y, 2 * END_X, 2 * END_Y)


def test_bounds_include_letters_beside_the_digits():
    layout = Layout((4, 1, 9), 400, 160, 50.0, 0.6, 0.0, 0.0, (0.5, 0.5))
    number = place_number(np.random.default_rng(0), FACE, layout, 0.0, 'K', 'B')
    low, high = number_bounds(number, 1.0)
    assert low[0] < number.bboxes[:, 0].min() - 10
    assert high[0] > (number.bboxes[:, 0] + number.bboxes[:, 2]).max() + 10


def test_distractors_stay_clear_of_the_number():
    drawn = 0
    for seed in range(60):
        image = np.full((160, 400, 3), 0.5, np.float32)
        add_distractors(np.random.default_rng(seed), image, NUMBER, 50.0, 1.0)
        drawn += bool(np.ptp(image) > 0)
        assert np.ptp(image[Y:END_Y, X:END_X]) == 0
    assert drawn > 15


def test_surfaces_keep_the_image_finite():
    for seed in range(20):
        image = np.full((160, 400, 3), 0.5, np.float32)
        add_surfaces(np.random.default_rng(seed), image, NUMBER, 50.0, 1.0)
        assert np.isfinite(image).all()


@pytest.mark.parametrize('seed', range(20))
def test_letters_stand_beside_the_number(seed):
    placed = place_letters(np.random.default_rng(seed), NUMBER, [FACE])
    letters = ink_mask(placed, 160, 400, 1) > 0.3
    digits = ink_mask(NUMBER.glyphs, 160, 400, 1) > 0.3
    assert placed
    assert not (letters & digits).any()


def test_less_than_half_of_a_neighbour_is_in_the_image():
    seen = 0
    for seed in range(40):
        for placed in place_neighbour(np.random.default_rng(seed), NUMBER, FACE):
            scale = placed.matrix[0, 0]
            left, right = placed.matrix[0, 2], placed.matrix[0, 2] + placed.glyph.mask.shape[1] * scale
            assert 0 < min(right, 400) - max(left, 0) < 0.46 * (right - left)
            seen += 1
    assert seen > 20


def test_letters_are_drawn_in_the_given_ink():
    image = np.zeros((160, 400, 3), np.float32)
    for seed in range(5):
        add_letters(np.random.default_rng(seed), image, NUMBER, [FACE], np.array([0.9, 0.5, 0.1], np.float32))
    assert image.max(axis=(0, 1)) == pytest.approx([0.9, 0.5, 0.1], abs=0.02)
