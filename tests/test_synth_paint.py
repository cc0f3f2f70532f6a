"""Inks and how they are laid on."""

import numpy as np
import pytest

from custom import synth_paint
from custom.synth_paint import KINDS, SHARES, choose_ink, paint
from custom.synth_surfaces import LUMA

MASK = np.zeros((40, 40), np.float32)
MASK[10:30, 12:28] = 1


@pytest.mark.parametrize('ground', [0.0, 0.3, 0.5, 0.7, 1.0])
def test_ink_stands_out_from_what_is_under_it(ground):
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
