"""Clutter around a number: door frames, bars, lamps, rings, letters, a truncated neighbouring number."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from ..structures.digits import DIGITS
from .fonts import Face, draw_glyph
from .number import Number, PlacedGlyph, project
from .paint import ink_mask, superellipse
from .walls import blend, draw_wall, polygon, wall_colour

LETTERS = 'AEFHKMNPRTUVWXYadehkmnrtuvwxy'  # none that could pass for a digit
SMALL_LETTERS = 'ABCDEFGHIJKLMNOPRSTUVWZ'  # of words that are much lower than the digits
BEFORE = ('No', 'N°', 'Nr', 'n°', 'nr')
AFTER = ('bis', 'BIS', 'Bis', 'ter', 'TER', 'Ter', 'A', 'B', 'C', 'D')  # lower than the digits, which tells B from 8
GLYPH_SIZE = 64  # pixels; letters and neighbours are warped from glyphs of this height


def number_bounds(number: Number, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest x, y of all boxes and letters.

    Both are in pixels of an image `scale` times the final image's size.
    """
    points = np.concatenate([project(placed.matrix, placed.glyph.hull) for placed in number.glyphs])
    low = np.minimum(number.bboxes[:, :2].min(axis=0), points.min(axis=0))
    high = np.maximum((number.bboxes[:, :2] + number.bboxes[:, 2:]).max(axis=0), points.max(axis=0))
    return low * scale, high * scale


def add_surfaces(rng: Generator, image: np.ndarray, number: Number, unit: float, hardness: float) -> None:
    """Cover areas beside the number: door frames, corners of walls, ledges, windows, fences."""
    height, width = image.shape[:2]
    low, high = number_bounds(number, width / number.width)
    for _ in range(rng.poisson(0.5 + 0.6 * hardness)):
        side = rng.integers(4)
        axis = side % 2
        end = (width, height)[axis]
        space = low[axis] if side < 2 else end - high[axis]
        start = rng.uniform(-0.05, 0.8) * space
        tilt = rng.normal(0, 0.08, 2) * (height, width)[axis]
        near = np.array([-0.2, 1.2]) * (height, width)[axis]
        edge = (low[axis] - start if side < 2 else high[axis] + start) + tilt - tilt.mean()
        far = np.full(2, -0.2 * end if side < 2 else 1.2 * end)
        if rng.random() < 0.3:  # a strip, not all the rest
            far = edge + (far - edge) * rng.uniform(0.05, 0.4)
        corners = np.column_stack([np.concatenate([edge, far[::-1]]), np.concatenate([near, near[::-1]])])
        mask = polygon(height, width, corners if axis == 0 else corners[:, ::-1])
        if rng.random() < 0.5:
            image *= 1 - 0.5 * cv2.GaussianBlur(mask, (0, 0), 0.06 * unit + 0.3)[..., None]
        blend(image, draw_wall(rng, height, width, unit), mask)


