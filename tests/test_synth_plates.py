"""Plates and tiles."""

import itertools
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from custom.synth_fonts import Face
from custom.synth_layout import Layout
from custom.synth_number import place_number
from custom.synth_plates import _tiles, add_plate, rounded, shade_under

FACE = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))
NUMBER = place_number(np.random.default_rng(0), FACE, Layout((4, 1, 9), 300, 120, 50.0, 0.6, 0.0, 0.0, (0.5, 0.5)), 0.0)


def test_rounded_is_a_circle_at_power_two_and_nearly_a_square_far_above():
    centre, half = np.array([10.0, 20.0]), np.array([3.0, 3.0])
    circle = np.linalg.norm(rounded(centre, half, 2) - centre, axis=1)
    assert circle == pytest.approx(np.full(48, 3.0))
    square = np.abs(rounded(centre, half, 40) - centre).max(axis=1)
    assert square.min() > 2.9


@pytest.mark.parametrize('seed', range(6))
def test_plate_lies_under_the_number_and_not_at_the_photos_edge(seed):
    image = np.full((120, 300, 3), 0.5, np.float32)
    colour = add_plate(np.random.default_rng(seed), image, NUMBER, 50.0, 1)
    assert colour.shape == (3,)
    x, y, width, height = NUMBER.bboxes[1]
    assert np.abs(image[y : y + height, x : x + width] - 0.5).mean() > 0.02
    assert np.abs(image[:4] - 0.5).max() < 0.02


def test_tiles_touch_and_hold_one_digit_each():
    tiles = _tiles(NUMBER, 0.1)
    assert len(tiles) == 3
    for (first, half), (second, other) in itertools.pairwise(tiles):
        assert first[0] + half[0] == pytest.approx(second[0] - other[0])


def test_shadow_only_darkens():
    image, mask = np.ones((30, 30, 3), np.float32), np.zeros((30, 30), np.float32)
    mask[10:20, 10:20] = 1
    shade_under(np.random.default_rng(0), image, mask, 2.0, 0.5)
    assert 0.3 < image.min() < 0.9
    assert image.max() == 1
