"""Lines of text: words, codes, typesetting, local masks."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from custom.synth.fonts import Face, Glyph, digit_faces, draw_glyph
from custom.synth.number import PlacedGlyph
from custom.synth.paint import ink_mask
from custom.synth.text import (
    LETTERS,
    Line,
    difference,
    dotted,
    draw_affixes,
    draw_code,
    draw_letters,
    draw_word,
    glyph_size,
    ink_bounds,
    local_mask,
    lookalikes,
    numbers_of,
    set_line,
)

BUNDLED = Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf'
FACE = Face(str(BUNDLED / 'DejaVuSans-Bold.ttf'))


def test_words_have_letters_only():
    words = {draw_word(np.random.default_rng(seed)) for seed in range(300)}
    assert len(words) > 150
    assert all(word.isalpha() for word in words)
    assert not any(set(word.upper()) <= set('OIZSDGB') for word in words)  # which could be read as a number


def test_codes_have_digits_and_most_of_them_letters():
    codes = [draw_code(np.random.default_rng(seed), FACE) for seed in range(300)]
    assert all(any(char.isdigit() for char in code) for code in codes)
    assert 0.4 < np.mean([any(char.isalpha() for char in code) for code in codes]) < 0.9
    assert max(len(code) for code in codes) <= 14


def test_a_letter_drawn_as_a_digit_is_known():
    faces = [FACE, Face(str(BUNDLED / 'cmb10.ttf')), Face(str(BUNDLED / 'STIXGeneral.ttf'))]
    for face in faces:
        assert not set(lookalikes(face)) & set('ABCDEFGHJKLMNPRSTUVWXYZabcdefghjkmnprstuvwxyz')
    assert 'o' not in lookalikes(FACE)  # it is lower than the digits


def test_lookalikes_differ_between_faces():
    square = next(face for face in digit_faces() if 'black_ops_one' in face.path)  # a 0 with square corners
    assert 'D' in lookalikes(square)
    assert set(lookalikes(FACE)) == set('OQ')


def glyph(mask: np.ndarray, top: float) -> Glyph:
    corners = np.array([[0, 0], [mask.shape[1], 0], [0, mask.shape[0]], mask.shape[::-1]], np.float32)
    return Glyph(mask, top, corners)


def test_the_difference_is_the_share_of_ink_that_only_one_glyph_has():
    full = np.full((20, 10), 255, np.uint8)
    half = full.copy()
    half[10:] = 0
    assert difference(glyph(full, 0.0), glyph(full, 0.0), 20) == 0
    assert difference(glyph(full, 0.0), glyph(half, 0.0), 20) == pytest.approx(0.5)
    assert difference(glyph(full, 0.0), glyph(full[:10], 0.5), 20) == pytest.approx(0.5)  # as low as a small letter
    assert difference(glyph(full, 0.0), glyph(full[:, :5], 0.0), 20) == 0  # the width does not count
    assert difference(glyph(full, 0.0), glyph(full, 2.0), 20) == pytest.approx(1.0)  # below the canvas


def test_letters_of_a_code_are_no_lookalikes():
    for face in digit_faces()[::12]:
        banned = set(lookalikes(face))
        for seed in range(30):
            letters = draw_letters(np.random.default_rng(seed), face, 3, LETTERS)
            assert len(letters) == 3
            assert not set(letters) & banned


def test_letters_stand_before_or_after_a_number_and_most_after_it():
    affixes = [draw_affixes(np.random.default_rng(seed), FACE) for seed in range(300)]
    assert all((before + after).replace(' ', '').isalpha() for before, after in affixes)
    assert 0.6 < np.mean([bool(after) for _, after in affixes]) < 0.95
    assert {char.upper() for pair in affixes for char in ''.join(pair)} >= set('ABCDEFGHJKLMNPQRSTUVWXYZ')


def test_a_line_is_centred_and_as_high_as_a_digit():
    line = set_line(FACE, '10 N', 64, spacing=0.1)
    bounds = ink_bounds(line.glyphs)
    assert line.text == '10N'
    assert line.starts == [0, 1, 3]
    assert (bounds[0, 0], bounds[-1, 2]) == pytest.approx((-line.half, line.half), abs=0.02)
    assert bounds[1, 1] == pytest.approx(-0.5, abs=0.03)
    assert bounds[1, 3] == pytest.approx(0.5, abs=0.03)
    gaps = bounds[1:, 0] - bounds[:-1, 2]
    assert gaps == pytest.approx([0.1, 0.5], abs=0.01)


def test_a_line_without_digits_is_not_changed():
    plain = set_line(FACE, 'NK', 64)
    for seed in range(20):
        varied = set_line(FACE, 'NK', 64, rng=np.random.default_rng(seed), hardness=1.0)
        assert all(new.glyph is old.glyph for new, old in zip(varied.glyphs, plain.glyphs, strict=True))


def test_letters_are_stroked_like_the_digits_of_their_line():
    plain = set_line(FACE, 'N73K', 64)
    varied = [set_line(FACE, 'N73K', 64, rng=np.random.default_rng(seed), hardness=1.0) for seed in range(20)]
    changed = [
        [not np.array_equal(new.glyph.mask, old.glyph.mask) for new, old in zip(line.glyphs, plain.glyphs, strict=True)]
        for line in varied
    ]
    assert all(one[0] == one[3] for one in changed)
    assert any(one[0] and one[1] and one[2] for one in changed)  # heavier, hand-drawn, stencilled
    assert any(one[1] and not one[0] for one in changed)  # another form of the 7
    for line in varied:
        bounds = ink_bounds(line.glyphs)
        assert bounds[1:, 0] - bounds[:-1, 2] == pytest.approx([0.1] * 3, abs=0.02)


@pytest.mark.parametrize(
    ('text', 'numbers'),
    [('A12', [[1, 2]]), ('12-14', [[0, 1], [3, 4]]), ('12 14', [[0, 1], [2, 3]]), ('EXIT', []), ('7B7', [[0], [2]])],
)
def test_neighbouring_digits_are_one_number(text, numbers):
    assert numbers_of(set_line(FACE, text, 32)) == numbers


def test_an_empty_line_has_no_number():
    assert set_line(FACE, ' ', 32) == Line('', [], [], pytest.approx(0.15))


def test_a_local_mask_is_the_part_of_the_whole_one():
    line = set_line(FACE, '4A', 32)
    matrix = np.array([[20.0, 3, 40], [2, 22, 25], [0.0005, 0, 1]])
    glyphs = [PlacedGlyph(one.glyph, matrix @ one.matrix) for one in line.glyphs]
    whole = ink_mask(glyphs, 60, 90, 1)
    part, mask = local_mask(glyphs, 60, 90, 2)
    assert mask.shape == whole[part].shape
    assert np.abs(whole[part] - mask).max() < 0.1
    assert whole.sum() == pytest.approx(whole[part].sum())


def test_a_mask_off_the_image_is_empty():
    line = set_line(FACE, '4', 32)
    matrix = np.array([[20.0, 0, 400], [0, 20, 25], [0, 0, 1]])
    _, mask = local_mask([PlacedGlyph(one.glyph, matrix @ one.matrix) for one in line.glyphs], 60, 90, 2)
    assert not mask.size


def test_dots_cover_less_than_the_strokes_and_nothing_else():
    glyph = draw_glyph(FACE, '8', 64)
    dots = dotted(glyph, 12)
    assert dots.mask.shape == glyph.mask.shape
    assert 0.4 < (dots.mask > 127).sum() / (glyph.mask > 127).sum() < 0.9


@pytest.mark.parametrize(('height', 'size'), [(8, 32), (33, 64), (300, 256)])
def test_glyphs_are_as_large_as_they_are_drawn(height, size):
    assert glyph_size(height) == size