def _distractor(rng: Generator, unit: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Draw the outlines of a bar, a knob, a lamp or a ring about (0, 0), and its half size, x and y.

    A second outline is a hole in the first. A person can tell bars from 1, since bars are clearly higher or lower than
    the digits, and rings from 0, since rings are round.
    """
    power = float(rng.choice([2.0, 12.0]))
    if rng.random() < 0.5:
        high = unit * (rng.uniform(0.15, 0.4) if rng.random() < 0.5 else rng.uniform(0.8, 3.0))
        half = np.array([unit * rng.uniform(0.03, 0.15), high])
        half = half if rng.random() < 0.75 else half[::-1]
        return [superellipse(np.zeros(2), half, 12.0)], half
    half = np.full(2, unit * rng.uniform(0.08, 0.6)) * rng.uniform(0.85, 1.15, 2)
    outlines = [superellipse(np.zeros(2), half, power)]
    if rng.random() < 0.5:
        outlines.append(superellipse(np.zeros(2), half * rng.uniform(0.5, 0.85), power))
    return outlines, half


def add_distractors(rng: Generator, image: np.ndarray, number: Number, unit: float, hardness: float) -> None:
    """Draw bars, knobs, lamps and rings clear of the number."""
    height, width = image.shape[:2]
    low, high = number_bounds(number, width / number.width)
    for _ in range(rng.poisson(0.7 * hardness)):
        outlines, half = _distractor(rng, unit)
        spot = rng.uniform((0, 0), (width, height))
        if np.all((spot > low - half - 0.15 * unit) & (spot < high + half + 0.15 * unit)):
            continue
        lean = rng.normal(0, 0.08)
        turn = np.array([[1, -lean], [lean, 1]])
        masks = [polygon(height, width, spot + outline @ turn.T) for outline in outlines]
        colour = wall_colour(rng) * np.float32(rng.choice([0.25, 1.0, 1.3]))
        blend(image, colour, masks[0] - masks[1] * masks[0] if len(masks) > 1 else masks[0])


def place_letters(rng: Generator, number: Number, faces: Sequence[Face]) -> list[PlacedGlyph]:
    """Place letters of one of the faces left, right, above or below the number, in the plane of its wall."""
    face = faces[int(rng.integers(len(faces)))]
    high = rng.uniform(0.2, 0.8)
    side = int(rng.integers(4))
    kind = rng.random()
    source = SMALL_LETTERS if high < 0.45 else LETTERS
    text = ''.join(source[i] for i in rng.integers(len(source), size=rng.integers(1, 8)))
    if kind < 0.2:  # 12A
        text, side, high = text[:1] if high >= 0.45 else 'A', 1, rng.uniform(0.6, 1.0)
    elif kind < 0.4:
        text, side, high = AFTER[rng.integers(len(AFTER))], 1, rng.uniform(0.3, 0.9)
    elif kind < 0.55:
        text, side, high = BEFORE[rng.integers(len(BEFORE))], 0, rng.uniform(0.3, 1.0)
    drawn = [draw_glyph(face, char, GLYPH_SIZE) for char in text]
    widths = [glyph.mask.shape[1] * high / GLYPH_SIZE if glyph else 0.0 for glyph in drawn]
    total = sum(widths) + 0.1 * high * len(widths)
    across, down = np.array((0.05, 0.1)) + rng.uniform(0.1, 0.45)
    left = (-number.half[0] - across - total, number.half[0] + across, -total / 2, -total / 2)[side]
    top = (*(rng.uniform(-0.5, 0.5 - high, 2)), -number.half[1] - down - high, number.half[1] + down)[side]
    placed = []
    for glyph, width in zip(drawn, widths, strict=True):
        if glyph:
            scale = high / GLYPH_SIZE
            matrix = number.plane @ np.array([[scale, 0, left], [0, scale, top + glyph.top * high], [0, 0, 1]])
            placed.append(PlacedGlyph(glyph, matrix))
        left += width + 0.1 * high
    return placed


def place_neighbour(rng: Generator, number: Number, face: Face) -> list[PlacedGlyph]:
    """Place a digit of another number at the image's edge, with less than half of it visible, where there is room."""
    low, high = number_bounds(number, 1.0)
    glyph = draw_glyph(face, DIGITS[rng.integers(10)], GLYPH_SIZE)
    assert glyph is not None  # `digit_faces` keeps faces with ten digits
    scale = (high[1] - low[1]) / len(number.bboxes) ** 0.5 * rng.uniform(0.6, 1.1) / GLYPH_SIZE
    wide, tall = np.array(glyph.mask.shape[::-1]) * scale
    left_side = rng.random() < 0.5
    shown = rng.uniform(0.15, 0.45) * wide
    if shown > 0.7 * (low[0] if left_side else number.width - high[0]):
        return []
    x = shown - wide if left_side else number.width - shown
    y = rng.uniform(low[1], high[1]) - tall / 2
    return [PlacedGlyph(glyph, np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]]))]


def add_wire(rng: Generator, image: np.ndarray, unit: float) -> None:
    """Draw a thin cable, twig or bar in front of everything."""
    height, width = image.shape[:2]
    start, end = rng.uniform(-0.1, 1.1, (2, 2)) * (width, height)
    across = np.array([start[1] - end[1], end[0] - start[0]])
    across *= unit * rng.uniform(0.01, 0.035) / (np.linalg.norm(across) + 1e-6)
    mask = polygon(height, width, np.array([start - across, end - across, end + across, start + across]))
    blend(image, wall_colour(rng) * np.float32(0.6), mask)


def add_letters(rng: Generator, image: np.ndarray, number: Number, faces: Sequence[Face], ink: np.ndarray) -> None:
    """Draw letters beside the number, or else a neighbour's digit, in the colour `ink`, (3,) float32."""
    placed = place_letters(rng, number, faces) if rng.random() < 0.75 else []
    if not placed:
        placed = place_neighbour(rng, number, faces[0])
    height, width = image.shape[:2]
    blend(image, ink, ink_mask(placed, height, width, width // number.width))
