"""Variation of digits: weight, wavering strokes, stencils, other forms of 1, 3 and 7."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from custom.structures.digits import DIGITS
from custom.synth import glyphs
from custom.synth.fonts import Face, draw_glyph
from custom.synth.glyphs import (
    NO_DIGIT,
    bar_seven,
    cut_bridges,
    flag_one,
    flatten_three,
    restyle,
    thicken,
    upright_seven,
    waver,
)

FACE = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans-Bold.ttf'))
GLYPHS = [draw_glyph(FACE, char, 64) for char in DIGITS]


def test_thicken_grows_and_thins_by_pixels():
    mask = np.zeros((20, 20), np.uint8)
    mask[8:13, 8:13] = 255
    assert np.flatnonzero(thicken(mask, 2).max(axis=0)).tolist() == list(range(6, 15))
    assert np.flatnonzero(thicken(mask, -1).max(axis=0)).tolist() == [9, 10, 11]


def test_waver_keeps_the_ink_and_moves_it():
    mask = np.pad(GLYPHS[0].mask, 10)
    bent = waver(np.random.default_rng(0), mask, 64, 0.04)
    assert 0.8 < bent.sum() / mask.sum() < 1.25
    assert np.abs(bent.astype(int) - mask).mean() > 5


def test_a_stencil_leaves_an_upright_gap_and_a_level_one_in_a_1():
    mask = np.full((40, 20), 255, np.uint8)
    assert np.flatnonzero(cut_bridges(mask, 8, 0.5, 4).min(axis=0) == 0).tolist() == [8, 9, 10, 11]
    assert np.flatnonzero(cut_bridges(mask, 1, 0.5, 4).min(axis=1) == 0).tolist() == [18, 19, 20, 21]
    assert mask.min() == 255


def test_the_bar_of_a_7_crosses_its_stem():
    mask = np.zeros((64, 60), np.uint8)
    mask[10:50, 28:32] = 255
    barred = bar_seven(mask, 0.5, 40)
    (rows,) = np.nonzero((barred != mask).any(axis=1))
    assert (rows[0], rows[-1]) == (28, 31)  # about the middle, as thick as the stem
    assert np.flatnonzero(barred[29]).tolist() == list(range(22, 38))


def test_a_flat_3_has_a_bar_a_thin_middle_and_its_own_lower_bowl():
    round_one = GLYPHS[3].mask
    flat, served = (flatten_three(round_one, serif) for serif in (False, True))
    height, width = round_one.shape
    assert flat.shape == round_one.shape
    assert np.count_nonzero(flat[1]) > 0.85 * width > np.count_nonzero(round_one[1])
    assert (flat[height // 2 + 1 :] == round_one[height // 2 + 1 :]).all()
    middle = np.flatnonzero(flat[height // 3])  # of the stroke from the bar's right end to the middle
    assert 0.4 * width < middle[0]
    assert middle[-1] < 0.9 * width
    (rows, columns) = np.nonzero(served != flat)
    assert columns.max() < 0.35 * width
    assert rows.max() < 0.35 * height


def test_the_flag_of_a_1_rises_to_its_stem():
    mask = np.zeros((64, 60), np.uint8)
    mask[10:50, 40:44] = 255
    flagged = flag_one(mask, 16, 20)
    rows, columns = np.nonzero(flagged != mask)
    assert 20 <= columns.min() <= 24
    assert 28 <= rows.max() <= 34
    assert rows[columns == 39].max() < 20  # it meets the stem at its top
    assert (flagged[mask > 0] == 255).all()
    broken = mask.copy()
    broken[14:46] = 0  # no stem to start from
    assert (flag_one(broken, 16, 20) == broken).all()


@pytest.mark.parametrize(('wide', 'lean'), [(0.4, 0.0), (0.5, 0.2)])
def test_an_upright_7_has_a_level_bar_and_a_stem_that_ends_near_its_right_edge(wide, lean):
    old = GLYPHS[7].mask
    new = upright_seven(old, wide, lean)
    height, width = new.shape
    assert height == old.shape[0]
    assert width >= round(wide * height)
    assert np.count_nonzero(new[3]) > 0.8 * width  # the bar
    foot = np.flatnonzero(new[height - 8])
    assert abs(width - 1 - foot[-1] - lean * height) < 0.08 * height
    assert foot[0] > width / 3 - lean * height  # one stroke wide
    assert np.flatnonzero(new[height // 2])[0] > 0.2 * width  # nothing below the bar on the left


def test_only_3_gets_a_flat_top_and_only_1_a_flag(monkeypatch):
    for share in ('WAVERING', 'HEAVIER', 'STENCILLED', 'BARRED', 'FLAT', 'FLAGGED', 'UPRIGHT'):
        monkeypatch.setattr(glyphs, share, float(share in ('FLAT', 'FLAGGED')))
    new = restyle_all(0, 1.0)
    assert [digit for digit in range(10) if not np.array_equal(new[digit].mask, GLYPHS[digit].mask)] == [1, 3]
    assert new[1].mask.shape[1] > GLYPHS[1].mask.shape[1] + 0.1 * 64
    assert np.count_nonzero(new[3].mask[1]) > 0.85 * new[3].mask.shape[1]


def test_only_7_becomes_upright(monkeypatch):
    for share in ('WAVERING', 'HEAVIER', 'STENCILLED', 'BARRED', 'FLAT', 'FLAGGED', 'UPRIGHT'):
        monkeypatch.setattr(glyphs, share, float(share == 'UPRIGHT'))
    new = restyle_all(0, 1.0)
    assert [digit for digit in range(10) if not np.array_equal(new[digit].mask, GLYPHS[digit].mask)] == [7]


def test_a_letter_takes_the_strokes_of_the_digits_and_no_form_of_a_digit(monkeypatch):
    shares = ('WAVERING', 'HEAVIER', 'STENCILLED', 'BARRED', 'FLAT', 'FLAGGED', 'UPRIGHT')
    for share in shares:
        monkeypatch.setattr(glyphs, share, float(share in ('BARRED', 'FLAT', 'FLAGGED', 'UPRIGHT')))
    pair = [GLYPHS[7], draw_glyph(FACE, 'B', 64)]
    seven, letter = restyle(np.random.default_rng(0), pair, [7, NO_DIGIT], 64, 1.0)
    assert np.array_equal(letter.mask, pair[1].mask)
    assert not np.array_equal(seven.mask, pair[0].mask)
    monkeypatch.setattr(glyphs, 'WAVERING', 1.0)
    _, letter = restyle(np.random.default_rng(0), pair, [7, NO_DIGIT], 64, 1.0)
    assert not np.array_equal(letter.mask, pair[1].mask)


def test_nothing_changes_at_hardness_0():
    assert all(new is old for seed in range(20) for new, old in zip(restyle_all(seed, 0.0), GLYPHS, strict=True))


def restyle_all(seed: int, hardness: float):
    return restyle(np.random.default_rng(seed), GLYPHS, range(10), 64, hardness)


def test_changed_digits_keep_place_and_size_and_stay_cropped():
    changed = 0
    for seed in range(60):
        for new, old in zip(restyle_all(seed, 1.0), GLYPHS, strict=True):
            changed += not np.array_equal(new.mask, old.mask)
            assert abs(new.top - old.top) < 0.2
            assert abs(new.mask.shape[0] - old.mask.shape[0]) < 0.35 * 64
            assert np.all(new.hull.min(axis=0) == 0)
            assert np.all(new.hull.max(axis=0) == new.mask.shape[::-1])
    assert 0.2 < changed / 600 < 0.7
