"""LCD and LED displays."""

import numpy as np
import pytest

from custom.synth import panel as panels
from custom.synth.domains import displays
from custom.synth.fonts import digit_faces
from custom.synth.scene import Assets

ASSETS = Assets(digit_faces())
PLAIN = displays.Style('seven', 0.5, 0.2, 0.1, 0.01, 1.0, False, False, 0.0, True, False)
# x, y in the middle of the segments a to g of a cell 0.5 wide and 1 high.
CENTRES = {'a': (0.25, 0.05), 'b': (0.45, 0.27), 'c': (0.45, 0.73), 'd': (0.25, 0.95), 'e': (0.05, 0.73),
           'f': (0.05, 0.27), 'g': (0.25, 0.5)}  # fmt: skip


def lit_mask(row: displays.Row) -> np.ndarray:
    """Draw a row whose digits are 100 px high; (0, 0) of its plane is at pixel 20, 20."""
    shown = panels.rectangle(-0.2, -0.2, row.right + 0.2, 1.2)
    panel = panels.Panel(np.random.default_rng(0), shown, 100.0, 0.0)
    panel.matrix = np.array([[100.0, 0, 20], [0, 100.0, 20], [0, 0, 1]])
    panel.image = np.zeros((140, round(100 * row.right) + 40, 3), np.float32)
    return panel.mask(row.lit)


@pytest.mark.parametrize('mitred', [False, True])
@pytest.mark.parametrize('slant', [0.0, 0.2])
def test_each_digit_lights_its_segments(mitred, slant):
    style = PLAIN._replace(mitred=mitred, slant=slant)
    row = displays.lay_row(np.random.default_rng(0), style, '0123456789', 0.0, 0.0)
    mask = lit_mask(row)
    assert row.digits == list(range(10))
    for digit in range(10):
        for name, (x, y) in CENTRES.items():
            across = digit * 0.7 + x + (1 - y) * slant
            lit = mask[round(20 + 100 * y), round(20 + 100 * across)] > 0.9
            assert lit == (name in displays.SEGMENTS[str(digit)]), (digit, name)


def test_a_one_is_as_narrow_as_its_ink():
    row = displays.lay_row(np.random.default_rng(0), PLAIN, '18', 0.0, 0.0)
    widths = [float(np.ptp(hull[:, 0])) for hull in row.hulls]
    assert widths == pytest.approx([0.1, 0.5])


def test_blank_cells_and_marks_are_no_digits():
    row = displays.lay_row(np.random.default_rng(0), PLAIN, '  -1.2:3,4', 0.0, 0.0)
    assert row.digits == [1, 2, 3, 4]
    assert min(hull[:, 0].min() for hull in row.hulls) > 3 * 0.7  # after two blanks and a sign
    assert len(row.ghosts) == 7 * 7  # blanks have ghosts


def test_digits_have_distinct_forms():
    assert len({displays.SEGMENTS[str(digit)] for digit in range(10)}) == 10
    assert len({displays.DOTS[str(digit)] for digit in range(10)}) == 10
    letters = {displays.SEGMENTS[letter] for letter in displays.SEGMENTS if not letter.isdigit()}
    assert not letters & {displays.segments_of(str(d), PLAIN._replace(tailed=t)) for d in range(10) for t in (0, 1)}


def test_digits_stand_out_in_clean_images():
    found = []
    for seed in range(30):
        image, bboxes, _ = displays.draw(np.random.default_rng(seed), ASSETS, 0.0)
        found += [np.ptp(image[y : y + h, x : x + w].mean(axis=2)) for x, y, w, h in bboxes]
    assert np.mean(np.array(found) > 25) > 0.97  # of 255


def test_contrast_has_a_lower_limit():
    rng = np.random.default_rng(0)
    hard = [displays.draw_lcd(rng, 1.0).contrast for _ in range(300)]
    clean = [displays.draw_lcd(rng, 0.0).contrast for _ in range(300)]
    assert min(hard) >= displays.LEAST_CONTRAST
    assert min(hard) < 0.15
    assert min(clean) >= 0.6


def test_illegible_numbers_are_not_labelled_nor_drawn():
    shown = panels.rectangle(0, 0, 4, 2)
    panel = panels.Panel(np.random.default_rng(0), shown, 20.0, 0.0)
    before = panel.image.copy()
    face, black = ASSETS.faces[0], np.zeros(3, np.float32)
    assert panel.write(face, '12', (1, 0.5), 0.3, black) == 0.0  # 6 px
    assert np.array_equal(panel.image, before)
    panel.write(face, '12', (1, 0.5), 0.2, black)  # 4 px: too small to be read
    assert not panel.annotate(np.random.default_rng(0), 0.0)[1].size
    panel.write(face, 'A34', (1, 0.5), 0.8, black)
    assert panel.annotate(np.random.default_rng(0), 0.0)[1].tolist() == [3, 4]
