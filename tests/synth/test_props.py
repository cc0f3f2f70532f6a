"""Things that are no number."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from custom.synth.fonts import Face
from custom.synth.props import FACADE, FITTINGS, box, cover, disc, fill, place, to_bytes, write

FACE = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))
PROPS = dict.fromkeys((*FACADE, *FITTINGS))


@pytest.mark.parametrize('kind', [np.uint8, np.float32])
@pytest.mark.parametrize('prop', PROPS, ids=lambda prop: prop.__name__)
def test_a_prop_is_drawn_where_it_is_placed(prop, kind):
    changed = np.zeros((90, 120), bool)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        image = np.full((90, 120, 3), 0.5, np.float32)
        image = to_bytes(image) if kind is np.uint8 else image
        before = image[0, 0, 0]
        prop(rng, image, place(rng, np.array([60.0, 40.0]), np.array([20.0, 15.0]), 0.0))
        assert np.isfinite(image).all()
        changed |= (image != before).any(axis=2)
    assert changed[25:56, 40:81].any()
    assert not changed[:15].any() and not changed[70:].any() and not changed[:, :25].any() and not changed[:, 95:].any()


@pytest.mark.parametrize('prop', PROPS, ids=lambda prop: prop.__name__)
def test_a_prop_off_the_image_draws_nothing(prop):
    image = np.zeros((30, 40, 3), np.uint8)
    rng = np.random.default_rng(0)
    prop(rng, image, place(rng, np.array([-300.0, 500.0]), np.full(2, 12.0), 0.0))
    assert not image.any()


@pytest.mark.parametrize('kind', [np.uint8, np.float32])
def test_fill_mixes_by_opacity(kind):
    image = np.zeros((10, 20, 3), kind)
    fill(image, box(5, 2, 10, 8), np.float32((1, 0.5, 0)), 0.5)
    top = 255 if kind is np.uint8 else 1
    assert image[5, 7] == pytest.approx(np.array((0.5, 0.25, 0)) * top, abs=0.01 * top)
    assert image[5, 12].tolist() == [0, 0, 0]


def test_a_disc_has_its_area():
    image = np.zeros((60, 60, 3), np.float32)
    fill(image, disc(20, (30, 30)), 1.0)
    assert image[..., 0].sum() == pytest.approx(np.pi * 400, rel=0.1)  # OpenCV fills the outline, too


def test_cover_of_both_types_agrees():
    rng = np.random.default_rng(0)
    ground, mask = rng.random((8, 9, 3), np.float32), rng.random((8, 9), np.float32)
    one, two = ground.copy(), to_bytes(ground)
    for image in (one, two):
        cover(image, np.float32((0.2, 0.9, 0.4)), mask)
    assert np.abs(one * 255 - two).max() < 2.1


def test_words_leave_marks_about_their_centre():
    for seed in range(5):
        image = np.full((80, 300, 3), 128, np.uint8)
        write(np.random.default_rng(seed), image, FACE, np.array([150.0, 40.0]), 20.0, 0.0)
        assert image[25:55, 130:170].std() > 5
