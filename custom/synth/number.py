"""Placement of a number, perhaps with letters beside it, in the plane of its wall, its projection, and its boxes."""

import math
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from ..structures.digits import DIGITS
from .fonts import Face, Glyph, draw_glyph
from .glyphs import NO_DIGIT, restyle
from .layout import Layout

# Margins of a box around its ink: left, top, right, bottom, in heights of the ink. 137 digits of 200 SVHN training
# photos have ink that can be told from its ground. The medians of their margins are 0.064, 0.086, 0.045 and 0.064 box
# heights. Here they are a little smaller, since ink that stands apart has larger margins than the rest.
MARGINS = (0.065, 0.085, 0.05, 0.065)
# Box widths of one number differ from their usual ratio by 15 % in SVHN; most of that is chance, so less is drawn.
JITTER = 0.015  # standard deviation of an edge's position, in box heights, at hardness 1
SLANT = 0.04  # mean increase of box widths by slanted views, in heights
GLYPH_SIZES = (32, 64, 128, 256)  # pixels; digits are warped from the first that is not smaller
SQUEEZE = (0.36, 1.4)  # limits of a typeface's horizontal scale: narrower where a wall is seen aslant
STACKED = 1.08  # line height of digits that stand one below another, in digit heights
BLANK = 0.35  # width of a blank between digits and letters, in digit heights
LOWER = 0.25  # share of the letters beside a number that are lower than in the typeface


class PlacedGlyph(NamedTuple):
    """A glyph and the 3x3 matrix from its mask's pixels to the image's."""

    glyph: Glyph
    matrix: np.ndarray


class Number(NamedTuple):
    """A placed number.

    Attributes:
        glyphs: one per character, left to right.
        bboxes: (K, 4) int64 xywh in whole pixels of the image, one per digit; letters have none.
        plane: (3, 3) float64, from the wall's plane (digit height 1, origin at the number's centre) to the image.
        half: half the width and height, in the plane, of the number with its letters.
        width, height: size of the image in pixels, at least the layout's.
    """

    glyphs: list[PlacedGlyph]
    bboxes: np.ndarray
    plane: np.ndarray
    half: tuple[float, float]
    width: int
    height: int


def add_margins(ink: np.ndarray) -> np.ndarray:
    """Return unrounded boxes, (K, 4) xyxy, for the ink bounds, (K, 4) xyxy, of a number's digits.

    Each box has `MARGINS`, and the height of the highest digit about its own centre, as in SVHN.
    """
    high = (ink[:, 3] - ink[:, 1]).max()
    middle = (ink[:, 1] + ink[:, 3]) / 2
    left, top, right, bottom = high * np.array(MARGINS)
    return np.column_stack([ink[:, 0] - left, middle - high / 2 - top, ink[:, 2] + right, middle + high / 2 + bottom])


def annotate(rng: Generator, ink: np.ndarray, width: int, height: int, hardness: float) -> np.ndarray:
    """Draw boxes as a person would around ink: those of `add_margins`, with errors in the left, right and top edges.

    The errors have a standard deviation of `JITTER` times the hardness. `ink`, (K, 4) xyxy, bounds each digit's ink in
    an image of `width` x `height` pixels. The boxes, (K, 4) int64 xywh, have equal heights except at the image's edge.

    Example:
        >>> annotate(np.random.default_rng(0), np.array([[10.0, 10.0, 20.0, 30.0]]), 100, 100, 0.0).tolist()
        [[9, 8, 12, 23]]
    """
    boxes = add_margins(ink)
    high = float(boxes[0, 3] - boxes[0, 1])
    left, right, top = boxes[:, [0, 2, 1]].T + rng.normal(0, 1, (len(boxes), 3)).T * (JITTER * high * hardness)
    whole = np.round(np.column_stack([left, top, np.maximum(right, left + 1), top])).astype(np.int64)
    whole[:, 3] = whole[:, 1] + max(1, round(high))
    whole = np.clip(whole, 0, [width, height, width, height])
    return np.column_stack([whole[:, :2], np.maximum(whole[:, 2:] - whole[:, :2], 1)])


