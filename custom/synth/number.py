"""Placement of a number in the plane of its wall, its projection to the image, and its boxes."""

import math
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from ..structures.digits import DIGITS
from .fonts import Face, Glyph, draw_glyph
from .glyphs import restyle
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


class PlacedGlyph(NamedTuple):
    """A glyph and the 3x3 matrix from its mask's pixels to the image's."""

    glyph: Glyph
    matrix: np.ndarray


class Number(NamedTuple):
    """A placed number.

    Attributes:
        glyphs: one per digit, left to right.
        bboxes: (K, 4) int64 xywh in whole pixels of the image.
        plane: (3, 3) float64, from the wall's plane (digit height 1, origin at the number's centre) to the image.
        half: half the number's width and height in the plane.
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


def _set_digits(
    rng: Generator, face: Face, layout: Layout, steps: float, hardness: float
) -> tuple[list[PlacedGlyph], tuple[float, float]]:
    """Set the digits side by side in the plane, each `steps` lower than the previous one per unit of width.

    Returns:
        Glyphs with matrices to the plane, and half the number's width and height.
    """
    size = next((one for one in GLYPH_SIZES if one >= layout.digit_height), GLYPH_SIZES[-1])
    usual = draw_glyph(face, '8', size)
    assert usual is not None  # `digit_faces` keeps faces with ten digits
    # An ink of aspect ratio n has a box of aspect ratio (n + left + right) / (1 + top + bottom).
    aspect = layout.digit_aspect * (1 + MARGINS[1] + MARGINS[3]) - MARGINS[0] - MARGINS[2] - SLANT
    stretch = float(np.clip(aspect / (usual.mask.shape[1] / usual.mask.shape[0]), *SQUEEZE))
    loose = rng.random() < 0.05 + 0.15 * hardness  # screwed on one by one
    bend = rng.normal(0, 0.25) if rng.random() < 0.06 * hardness and len(layout.digits) > 2 else 0.0
    drawn = [draw_glyph(face, DIGITS[digit], size) for digit in layout.digits]
    glyphs = restyle(rng, drawn, layout.digits, size, hardness)
    widths = [glyph.mask.shape[1] * stretch / size for glyph in glyphs]
    angles: list[float] = []
    centres = np.zeros((len(glyphs), 2))
    for i, glyph in enumerate(glyphs):
        angle, drop = (rng.normal(0, 0.06), rng.normal(0, 0.04)) if loose else (0.0, 0.0)
        angles.append(angle)
        if i:
            space = max(0.02, layout.gap + MARGINS[0] + MARGINS[2] + SLANT + rng.normal(0, 0.02))
            advance = (widths[i - 1] + widths[i]) / 2 + space
            centres[i, 0] = centres[i - 1, 0] + (min(advance, STACKED / abs(steps)) if steps else advance)
        centres[i, 1] = glyph.top + glyph.mask.shape[0] / size / 2 - 0.5 + drop
    centres[:, 0] -= (centres[0, 0] - widths[0] / 2 + centres[-1, 0] + widths[-1] / 2) / 2
    centres[:, 1] += centres[:, 0] * steps + bend * (centres[:, 0] ** 2 - np.mean(centres[:, 0] ** 2))
    placed = []
    for glyph, width, angle, (across, down) in zip(glyphs, widths, angles, centres, strict=True):
        fit = np.diag([stretch / size, 1 / size, 1.0])
        fit[:2, 2] = -width / 2, -glyph.mask.shape[0] / size / 2
        shift = np.array([[1, 0, across], [0, 1, down], [0, 0, 1]])
        placed.append(PlacedGlyph(glyph, shift @ rotation(angle + math.atan(2 * bend * across)) @ fit))
    half_width = float(centres[-1, 0] + widths[-1] / 2)
    return placed, (half_width, 0.5 + float(np.abs(centres[:, 1]).max() if steps or bend else 0.0))


def place_number(rng: Generator, face: Face, layout: Layout, hardness: float) -> Number:
    """Place a number so that its boxes have the layout's height and position; enlarge the image where it does not fit.

    The hardness brings more perspective and more loosely mounted digits.
    """
    upright = abs(layout.slope) > 0.9 or rng.random() < 0.25  # digits in steps, none of them rotated
    glyphs, half = _set_digits(rng, face, layout, layout.slope if upright else 0.0, hardness)
    plane = draw_view(rng, 0.0 if upright else layout.slope, hardness)

    def ink_bounds(matrix: np.ndarray) -> np.ndarray:
        corners = [project(matrix @ placed.matrix, placed.glyph.hull) for placed in glyphs]
        return np.array([[*points.min(axis=0), *points.max(axis=0)] for points in corners])

    ink = ink_bounds(plane)
    scale = layout.digit_height / ((ink[:, 3] - ink[:, 1]).max() * (1 + MARGINS[1] + MARGINS[3]))
    plane = np.diag([scale, scale, 1.0]) @ plane
    boxes = add_margins(ink_bounds(plane))
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    size = np.maximum((layout.width, layout.height), np.ceil(high - low + 2)).astype(int)
    shift = np.clip(np.array(layout.centre) * size - (low + high) / 2, 1 - low, size - 1 - high)
    plane = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]]) @ plane
    width, height = size.tolist()
    bboxes = annotate(rng, ink_bounds(plane), width, height, hardness)
    placed = [PlacedGlyph(one.glyph, plane @ one.matrix) for one in glyphs]
    return Number(placed, bboxes, plane, half, width, height)
