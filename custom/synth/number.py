"""One number in the plane of its wall, seen from a street: where each digit's ink falls in the photo."""

import math
from typing import NamedTuple

import numpy as np

from ..structures.digits import DIGITS
from .fonts import Face, Glyph, glyph
from .glyphs import restyle
from .layout import Layout

# People leave a little room around a digit. On the 137 digits of 200 SVHN training photos whose ink could be told from
# its ground the room was, at the median: left 0.064, top 0.086, right 0.045, bottom 0.064 of the box's height.
# Here in heights of the ink, a little less, since the ink that stands apart has more room than the rest.
ROOM = (0.065, 0.085, 0.05, 0.065)
# Box widths of one number differ from their usual ratio by 15 % there; most of that is chance, so less is drawn.
JITTER = 0.015  # standard deviation of an edge's place, in box heights, at hardness 1


def grow(xyxy: np.ndarray) -> np.ndarray:
    """The boxes of `frame` before they are cut to whole pixels: (K, 4) float xyxy to the same."""
    high = (xyxy[:, 3] - xyxy[:, 1]).max()
    middle = (xyxy[:, 1] + xyxy[:, 3]) / 2
    left, top, right, bottom = high * np.array(ROOM)
    return np.column_stack([xyxy[:, 0] - left, middle - high / 2 - top, xyxy[:, 2] + right, middle + high / 2 + bottom])


def frame(rng: np.random.Generator, xyxy: np.ndarray, width: int, height: int, hardness: float) -> np.ndarray:
    """Boxes as a person would draw them around ink.

    The rule: the ink's bounding rectangle after all transforms, grown by `ROOM`; all digits of a number get the height
    of the highest one, about their own middle (SVHN's boxes do); then whole pixels in the photo. A person's hand is not
    exact: left and right edges, and tops, are off by `JITTER` times the hardness.

    Args:
        rng: Source of randomness.
        xyxy: (K, 4) float, the ink's bounds in photo pixels.
        width: Photo width in pixels.
        height: Photo height in pixels.
        hardness: 0 to 1.

    Returns:
        (K, 4) int64 xywh; the heights are equal but where the photo ends.

    Example:
        >>> frame(np.random.default_rng(0), np.array([[10.0, 10.0, 20.0, 30.0]]), 100, 100, 0.0).tolist()
        [[9, 8, 12, 23]]
    """
    boxes = grow(xyxy)
    high = float(boxes[0, 3] - boxes[0, 1])
    off = rng.normal(0, 1, (len(boxes), 3)) * (JITTER * high * hardness)
    left, right, top = boxes[:, 0] + off[:, 0], boxes[:, 2] + off[:, 1], boxes[:, 1] + off[:, 2]
    whole = np.round(np.column_stack([left, top, np.maximum(right, left + 1), top])).astype(np.int64)
    whole[:, 3] = whole[:, 1] + max(1, round(high))
    whole = np.clip(whole, 0, [width, height, width, height])
    return np.column_stack([whole[:, :2], np.maximum(whole[:, 2:] - whole[:, :2], 1)])


SLANT = 0.04  # boxes that the camera's slant widens and brings closer, in heights, on average
GLYPH_SIZES = (32, 64, 128, 256)  # pixels; digits are warped from the first that is not smaller
SQUEEZE = (0.36, 1.4)  # how far a typeface may be narrowed (a wall seen aslant) or widened
STACKED = 1.08  # line height of digits that stand one below another, in digit heights


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


def turned(angle: float) -> np.ndarray:
    """(3, 3) matrix of a turn by `angle` radians, clockwise in a photo."""
    return np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])


def view(rng: np.random.Generator, slope: float, hardness: float) -> np.ndarray:
    """(3, 3) matrix of a camera's look at the plane: the number's slope by roll or by shear, slant and perspective."""
    turn = turned(math.atan(slope))
    if rng.random() < 0.7:
        turn = np.array([[1, 0, 0], [slope, 1, 0], [0, 0, 1]], float)
    turn[0, 1] += rng.normal(0, 0.03 + 0.06 * hardness)
    turn[2, :2] = np.clip(rng.normal(0, 0.02 + 0.05 * hardness, 2), -0.15, 0.15)
    return turn


