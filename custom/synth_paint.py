"""How a number's digits are made: painted, raised, embossed, outlined, hollow; of metal or worn."""

from collections.abc import Sequence

import cv2
import numpy as np

from custom.synth_number import Stroke
from custom.synth_plates import shade_under
from custom.synth_surfaces import INKS, LUMA, blend, clouds

KINDS = ('flat', 'raised', 'embossed', 'outlined', 'hollow')
SHARES = (0.5, 0.2, 0.2, 0.07, 0.03)


def ink_mask(strokes: Sequence[Stroke], height: int, width: int, fine: int) -> np.ndarray:
    """(height, width) float32 in 0..1, the strokes' ink at `fine` times the photo's size."""
    mask = np.zeros((height, width), np.uint8)
    zoom = np.diag([fine, fine, 1.0])
    for stroke in strokes:
        warped = cv2.warpPerspective(stroke.glyph.mask, zoom @ stroke.matrix, (width, height))
        np.maximum(mask, warped, out=mask)
    return mask.astype(np.float32) / 255


def choose_ink(rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, least: float) -> np.ndarray:
    """(3,) float32: an ink that differs in brightness from what is under `mask` by `least` or as much as any does."""
    ground = image[mask > 0.5].mean(axis=0) if (mask > 0.5).any() else image.mean(axis=(0, 1))
    inks = INKS[rng.permutation(len(INKS))]
    contrast = np.abs((inks - ground) @ LUMA)
    good = np.flatnonzero(contrast >= least)
    return inks[good[0] if len(good) else contrast.argmax()]


def _moved(mask: np.ndarray, by: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(mask, np.array([[1, 0, by[0]], [0, 1, by[1]]]), mask.shape[::-1])


def paint(
    rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, ink: np.ndarray, unit: float, hardness: float
) -> None:
    """Draw the number on `image`, in place.

    Args:
        rng: Source of randomness.
        image: (h, w, 3) float32.
        mask: (h, w) float32 in 0..1, the digits.
        ink: (3,) float32, their colour.
        unit: Height of a digit in pixels.
        hardness: 0 to 1; more wear, less contrast.
    """
    height, width = mask.shape
    kind = KINDS[rng.choice(len(KINDS), p=SHARES)]
    reach = max(1, round(unit * rng.uniform(0.02, 0.06)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    if kind in ('raised', 'embossed'):
        shade_under(rng, image, mask, 0.04 * unit, 0.02 * unit)
    elif kind == 'outlined':
        blend(image, np.clip(1 - ink, 0, 1) * 0.8, cv2.dilate(mask, disc))
    elif kind == 'hollow':
        mask = np.clip(cv2.dilate(mask, disc) - mask, 0, 1)
    worn = mask * (1 - rng.uniform(0, 0.1 + 0.3 * hardness) * rng.random())
    if rng.random() < 0.25 * hardness:
        worn = worn * np.clip(1.3 + clouds(rng, height, width, 0.15 * unit, 0.15 * unit), 0.1, 1)
    gloss = rng.uniform(0, 0.15 if kind == 'embossed' else 0.08)  # reflections lie across metal digits
    colour = ink + clouds(rng, height, width, 0.3 * unit, 2 * unit)[..., None] * gloss
    blend(image, colour.astype(np.float32), worn)
    if kind == 'embossed':  # one side of every stroke is lit, the other dark
        angle, depth = rng.uniform(0, 2 * np.pi), unit * rng.uniform(0.015, 0.045)
        by = depth * np.array([np.cos(angle), np.sin(angle)])
        lit, dark = (np.clip(mask - _moved(mask, side), 0, 1) for side in (by, -by))
        blend(image, np.full(3, rng.uniform(0.7, 1.0), np.float32), lit * rng.uniform(0.2, 0.8))
        blend(image, np.full(3, rng.uniform(0.0, 0.2), np.float32), dark * rng.uniform(0.2, 0.8))
