"""Signs of letters and digits."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from custom.synth.domains.plaques import KINDS, LEAST, draw, draw_plane, draw_rows, draw_sign, fold, label_sign, unfold
from custom.synth.fonts import Face
from custom.synth.number import project
from custom.synth.scene import Assets

FACE = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))
ASSETS = Assets([FACE])


@pytest.mark.parametrize('kind', KINDS)
def test_a_sign_labels_the_digits_of_its_text_and_no_letter(kind):
    letters = 0
    for seed in range(25):
        rows = draw_rows(np.random.default_rng([seed, 1]), kind, FACE)
        text = ''.join(row.text for row in rows)
        assert any(char.isdigit() for char in text)
        letters += any(char.isalpha() for char in text)

        sign = draw_sign(np.random.default_rng(seed), ASSETS, kind, 40.0, 0.5)
        positions = [position for number in sign.numbers for position in number]
        assert len(positions) == len(set(positions)) == len(sign.digits) >= 1
        assert max(positions) < len(sign.glyphs)
        assert 1 <= len(sign.numbers) <= 6
    assert letters > 5


def test_boxes_are_around_the_digits_of_a_flat_sign():
    sign = draw_sign(np.random.default_rng(1), ASSETS, 'bib', 40.0, 0.0)
    matrix = np.array([[30.0, 0, 200], [0, 30, 100], [0, 0, 1]])
    (number,) = sign.numbers
    bboxes = label_sign(np.random.default_rng(0), sign, matrix, 1, (400, 200), 0.0)
    assert len(bboxes) == len(number) == len(sign.digits)
    for (x, y, w, h), position in zip(bboxes.tolist(), number, strict=True):
        placed = sign.glyphs[position]
        ink = project(matrix @ placed.matrix, placed.glyph.hull)
        assert x <= ink[:, 0].min() + 0.5 < ink[:, 0].max() - 0.5 <= x + w
        assert y <= ink[:, 1].min() + 0.5 < ink[:, 1].max() - 0.5 <= y + h
        assert h < 1.5 * np.ptp(ink[:, 1])


def test_rotation_stays_within_its_limit():
    angles = []
    for seed in range(200):
        plane = draw_plane(np.random.default_rng(seed), np.array([2.0, 1.0]), 1.0)
        ends = project(plane, np.array([[-0.1, 0.0], [0.1, 0.0]]))
        angles.append(np.degrees(np.arctan2(*(ends[1] - ends[0])[::-1])))
    assert 4 < np.std(angles) < 12
    assert np.abs(angles).max() < 36  # 25 degrees and the shear


def test_points_follow_the_folds():
    image = np.zeros((80, 120, 3), np.float32)
    marks = [(30, 20), (60, 40), (95, 60)]  # x, y
    for x, y in marks:
        image[y - 1 : y + 2, x - 1 : x + 2] = 1
    folded, shift = fold(np.random.default_rng(3), image, 30.0, 0.05)
    found = unfold(np.array(marks, float), shift)
    assert np.abs(shift).max() > 1
    for x, y in found:
        row, column = round(y), round(x)
        part = folded[row - 3 : row + 4, column - 3 : column + 4, 0]
        rows, columns = np.mgrid[-3:4, -3:4]
        centre = (columns * part).sum() / part.sum(), (rows * part).sum() / part.sum()
        assert np.abs(centre).max() < 1


def test_digits_are_high_enough_to_be_read():
    heights = [draw(np.random.default_rng(seed), ASSETS, 0.5).bboxes[:, 3].min() for seed in range(25)]
    assert min(heights) >= LEAST
