"""What hands and weather make of a typeface's digits: heavier, lighter, wavering."""

from collections.abc import Sequence

import cv2
import numpy as np

from custom.synth_fonts import Glyph, as_glyph
from custom.synth_surfaces import clouds

WAVERING = 0.18  # share of the numbers at hardness 1 that look painted or cut by hand
HEAVIER = 0.3  # share whose strokes are thickened or thinned


def thicken(mask: np.ndarray, pixels: int) -> np.ndarray:
    """(h, w) uint8 mask with its strokes grown by `pixels` on each side; thinned where that is negative."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(pixels) + 1,) * 2)
    return (cv2.dilate if pixels > 0 else cv2.erode)(mask, disc)


def waver(rng: np.random.Generator, mask: np.ndarray, size: int, strength: float) -> np.ndarray:
    """(h, w) uint8 mask bent by smooth noise of `strength` * `size` pixels."""
    height, width = mask.shape
    cell = 0.45 * size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    across, down = (clouds(rng, height, width, cell, cell) * np.float32(strength * size) for _ in range(2))
    return cv2.remap(mask, x + across, y + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def restyle(rng: np.random.Generator, glyphs: Sequence[Glyph | None], size: int, hardness: float) -> list[Glyph]:
    """Change the digits of one number, all in the same manner.

    Args:
        rng: Source of randomness.
        glyphs: The typeface's digits; each is there.
        size: Pixels of the typeface's '0', top to bottom.
        hardness: 0 to 1; at 0 nothing is changed.

    Returns:
        As many glyphs.
    """
    whole = [one for one in glyphs if one is not None]
    assert len(whole) == len(glyphs)  # a face is chosen for its ten digits
    grown = round(size * rng.uniform(-0.03, 0.07)) if rng.random() < HEAVIER * hardness else 0
    strength = rng.uniform(0.015, 0.04) if rng.random() < WAVERING * hardness else 0.0
    if not grown and not strength:
        return whole
    edge = max(2, round(0.15 * size))
    changed = []
    for one in whole:
        mask = np.pad(one.mask, edge)
        if grown:
            mask = thicken(mask, grown)
        if strength:
            mask = waver(rng, mask, size, strength)
        # Strokes that were too thin for it stay as they were.
        kept = (mask > 127).sum() > 0.5 * (one.mask > 127).sum()
        new = as_glyph(mask, one.top - edge / size, size) if kept else None
        changed.append(new or one)
    return changed
