"""Textures and the few drawing primitives."""

import numpy as np
import pytest

from custom.synth_surfaces import LUMA, PLATES, blend, brick, clouds, foliage, polygon, render, wall, wood


@pytest.mark.parametrize('kind', [render, brick, wood, foliage, wall])
@pytest.mark.parametrize('size', [(12, 12), (40, 111)])
def test_surfaces_fill_their_frame(kind, size):
    image = kind(np.random.default_rng(0), *size, 20.0)
    assert image.shape == (*size, 3)
    assert image.dtype == np.float32
    assert -0.8 < image.min() <= image.max() < 1.8


def test_bricks_have_rows_of_mortar():
    image = brick(np.random.default_rng(1), 200, 300, 40.0)
    rows = image.mean(axis=(1, 2))
    assert np.ptp(rows) > 2 * np.ptp(image.mean(axis=(0, 2))[20:-20])  # rows show, columns are staggered


def test_clouds_are_smooth_within_a_cell():
    fine = np.abs(np.diff(clouds(np.random.default_rng(0), 60, 60, 1, 1), axis=1)).mean()
    coarse = np.abs(np.diff(clouds(np.random.default_rng(0), 60, 60, 20, 20), axis=1)).mean()
    assert coarse < fine / 5


def test_blend_mixes_by_share():
    image = np.zeros((1, 2, 3), np.float32)
    blend(image, np.array([1.0, 0.5, 0.0], np.float32), np.array([[0.0, 0.5]], np.float32))
    assert image.tolist() == [[[0, 0, 0], [0.5, 0.25, 0]]]


def test_polygon_covers_its_area():
    mask = polygon(20, 30, np.array([[5, 4], [15, 4], [15, 12], [5, 12]], float))
    assert mask[5:12, 6:15].min() > 0.99
    assert mask[:3].max() == mask[14:].max() == mask[:, :4].max() == mask[:, 17:].max() == 0


def test_ink_can_be_told_from_every_plate():
    assert np.abs((PLATES[:, 0] - PLATES[:, 1]) @ LUMA).min() > 0.3
