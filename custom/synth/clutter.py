"""What stands beside a number and is none: door frames, bars, lamps, letters, a neighbour's number that is cut off."""

from collections.abc import Sequence

import cv2
import numpy as np

from ..structures.digits import DIGITS
from .fonts import Face, glyph
from .number import Number, Stroke
from .paint import ink_mask, rounded
from .walls import blend, polygon, wall, wall_colour

LETTERS = 'AEFHKMNPRTUVWXYadehkmnrtuvwxy'  # none that could pass for a digit
SMALL_LETTERS = 'ABCDEFGHIJKLMNOPRSTUVWZ'  # of words that are much lower than the digits
BEFORE = ('No', 'N°', 'Nr', 'n°', 'nr')
# 12 bis, 12 B: lower than the number, which tells B from 8
AFTER = ('bis', 'BIS', 'Bis', 'ter', 'TER', 'Ter', 'A', 'B', 'C', 'D')
GLYPH = 64  # pixels; letters and neighbours are warped from this height


def number_bounds(number: Number, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Low and high x y corners of all boxes, in pixels of an image `scale` times the photo's size."""
    boxes = number.bboxes * scale
    return boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)


def add_parts(rng: np.random.Generator, image: np.ndarray, number: Number, unit: float, hardness: float) -> None:
    """Cover parts beside the number, in place: door frames, corners of walls, ledges, windows, fences."""
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
        blend(image, wall(rng, height, width, unit), mask)


def _thing(rng: np.random.Generator, unit: float) -> tuple[list[np.ndarray], np.ndarray]:
    """A bar, a knob or lamp, or a ring: the outlines about 0 0, what is in one but not in the next; and its half size.

    Bars are clearly higher or lower than the digits and rings are round, so that a person can tell them from 1 and 0.
    """
    power = float(rng.choice([2.0, 12.0]))
    if rng.random() < 0.5:
        high = unit * (rng.uniform(0.15, 0.4) if rng.random() < 0.5 else rng.uniform(0.8, 3.0))
        half = np.array([unit * rng.uniform(0.03, 0.15), high])
        half = half if rng.random() < 0.75 else half[::-1]
        return [rounded(np.zeros(2), half, 12.0)], half
    half = np.full(2, unit * rng.uniform(0.08, 0.6)) * rng.uniform(0.85, 1.15, 2)
    outlines = [rounded(np.zeros(2), half, power)]
    if rng.random() < 0.5:
        outlines.append(rounded(np.zeros(2), half * rng.uniform(0.5, 0.85), power))
    return outlines, half


def add_things(rng: np.random.Generator, image: np.ndarray, number: Number, unit: float, hardness: float) -> None:
    """Draw bars, knobs, lamps and rings clear of the number, in place."""
    height, width = image.shape[:2]
    low, high = number_bounds(number, width / number.width)
    for _ in range(rng.poisson(0.7 * hardness)):
        outlines, half = _thing(rng, unit)
        spot = rng.uniform((0, 0), (width, height))
        if np.all((spot > low - half - 0.15 * unit) & (spot < high + half + 0.15 * unit)):
            continue
        lean = rng.normal(0, 0.08)
        turn = np.array([[1, -lean], [lean, 1]])
        masks = [polygon(height, width, spot + outline @ turn.T) for outline in outlines]
        colour = wall_colour(rng) * np.float32(rng.choice([0.25, 1.0, 1.3]))
        blend(image, colour, masks[0] - masks[1] * masks[0] if len(masks) > 1 else masks[0])


def write_beside(
    rng: np.random.Generator, number: Number, faces: Sequence[Face], room: tuple[float, float]
) -> list[Stroke]:
    """Letters left, right, above or below the number, in the plane of its wall.

    Args:
        rng: Source of randomness.
        number: What they stand beside.
        faces: Typefaces of the letters; one is chosen.
        room: Least distance to the number across and down, in digit heights.
    """
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
    drawn = [glyph(face, char, GLYPH) for char in text]
    widths = [one.mask.shape[1] * high / GLYPH if one else 0.0 for one in drawn]
    total = sum(widths) + 0.1 * high * len(widths)
    across, down = np.array(room) + rng.uniform(0.1, 0.45)
    left = (-number.half[0] - across - total, number.half[0] + across, -total / 2, -total / 2)[side]
    top = (*(rng.uniform(-0.5, 0.5 - high, 2)), -number.half[1] - down - high, number.half[1] + down)[side]
    strokes = []
    for one, width in zip(drawn, widths, strict=True):
        if one:
            put = np.array([[high / GLYPH, 0, left], [0, high / GLYPH, top + one.top * high], [0, 0, 1]])
            strokes.append(Stroke(one, number.plane @ put))
        left += width + 0.1 * high
    return strokes


def cut_neighbour(rng: np.random.Generator, number: Number, face: Face) -> list[Stroke]:
    """The nearest digit of another number, of which the photo's edge leaves less than half; in photo pixels."""
    low, high = number_bounds(number, 1.0)
    one = glyph(face, DIGITS[rng.integers(10)], GLYPH)
    assert one is not None  # the face was chosen for its ten digits
    scale = (high[1] - low[1]) / len(number.bboxes) ** 0.5 * rng.uniform(0.6, 1.1) / GLYPH
    wide, tall = np.array(one.mask.shape[::-1]) * scale
    left_side = rng.random() < 0.5
    shown = rng.uniform(0.15, 0.45) * wide
    if shown > 0.7 * (low[0] if left_side else number.width - high[0]):
        return []
    x = shown - wide if left_side else number.width - shown
    y = rng.uniform(low[1], high[1]) - tall / 2
    return [Stroke(one, np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]]))]


def add_wire(rng: np.random.Generator, image: np.ndarray, unit: float) -> None:
    """Hang a thin cable, twig or bar in front of everything, in place."""
    height, width = image.shape[:2]
    start, end = rng.uniform(-0.1, 1.1, (2, 2)) * (width, height)
    across = np.array([start[1] - end[1], end[0] - start[0]])
    across *= unit * rng.uniform(0.01, 0.035) / (np.linalg.norm(across) + 1e-6)
    mask = polygon(height, width, np.array([start - across, end - across, end + across, start + across]))
    blend(image, wall_colour(rng) * np.float32(0.6), mask)


def add_letters(
    rng: np.random.Generator, image: np.ndarray, number: Number, faces: Sequence[Face], ink: np.ndarray, fine: int
) -> None:
    """Write beside the number and let a neighbour's number show at the photo's edge, in place.

    Args:
        rng: Source of randomness.
        image: (h, w, 3) float32, `fine` times the photo's size.
        number: The photo's own number.
        faces: Typefaces to choose from.
        ink: (3,) float32, the colour of it all.
        fine: Pixels of `image` to a photo's.
    """
    strokes = write_beside(rng, number, faces, (0.05, 0.1)) if rng.random() < 0.75 else []
    if not strokes:
        strokes = cut_neighbour(rng, number, faces[0])
    height, width = image.shape[:2]
    blend(image, ink, ink_mask(strokes, height, width, fine))
