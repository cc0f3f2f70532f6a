"""Variation of a typeface's characters: heavier, hand-drawn, stencilled; other forms of the digits 1, 3 and 7.

The `mask` of a digit here is (h, w) uint8, 255 where there is ink. The functions return a new one.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from .fonts import Glyph, crop_glyph
from .walls import clouds

WAVERING = 0.18  # share of the numbers at hardness 1 with strokes as painted or cut by hand
HEAVIER = 0.3  # share whose strokes are thickened or thinned
STENCILLED = 0.07  # share that was sprayed through a stencil, whose bridges leave gaps
BARRED = 0.2  # share whose 7 has a bar, as in handwriting in much of Europe
FLAT = 0.2  # share whose 3 has a flat top; few typefaces with serifs have one, many enamel plates do
FLAGGED = 0.12  # share whose 1 begins with a long stroke upwards
NO_DIGIT = -1  # in place of the digit of a letter beside the digits
UPRIGHT = 0.5  # share whose 7 has a short bar and a steep stem, as on road signs; its bar tells it from a 1


def thicken(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Grow the strokes by `pixels` on each side, or thin them where that is negative."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(pixels) + 1,) * 2)
    return (cv2.dilate if pixels > 0 else cv2.erode)(mask, disc)


def waver(rng: Generator, mask: np.ndarray, size: int, strength: float) -> np.ndarray:
    """Warp the strokes by smooth noise of `strength` * `size` pixels."""
    height, width = mask.shape
    cell = 0.45 * size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    across, down = (clouds(rng, height, width, cell, cell) * np.float32(strength * size) for _ in range(2))
    return cv2.remap(mask, x + across, y + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def cut_bridges(mask: np.ndarray, digit: int, position: float, wide: int) -> np.ndarray:
    """Cut a stencil's gap, `wide` pixels, at `position`, a share of the width, into a digit cropped to its ink.

    The gap is upright. In a 1 or a 7, whose stem it would remove, it is level, and `position` a share of the height.
    """
    cut = mask.copy()
    along = cut if digit in (1, 7) else cut.T  # a view
    start = round(position * along.shape[0] - wide / 2)
    along[max(0, start) : start + wide] = 0
    return cut


def bar_seven(mask: np.ndarray, position: float, size: int) -> np.ndarray:
    """Draw a level bar across the stem of a 7 at `position` of its height; the mask must have room for the bar."""
    rows = np.flatnonzero(mask.max(axis=1) > 127)
    row = round(rows[0] + position * (rows[-1] - rows[0]))
    stem = np.flatnonzero(mask[row] > 127)
    if not stem.size:
        return mask
    half, thick = round(0.5 * stem.size + 0.16 * size), max(1, round(min(0.12 * size, stem.size) / 2))
    middle = round(stem.mean())
    barred = mask.copy()
    barred[row - thick : row + thick, max(0, middle - half) : middle + half] = 255
    return barred


def flatten_three(mask: np.ndarray, serif: bool) -> np.ndarray:
    """Replace the upper bowl of a 3, cropped to its ink, by a level bar and a stroke to the centre."""
    height, width = mask.shape
    arc = mask[: height // 3, width // 2] > 127
    thick = int(np.clip(arc.sum(), 0.08 * height, 0.18 * height))
    stroke = max(1, round(0.8 * thick))
    flat = mask.copy()
    flat[: round(0.45 * height)] = 0
    left, right = round(0.06 * width), round(0.97 * width)
    flat[:thick, left:right] = 255
    if serif:
        flat[: thick + round(0.1 * height), left : left + stroke] = 255
    ends = (right - stroke // 2 - 1, thick // 2), (round(0.42 * width), round(0.46 * height))
    return cv2.line(flat, *ends, 255, stroke, cv2.LINE_AA)


def flag_one(mask: np.ndarray, across: int, down: int) -> np.ndarray:
    """Draw a stroke up to the top of a 1 from `across` pixels left of its stem, where the mask must have room for it.

    The stroke starts `down` pixels below its end.
    """
    rows = np.flatnonzero(mask.max(axis=1) > 127)
    stem = np.flatnonzero(mask[round(rows[0] + 0.65 * (rows[-1] - rows[0]))] > 127)
    if not stem.size:
        return mask
    stroke = max(1, round(0.7 * stem.size))
    top = (int(stem.mean()), int(rows[0] + stroke // 2))
    return cv2.line(mask.copy(), top, (int(stem[0]) - across, top[1] + down), 255, stroke, cv2.LINE_AA)


def upright_seven(mask: np.ndarray, wide: float, lean: float) -> np.ndarray:
    """Return a 7 of two strokes with round ends, in the height and weight of `mask`: a level bar and a steep stem.

    `wide` is its width and `lean` the distance from the stem's foot to the right edge, both in heights.
    """
    height = mask.shape[0]
    bar = (mask[: height // 2, mask.shape[1] // 3] > 127).sum()
    stroke = int(np.clip(bar, 0.08 * height, 0.22 * height))
    width = max(round(wide * height), round(2.6 * stroke))
    near, foot = (stroke - 1) // 2, width - 1 - stroke // 2
    points = [(near, near), (foot, near), (max(near, foot - round(lean * height)), height - 1 - stroke // 2)]
    seven = np.zeros((height, width), np.uint8)
    return cv2.polylines(seven, [np.array(points, np.int32)], False, 255, stroke, cv2.LINE_AA)


def restyle(
    rng: Generator, glyphs: Sequence[Glyph | None], digits: Sequence[int], size: int, hardness: float
) -> list[Glyph]:
    """Change the glyphs of a number, all in the same manner; at hardness 0 nothing is changed.

    None of the glyphs may be None. `digits` has the digit of each, `NO_DIGIT` for a letter. `size` is the height of the
    typeface's '0' in pixels.
    """
    whole = [glyph for glyph in glyphs if glyph is not None]
    assert len(whole) == len(glyphs)  # `digit_faces` keeps faces with ten digits
    grown = round(size * rng.uniform(-0.03, 0.07)) if rng.random() < HEAVIER * hardness else 0
    strength = rng.uniform(0.015, 0.04) if rng.random() < WAVERING * hardness else 0.0
    bridge = round(size * rng.uniform(0.05, 0.11)) if rng.random() < STENCILLED * hardness else 0
    barred = 7 in digits and rng.random() < BARRED * hardness
    flat = 3 in digits and rng.random() < FLAT * hardness
    flagged = 1 in digits and rng.random() < FLAGGED * hardness
    upright = 7 in digits and rng.random() < UPRIGHT * hardness
    if not (grown or strength or bridge or barred or flat or flagged or upright):
        return whole
    gap, bar, serif = rng.uniform(0.42, 0.58), rng.uniform(0.42, 0.6), rng.random() < 0.5
    across, down = (round(size * share) for share in rng.uniform((0.15, 0.2), (0.35, 0.45)))
    wide, lean = rng.uniform((0.36, 0.0), (0.6, 0.25))
    edge = max(2, round(0.15 * size))
    changed = []
    for old, digit in zip(whole, digits, strict=True):
        mask = old.mask
        if flat and digit == 3:
            mask = flatten_three(mask, serif)
        if upright and digit == 7:
            mask = upright_seven(mask, wide, lean)
        mask = np.pad(cut_bridges(mask, digit, gap, bridge) if bridge else mask, edge)
        if barred and digit == 7:
            mask = bar_seven(mask, bar, size)
        if flagged and digit == 1:
            mask = flag_one(np.pad(mask, ((0, 0), (across, 0))), across, down)
        if grown:
            mask = thicken(mask, grown)
        if strength:
            mask = waver(rng, mask, size, strength)
        # A character of thin strokes that loses half of its ink stays as it was.
        kept = (mask > 127).sum() > 0.5 * (old.mask > 127).sum()
        changed.append((crop_glyph(mask, old.top - edge / size, size) if kept else None) or old)
    return changed