def _line_up(
    rng: np.random.Generator, face: Face, layout: Layout, steps: float, hardness: float
) -> tuple[list[Stroke], tuple[float, float]]:
    """Set the digits side by side in the plane, each `steps` lower than the one before per unit of width.

    Returns:
        Strokes with matrices to the plane, and half the number's width and height.
    """
    size = next((one for one in GLYPH_SIZES if one >= layout.digit_height), GLYPH_SIZES[-1])
    usual = glyph(face, '8', size)
    assert usual is not None  # the face was chosen for its ten digits
    natural = usual.mask.shape[1] / usual.mask.shape[0]
    # An ink `n` times as wide as high has a box (n + left + right) / (1 + top + bottom) as wide as high.
    wanted = layout.digit_aspect * (1 + ROOM[1] + ROOM[3]) - ROOM[0] - ROOM[2] - SLANT
    stretch = float(np.clip(wanted / natural, *SQUEEZE))
    loose = rng.random() < 0.05 + 0.15 * hardness  # screwed on one by one
    bend = rng.normal(0, 0.25) if rng.random() < 0.06 * hardness and len(layout.digits) > 2 else 0.0
    drawn = [glyph(face, DIGITS[digit], size) for digit in layout.digits]
    glyphs = restyle(rng, drawn, layout.digits, size, hardness)
    boxes: list[tuple[Glyph, float, float]] = []
    places: list[tuple[float, float]] = []
    for one in glyphs:
        width = one.mask.shape[1] * stretch / size
        angle, drop = (rng.normal(0, 0.06), rng.normal(0, 0.04)) if loose else (0.0, 0.0)
        x = 0.0
        if boxes:
            space = max(0.02, layout.gap + ROOM[0] + ROOM[2] + SLANT + rng.normal(0, 0.02))
            advance = (boxes[-1][1] + width) / 2 + space
            x = places[-1][0] + (min(advance, STACKED / abs(steps)) if steps else advance)
        boxes.append((one, width, angle))
        places.append((x, one.top + one.mask.shape[0] / size / 2 - 0.5 + drop))
    centres = np.array(places)
    centres[:, 0] -= (centres[0, 0] - boxes[0][1] / 2 + centres[-1, 0] + boxes[-1][1] / 2) / 2
    centres[:, 1] += centres[:, 0] * steps + bend * (centres[:, 0] ** 2 - np.mean(centres[:, 0] ** 2))
    strokes = []
    for (one, width, angle), (across, down) in zip(boxes, centres, strict=True):
        fit = np.diag([stretch / size, 1 / size, 1.0])
        fit[:2, 2] = -width / 2, -one.mask.shape[0] / size / 2
        centre = np.array([[1, 0, across], [0, 1, down], [0, 0, 1]])
        strokes.append(Stroke(one, centre @ turned(angle + math.atan(2 * bend * across)) @ fit))
    half_width = centres[-1, 0] + boxes[-1][1] / 2
    return strokes, (float(half_width), 0.5 + float(np.abs(centres[:, 1]).max() if steps or bend else 0.0))


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
    upright = abs(layout.slope) > 0.9 or rng.random() < 0.25  # digits in steps, none of them turned
    strokes, half = _line_up(rng, face, layout, layout.slope if upright else 0.0, hardness)
    plane = view(rng, 0.0 if upright else layout.slope, hardness)

    def bounds(matrix: np.ndarray) -> np.ndarray:
        corners = [project(matrix @ one.matrix, one.glyph.hull) for one in strokes]
        return np.array([[*points.min(axis=0), *points.max(axis=0)] for points in corners])

    ink = bounds(plane)
    scale = layout.digit_height / ((ink[:, 3] - ink[:, 1]).max() * (1 + ROOM[1] + ROOM[3]))
    plane = np.diag([scale, scale, 1.0]) @ plane
    boxes = grow(bounds(plane))
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    size = np.maximum((layout.width, layout.height), np.ceil(high - low + 2)).astype(int)
    move = np.clip(np.array(layout.centre) * size - (low + high) / 2, 1 - low, size - 1 - high)
    plane = np.array([[1, 0, move[0]], [0, 1, move[1]], [0, 0, 1]]) @ plane
    width, height = int(size[0]), int(size[1])
    placed = [Stroke(one.glyph, plane @ one.matrix) for one in strokes]
    bboxes = frame(rng, bounds(plane), width, height, hardness)
    return Number(placed, bboxes, plane, half, width, height)
