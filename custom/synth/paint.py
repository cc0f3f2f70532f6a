"""Plates and digit styles: painted, raised, embossed, outlined, hollow; of metal or worn."""

import functools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from .number import Number, PlacedGlyph, project
from .walls import INKS, LUMA, PLATES, blend, clouds, polygon, wall_colour

TILED = 0.12  # share of the plates that are a row of tiles
KINDS = ('flat', 'raised', 'embossed', 'outlined', 'hollow')
SHARES = (0.5, 0.2, 0.2, 0.07, 0.03)


def superellipse(centre: np.ndarray, half: np.ndarray, power: float) -> np.ndarray:
    """Return 48 corners, (48, 2), of a superellipse: an ellipse for power 2, a rounded rectangle for higher ones."""
    signs, shape = _superellipse(float(power))
    return centre + half * signs * shape


@functools.lru_cache(maxsize=64)
def _superellipse(power: float) -> tuple[np.ndarray, np.ndarray]:
    """Return signs and absolute values, both (48, 2), of the corners of a superellipse of half size 1."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False) + np.pi / 48
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    return np.sign(unit), np.abs(unit) ** (2 / power)


def _shifted(mask: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Move a mask by x, y pixels."""
    return cv2.warpAffine(mask, np.array([[1, 0, by[0]], [0, 1, by[1]]]), mask.shape[::-1])


def cast_shadow(rng: Generator, image: np.ndarray, mask: np.ndarray, reach: float, soft: float) -> None:
    """Darken `image` by the shadow of the object under `mask`.

    `reach` is the standard deviation of the shadow's distance, `soft` the blur of its edge, both in pixels.
    """
    shadow = _shifted(mask, rng.normal(0, reach, 2))
    image *= 1 - rng.uniform(0.2, 0.6) * cv2.GaussianBlur(shadow, (0, 0), soft + 0.3)[..., None]


