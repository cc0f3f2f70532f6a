"""How a number's digits are made: painted, raised, embossed, outlined, hollow; of metal or worn."""

from collections.abc import Sequence

import cv2
import numpy as np

from .number import Number, Stroke, project
from .walls import INKS, LUMA, PLATES, blend, clouds, polygon, wall_colour

TILED = 0.12  # share of the plates that are a row of tiles


def rounded(centre: np.ndarray, half: np.ndarray, power: float) -> np.ndarray:
    """(48, 2) corners of a superellipse: an oval for power 2, a rectangle with round corners above."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False) + np.pi / 48
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    return centre + half * np.sign(unit) * np.abs(unit) ** (2 / power)


def shade_under(rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, reach: float, soft: float) -> None:
    """Darken `image` in place where the thing under `mask` throws its shadow.

    Args:
        rng: Source of randomness.
        image: (h, w, 3) float32.
        mask: (h, w) float32 in 0..1.
        reach: Standard deviation of the shadow's distance, in pixels.
        soft: Blur of its edge, in pixels.
    """
    shift = rng.normal(0, reach, 2)
    cast = cv2.warpAffine(mask, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), mask.shape[::-1])
    image *= 1 - rng.uniform(0.2, 0.6) * cv2.GaussianBlur(cast, (0, 0), soft + 0.3)[..., None]


def _tiles(number: Number, room: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Middle and half size of a tile for each digit, in the number's plane; neighbours touch."""
    inverse = np.linalg.inv(number.plane)
    inks = [project(inverse @ one.matrix, one.glyph.hull) for one in number.strokes]
    lows, highs = (np.array([getattr(points, end)(axis=0) for points in inks]) for end in ('min', 'max'))
    joints = (highs[:-1, 0] + lows[1:, 0]) / 2
    lefts = np.concatenate([[lows[0, 0] - room], joints])
    rights = np.concatenate([joints, [highs[-1, 0] + room]])
    tops, feet = lows[:, 1] - room, highs[:, 1] + room
    middles = np.column_stack([lefts + rights, tops + feet]) / 2
    return list(zip(middles, np.column_stack([rights - lefts, feet - tops]) / 2, strict=True))


def add_plate(rng: np.random.Generator, image: np.ndarray, number: Number, unit: float, fine: int) -> np.ndarray:
    """Put a plate behind the number, in place.

    Args:
        rng: Source of randomness.
        image: (h, w, 3) float32, `fine` times the photo's size.
        number: What goes on the plate.
        unit: Height of a digit in `image`, in pixels.
        fine: Pixels of `image` to a photo's.

    Returns:
        (3,) float32: the colour of the digits on it.
    """
    height, width = image.shape[:2]
    zoom = np.diag([fine, fine, 1.0]) @ number.plane
    half = np.array(number.half) + rng.uniform(0.06, 0.4, 2) * (1.2, 1.0)
    power = rng.choice([2.6, 6.0, 12.0, 40.0], p=[0.1, 0.12, 0.25, 0.53])
    if power < 4:
        half *= 1.25
    parts = [(rng.normal(0, 0.03, 2), half)]
    if rng.random() < TILED and abs(number.half[1] - 0.5) < 0.2:
        parts = _tiles(number, rng.uniform(0.08, 0.25))
    common = rng.integers(len(PLATES), size=2).min()
    colours = PLATES[common] + rng.normal(0, 0.03, (2, 3)).astype(np.float32)
    shapes = [polygon(height, width, project(zoom, rounded(*part, power))) for part in parts]
    mask = np.maximum.reduce(shapes)
    if rng.random() < 0.5:
        shade_under(rng, image, mask, 0.06 * unit, 0.05 * unit)
    enamel = colours[0] + clouds(rng, height, width, unit, unit)[..., None] * rng.uniform(0, 0.05)
    blend(image, enamel.astype(np.float32), mask)
    rim = rng.random() < (0.65 if colours[0].mean() < 0.5 else 0.4) or len(parts) > 1
    outer, thick = rng.choice([0.0, rng.uniform(0.02, 0.06)]), rng.uniform(0.02, 0.08)
    bright = colours[1] if len(parts) == 1 else colours[0] * np.float32(rng.uniform(0.3, 0.8))
    for middle, extent in parts if rim else ():  # a line along the rim, the joints of tiles
        ring = polygon(height, width, project(zoom, rounded(middle, extent - outer, power)))
        ring -= polygon(height, width, project(zoom, rounded(middle, extent - outer - thick, power)))
        blend(image, bright, np.clip(ring, 0, 1))
    if rng.random() < 0.3:  # screws
        middle, extent = np.mean([part[0] for part in parts], axis=0), np.array(half)
        for sign in ((-1, 0), (1, 0)) if rng.random() < 0.5 else ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            spot = rounded(middle + np.array(sign) * (extent - 0.06), np.full(2, rng.uniform(0.015, 0.04)), 2)
            blend(image, wall_colour(rng), polygon(height, width, project(zoom, spot)))
    return colours[1]


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