def project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map (P, 2) x y points by a 3x3 perspective matrix.

    Example:
        >>> project(np.diag([2.0, 3.0, 1.0]), np.array([[1.0, 1.0]])).tolist()
        [[2.0, 3.0]]
    """
    out = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return out[:, :2] / out[:, 2:]


def rotation(angle: float) -> np.ndarray:
    """Return the (3, 3) matrix of a rotation by `angle` radians, clockwise in an image."""
    return np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])


def draw_view(rng: Generator, slope: float, hardness: float) -> np.ndarray:
    """Draw the (3, 3) matrix of a view of the plane: the number's slope by roll or shear, slant and perspective."""
    matrix = rotation(math.atan(slope))
    if rng.random() < 0.7:
        matrix = np.array([[1, 0, 0], [slope, 1, 0], [0, 0, 1]], float)
    matrix[0, 1] += rng.normal(0, 0.03 + 0.06 * hardness)
    matrix[2, :2] = np.clip(rng.normal(0, 0.02 + 0.05 * hardness, 2), -0.15, 0.15)
    return matrix


def _set_characters(
    rng: Generator, face: Face, layout: Layout, steps: float, hardness: float, before: str, after: str
) -> tuple[list[PlacedGlyph], list[int], tuple[float, float]]:
    """Set the characters side by side in the plane, each `steps` lower than the previous one per unit of width.

    Returns:
        Glyphs with matrices to the plane, the positions of the digits among them, and half the width and height.
    """
    size = next((one for one in GLYPH_SIZES if one >= layout.digit_height), GLYPH_SIZES[-1])
    usual = draw_glyph(face, '8', size)
    assert usual is not None  # `digit_faces` keeps faces with ten digits
    # An ink of aspect ratio n has a box of aspect ratio (n + left + right) / (1 + top + bottom).
    aspect = layout.digit_aspect * (1 + MARGINS[1] + MARGINS[3]) - MARGINS[0] - MARGINS[2] - SLANT
    stretch = float(np.clip(aspect / (usual.mask.shape[1] / usual.mask.shape[0]), *SQUEEZE))
    loose = rng.random() < 0.05 + 0.15 * hardness  # screwed on one by one
    bend = rng.normal(0, 0.25) if rng.random() < 0.06 * hardness and len(layout.digits) > 2 else 0.0
    drawn: list[Glyph | None] = []
    kinds: list[int] = []
    blanks: list[float] = []  # before each character
    blank = 0.0
    digits = ((DIGITS[digit], digit) for digit in layout.digits)
    for char, kind in (*((one, NO_DIGIT) for one in before), *digits, *((one, NO_DIGIT) for one in after)):
        glyph = draw_glyph(face, char, size) if char != ' ' else None
        if kind == NO_DIGIT and glyph is None:  # a blank, or a letter that the face lacks
            blank = BLANK
            continue
        drawn.append(glyph)
        kinds.append(kind)
        blanks.append(blank)
        blank = 0.0
    glyphs = restyle(rng, drawn, kinds, size, hardness)
    zooms, lifts = np.ones(len(glyphs)), np.zeros(len(glyphs))
    if before or after:
        letters = np.array(kinds) == NO_DIGIT
        if rng.random() < LOWER:
            zooms[letters] = rng.uniform(0.5, 0.95)
            lifts[letters] = float(rng.random() < 0.7)  # on the line of the digits' feet, else of their tops
    heights = [glyph.mask.shape[0] * zoom / size for glyph, zoom in zip(glyphs, zooms, strict=True)]
    widths = [glyph.mask.shape[1] * stretch * zoom / size for glyph, zoom in zip(glyphs, zooms, strict=True)]
    angles: list[float] = []
    centres = np.zeros((len(glyphs), 2))
    for i, glyph in enumerate(glyphs):
        angle, drop = (rng.normal(0, 0.06), rng.normal(0, 0.04)) if loose else (0.0, 0.0)
        angles.append(angle)
        if i:
            space = max(0.02, layout.gap + MARGINS[0] + MARGINS[2] + SLANT + rng.normal(0, 0.02)) + blanks[i]
            advance = (widths[i - 1] + widths[i]) / 2 + space
            centres[i, 0] = centres[i - 1, 0] + (min(advance, STACKED / abs(steps)) if steps else advance)
        top = glyph.top * zooms[i] + lifts[i] * (1 - zooms[i])
        centres[i, 1] = top + heights[i] / 2 - 0.5 + drop
    centres[:, 0] -= (centres[0, 0] - widths[0] / 2 + centres[-1, 0] + widths[-1] / 2) / 2
    centres[:, 1] += centres[:, 0] * steps + bend * (centres[:, 0] ** 2 - np.mean(centres[:, 0] ** 2))
    placed = []
    for i, (angle, (across, down)) in enumerate(zip(angles, centres, strict=True)):
        fit = np.diag([stretch * zooms[i] / size, zooms[i] / size, 1.0])
        fit[:2, 2] = -widths[i] / 2, -heights[i] / 2
        shift = np.array([[1, 0, across], [0, 1, down], [0, 0, 1]])
        placed.append(PlacedGlyph(glyphs[i], shift @ rotation(angle + math.atan(2 * bend * across)) @ fit))
    half_width = float(centres[-1, 0] + widths[-1] / 2)
    half_height = 0.5 + float(np.abs(centres[:, 1]).max() if steps or bend else 0.0)
    return placed, [i for i, kind in enumerate(kinds) if kind != NO_DIGIT], (half_width, half_height)