def _tiles(number: Number, room: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the centre and half size, in the number's plane, of a tile for each character; neighbours touch."""
    inverse = np.linalg.inv(number.plane)
    inks = [project(inverse @ placed.matrix, placed.glyph.hull) for placed in number.glyphs]
    lows, highs = (np.array([getattr(points, end)(axis=0) for points in inks]) for end in ('min', 'max'))
    joints = (highs[:-1, 0] + lows[1:, 0]) / 2
    lefts = np.concatenate([[lows[0, 0] - room], joints])
    rights = np.concatenate([joints, [highs[-1, 0] + room]])
    tops, feet = lows[:, 1] - room, highs[:, 1] + room
    centres = np.column_stack([lefts + rights, tops + feet]) / 2
    return list(zip(centres, np.column_stack([rights - lefts, feet - tops]) / 2, strict=True))


def add_plate(rng: Generator, image: np.ndarray, number: Number, unit: float) -> np.ndarray:
    """Draw a plate behind the number; return the colour, (3,) float32, of the digits on it."""
    height, width = image.shape[:2]
    zoom = np.diag([width / number.width, width / number.width, 1.0]) @ number.plane

    def shape(centre: np.ndarray, half: np.ndarray, power: float) -> np.ndarray:
        return polygon(height, width, project(zoom, superellipse(centre, half, power)))

    half = np.array(number.half) + rng.uniform(0.06, 0.4, 2) * (1.2, 1.0)
    power = rng.choice([2.6, 6.0, 12.0, 40.0], p=[0.1, 0.12, 0.25, 0.53])
    if power < 4:
        half *= 1.25
    parts = [(rng.normal(0, 0.03, 2), half)]
    if rng.random() < TILED and abs(number.half[1] - 0.5) < 0.2:
        parts = _tiles(number, rng.uniform(0.08, 0.25))
    common = rng.integers(len(PLATES), size=2).min()
    colours = PLATES[common] + rng.normal(0, 0.03, (2, 3)).astype(np.float32)
    mask = np.maximum.reduce([shape(*part, power) for part in parts])
    if rng.random() < 0.5:
        cast_shadow(rng, image, mask, 0.06 * unit, 0.05 * unit)
    enamel = colours[0] + clouds(rng, height, width, unit, unit)[..., None] * rng.uniform(0, 0.05)
    blend(image, enamel.astype(np.float32), mask)
    rim = rng.random() < (0.65 if colours[0].mean() < 0.5 else 0.4) or len(parts) > 1
    outer, thick = rng.choice([0.0, rng.uniform(0.02, 0.06)]), rng.uniform(0.02, 0.08)
    bright = colours[1] if len(parts) == 1 else colours[0] * np.float32(rng.uniform(0.3, 0.8))
    for centre, extent in parts if rim else ():  # a line along the rim, the joints of tiles
        ring = shape(centre, extent - outer, power) - shape(centre, extent - outer - thick, power)
        blend(image, bright, np.clip(ring, 0, 1))
    if rng.random() < 0.3:  # screws
        centre = np.mean([part[0] for part in parts], axis=0)
        for sign in ((-1, 0), (1, 0)) if rng.random() < 0.5 else ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            spot = centre + np.array(sign) * (half - 0.06), np.full(2, rng.uniform(0.015, 0.04))
            blend(image, wall_colour(rng), shape(*spot, 2))
    return colours[1]


def ink_mask(glyphs: Sequence[PlacedGlyph], height: int, width: int, oversampling: int) -> np.ndarray:
    """Draw the ink of placed glyphs as a mask, (height, width) float32 from 0 to 1."""
    mask = np.zeros((height, width), np.uint8)
    zoom = np.diag([oversampling, oversampling, 1.0])
    for placed in glyphs:
        warped = cv2.warpPerspective(placed.glyph.mask, zoom @ placed.matrix, (width, height))
        np.maximum(mask, warped, out=mask)
    return mask.astype(np.float32) / 255


def choose_ink(rng: Generator, image: np.ndarray, mask: np.ndarray, least: float) -> np.ndarray:
    """Choose an ink, (3,) float32, whose luminance differs by `least` from that under `mask`, or else by most."""
    ground = image[mask > 0.5].mean(axis=0) if (mask > 0.5).any() else image.mean(axis=(0, 1))
    inks = INKS[rng.permutation(len(INKS))]
    contrast = np.abs((inks - ground) @ LUMA)
    good = np.flatnonzero(contrast >= least)
    return inks[good[0] if len(good) else contrast.argmax()]


def paint(rng: Generator, image: np.ndarray, mask: np.ndarray, ink: np.ndarray, unit: float, hardness: float) -> None:
    """Draw the digits under `mask` in the colour `ink`, (3,) float32; hardness brings wear."""
    height, width = mask.shape
    kind = KINDS[rng.choice(len(KINDS), p=SHARES)]
    reach = max(1, round(unit * rng.uniform(0.02, 0.06)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    if kind in ('raised', 'embossed'):
        cast_shadow(rng, image, mask, 0.04 * unit, 0.02 * unit)
    elif kind == 'outlined':
        blend(image, np.clip(1 - ink, 0, 1) * 0.8, cv2.dilate(mask, disc))
    elif kind == 'hollow':
        mask = np.clip(cv2.dilate(mask, disc) - mask, 0, 1)
    worn = mask * (1 - rng.uniform(0, 0.1 + 0.3 * hardness) * rng.random())
    if rng.random() < 0.25 * hardness:
        worn = worn * np.clip(1.3 + clouds(rng, height, width, 0.15 * unit, 0.15 * unit), 0.1, 1)
    gloss = rng.uniform(0, 0.15 if kind == 'embossed' else 0.08)  # reflections on metal digits
    colour = ink + clouds(rng, height, width, 0.3 * unit, 2 * unit)[..., None] * gloss
    blend(image, colour.astype(np.float32), worn)
    if kind == 'embossed':  # one side of every stroke is lit, the other dark
        angle, depth = rng.uniform(0, 2 * np.pi), unit * rng.uniform(0.015, 0.045)
        by = depth * np.array([np.cos(angle), np.sin(angle)])
        lit, dark = (np.clip(mask - _shifted(mask, side), 0, 1) for side in (by, -by))
        blend(image, np.full(3, rng.uniform(0.7, 1.0), np.float32), lit * rng.uniform(0.2, 0.8))
        blend(image, np.full(3, rng.uniform(0.0, 0.2), np.float32), dark * rng.uniform(0.2, 0.8))
