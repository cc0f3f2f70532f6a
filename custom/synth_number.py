"""One number in the plane of its wall, seen from a street: where each digit's ink and box fall in the photo."""

import math
from typing import NamedTuple

import numpy as np

from custom.digits import DIGITS
from custom.synth_fonts import Face, Glyph, glyph
from custom.synth_layout import Layout

# People leave a little room around a digit. On 135 digits of SVHN whose ink could be told from its ground the room was,
# in heights of the box and at the median, 0.064 left, 0.086 above, 0.038 right and 0.058 below.
BOX_MARGIN = 0.06
SLANT = 0.05  # boxes that the camera's slant widens and brings closer, in heights, on average
GLYPH_SIZES = (32, 64, 128, 256)  # pixels; digits are warped from the first that is not smaller


class Stroke(NamedTuple):
    """A glyph and the 3x3 matrix that takes its mask's pixels to the photo's."""

    glyph: Glyph
    matrix: np.ndarray


class Number(NamedTuple):
    """A placed number.

    Attributes:
        strokes: One a digit, left to right.
        bboxes: (K, 4) int64 xywh in whole photo pixels.
        plane: (3, 3) float64, from the wall's plane (digit height 1, the number's middle at 0 0) to photo pixels.
        half: Half the number's width and height in the plane.
        width: Photo width in pixels; at least the layout's.
        height: Photo height in pixels; at least the layout's.
    """

    strokes: list[Stroke]
    bboxes: np.ndarray
    plane: np.ndarray
    half: tuple[float, float]
    width: int
    height: int


def project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(P, 2) x y points through a 3x3 perspective matrix.

    Example:
        >>> project(np.diag([2.0, 3.0, 1.0]), np.array([[1.0, 1.0]])).tolist()
        [[2.0, 3.0]]
    """
    out = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return out[:, :2] / out[:, 2:]


def view(rng: np.random.Generator, slope: float, hardness: float) -> np.ndarray:
    """(3, 3) matrix of a camera's look at the plane: the number's slope by roll or by shear, slant and perspective."""
    if rng.random() < 0.4:
        angle = math.atan(slope)
        turn = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    else:
        turn = np.array([[1, 0, 0], [slope, 1, 0], [0, 0, 1]], float)
    turn[0, 1] += rng.normal(0, 0.03 + 0.06 * hardness)
    turn[2, :2] = np.clip(rng.normal(0, 0.02 + 0.05 * hardness, 2), -0.15, 0.15)
    return turn


def grow(xyxy: np.ndarray) -> np.ndarray:
    """The boxes of `frame` before they are cut to whole pixels: (K, 4) float xyxy to the same."""
    high = (xyxy[:, 3] - xyxy[:, 1]).max()
    middle = (xyxy[:, 1] + xyxy[:, 3]) / 2
    room, half = high * BOX_MARGIN, high * (0.5 + BOX_MARGIN)
    return np.column_stack([xyxy[:, 0] - room, middle - half, xyxy[:, 2] + room, middle + half])


def frame(xyxy: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes as a person would draw them around ink.

    The rule: the ink's bounding rectangle after all transforms, grown by `BOX_MARGIN` of its height; all digits of a
    number get the height of the highest one, about their own middle (SVHN's boxes do); then whole pixels in the photo.

    Args:
        xyxy: (K, 4) float, the ink's bounds in photo pixels.
        width: Photo width in pixels.
        height: Photo height in pixels.

    Returns:
        (K, 4) int64 xywh.

    Example:
        >>> frame(np.array([[10.0, 10.0, 20.0, 30.0]]), 100, 100).tolist()
        [[9, 9, 12, 22]]
    """
    whole = np.clip(np.round(grow(xyxy)), 0, [width, height, width, height]).astype(np.int64)
    return np.column_stack([whole[:, :2], np.maximum(whole[:, 2:] - whole[:, :2], 1)])


def _line_up(rng: np.random.Generator, face: Face, layout: Layout, hardness: float) -> tuple[list[Stroke], float]:
    """Set the digits side by side in the plane. Returns strokes with matrices to the plane, and the number's width."""
    size = next((one for one in GLYPH_SIZES if one >= layout.digit_height), GLYPH_SIZES[-1])
    glyphs = [glyph(face, DIGITS[digit], size) for digit in layout.digits]
    usual = glyph(face, '8', size)
    assert usual is not None
    natural = usual.mask.shape[1] / usual.mask.shape[0]
    # An ink `n` times as wide as high has a box (n + 2 m) / (1 + 2 m) as wide as high, m the margin.
    wanted = layout.digit_aspect * (1 + 2 * BOX_MARGIN) - 2 * BOX_MARGIN - SLANT
    stretch = float(np.clip(wanted / natural, 0.5, 1.4))
    loose = rng.random() < 0.05 + 0.15 * hardness  # screwed on one by one
    strokes, x, gap = [], 0.0, 0.0
    for one in glyphs:
        assert one is not None  # the face was chosen for its ten digits
        width = one.mask.shape[1] * stretch / size
        angle, drop = rng.normal(0, 0.06), rng.normal(0, 0.04)
        if not loose:
            angle = drop = 0.0
        turn = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
        centre = np.array(
            [[1, 0, x + width / 2], [0, 1, one.top + one.mask.shape[0] / size / 2 - 0.5 + drop], [0, 0, 1]]
        )
        fit = np.diag([stretch / size, 1 / size, 1.0])
        fit[:2, 2] = -width / 2, -one.mask.shape[0] / size / 2
        strokes.append(Stroke(one, centre @ turn @ fit))
        gap = max(0.02, layout.gap + 2 * BOX_MARGIN + SLANT + rng.normal(0, 0.02))
        x += width + gap
    total = x - gap
    shift = np.array([[1, 0, -total / 2], [0, 1, 0], [0, 0, 1]])
    return [Stroke(one.glyph, shift @ one.matrix) for one in strokes], total


def place_number(rng: np.random.Generator, face: Face, layout: Layout, hardness: float) -> Number:
    """Put a number into a photo so that its boxes have the layout's height and place.

    Args:
        rng: Source of randomness.
        face: Typeface of the digits.
        layout: What to draw.
        hardness: 0 to 1; more perspective, more loosely hung digits.

    Returns:
        The number; its photo is larger than the layout's where the number would not fit.
    """
    strokes, total = _line_up(rng, face, layout, hardness)
    plane = view(rng, layout.slope, hardness)

    def bounds(matrix: np.ndarray) -> np.ndarray:
        corners = [project(matrix @ one.matrix, one.glyph.hull) for one in strokes]
        return np.array([[*points.min(axis=0), *points.max(axis=0)] for points in corners])

    ink = bounds(plane)
    scale = layout.digit_height / ((ink[:, 3] - ink[:, 1]).max() * (1 + 2 * BOX_MARGIN))
    plane = np.diag([scale, scale, 1.0]) @ plane
    boxes = grow(bounds(plane))
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    size = np.maximum((layout.width, layout.height), np.ceil(high - low + 2)).astype(int)
    move = np.clip(np.array(layout.centre) * size - (low + high) / 2, 1 - low, size - 1 - high)
    plane = np.array([[1, 0, move[0]], [0, 1, move[1]], [0, 0, 1]]) @ plane
    width, height = int(size[0]), int(size[1])
    placed = [Stroke(one.glyph, plane @ one.matrix) for one in strokes]
    return Number(placed, frame(bounds(plane), width, height), plane, (total / 2, 0.5), width, height)