def place_number(
    rng: Generator, face: Face, layout: Layout, hardness: float, before: str = '', after: str = ''
) -> Number:
    """Place a number so that its boxes have the layout's height and position; enlarge the image where it does not fit.

    The hardness brings more perspective and more loosely mounted digits.

    Args:
        rng: source of randomness.
        face: the typeface.
        layout: the number, its size and its position.
        hardness: 0 to 1.
        before, after: letters and blanks on the line of the digits, in the same manner. Defaults to none.
    """
    upright = abs(layout.slope) > 0.9 or rng.random() < 0.25  # digits in steps, none of them rotated
    steps = layout.slope if upright else 0.0
    glyphs, digits, half = _set_characters(rng, face, layout, steps, hardness, before, after)
    plane = draw_view(rng, 0.0 if upright else layout.slope, hardness)

    def ink_bounds(matrix: np.ndarray) -> np.ndarray:
        corners = [project(matrix @ placed.matrix, placed.glyph.hull) for placed in glyphs]
        return np.array([[*points.min(axis=0), *points.max(axis=0)] for points in corners])

    ink = ink_bounds(plane)[digits]
    scale = layout.digit_height / ((ink[:, 3] - ink[:, 1]).max() * (1 + MARGINS[1] + MARGINS[3]))
    plane = np.diag([scale, scale, 1.0]) @ plane
    ink = ink_bounds(plane)
    boxes = np.concatenate([add_margins(ink[digits]), ink])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    size = np.maximum((layout.width, layout.height), np.ceil(high - low + 2)).astype(int)
    shift = np.clip(np.array(layout.centre) * size - (low + high) / 2, 1 - low, size - 1 - high)
    plane = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]]) @ plane
    width, height = size.tolist()
    bboxes = annotate(rng, ink_bounds(plane)[digits], width, height, hardness)
    placed = [PlacedGlyph(one.glyph, plane @ one.matrix) for one in glyphs]
    return Number(placed, bboxes, plane, half, width, height)
