"""Plates, inks and digit styles."""

import itertools
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from custom.synth import paint as synth_paint
from custom.synth.fonts import Face
from custom.synth.layout import Layout
from custom.synth.number import place_number
from custom.synth.paint import KINDS, SHARES, _tiles, add_plate, cast_shadow, choose_ink, paint, superellipse
from custom.synth.walls import LUMA

MASK = np.zeros((40, 40), np.float32)
MASK[10:30, 12:28] = 1


@pytest.mark.parametrize('ground', [0.0, 0.3, 0.5, 0.7, 1.0])
def test_ink_contrasts_with_its_ground(ground):
    image = np.full((40, 40, 3), ground, np.float32)
    image[:, :5] = 1 - ground  # not under the digits
    for seed in range(10):
        ink = choose_ink(np.random.default_rng(seed), image, MASK, 0.3)
        assert abs(ink @ LUMA - ground) >= 0.3


def test_shares_of_the_kinds_add_up():
    assert len(SHARES) == len(KINDS)
    assert sum(SHARES) == pytest.approx(1)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('seed', range(4))
def test_every_kind_can_be_told_from_the_wall(kind, seed, monkeypatch):
    monkeypatch.setattr(synth_paint, 'SHARES', tuple(float(one == kind) for one in KINDS))
    image = np.full((40, 40, 3), 0.8, np.float32)
    paint(np.random.default_rng(seed), image, MASK, np.full(3, 0.1, np.float32), 20.0, 0.0)
    change = np.abs(image - 0.8).mean(axis=2)
    assert change[9:31, 11:29].mean() > 0.1
    assert change[:2].max() < 0.05


FACE = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))
NUMBER = place_number(np.random.default_rng(0), FACE, Layout((4, 1, 9), 300, 120, 50.0, 0.6, 0.0, 0.0, (0.5, 0.5)), 0.0)


def test_superellipse_is_a_circle_at_power_two_and_nearly_a_square_far_above():
    centre, half = np.array([10.0, 20.0]), np.array([3.0, 3.0])
    circle = np.linalg.norm(superellipse(centre, half, 2) - centre, axis=1)
    assert circle == pytest.approx(np.full(48, 3.0))
    square = np.abs(superellipse(centre, half, 40) - centre).max(axis=1)
    assert square.min() > 2.9


@pytest.mark.parametrize('seed', range(6))
def test_plate_lies_under_the_number_and_not_at_the_edge(seed):
    image = np.full((120, 300, 3), 0.5, np.float32)
    colour = add_plate(np.random.default_rng(seed), image, NUMBER, 50.0)
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
    cast_shadow(np.random.default_rng(0), image, mask, 2.0, 0.5)
    assert 0.3 < image.min() < 0.9
    assert image.max() == 1
