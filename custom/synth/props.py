"""Things of a scene that are no number: openings, fittings, plants, signs without digits, patterns.

Each function draws one thing about (0, 0) in the square from -1 to 1, which the affine `matrix`, (3, 3), maps to the
pixels of `image`. It draws on `image` in place, which here may also be uint8. That is much faster for many
opaque polygons.
"""

import itertools
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator

from .fonts import Face
from .number import PlacedGlyph
from .paint import superellipse
from .text import draw_word, glyph_size, local_mask, set_line
from .walls import INKS, PLATES, wall_colour

Colour = np.ndarray | np.floating | Sequence[float] | float  # RGB or grey, from 0 to 1
Point = np.ndarray | Sequence[float]
Prop = Callable[[Generator, np.ndarray, np.ndarray], None]
SQUARE = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)


def fill(image: np.ndarray, corners: np.ndarray, colour: Colour, opacity: float = 1.0) -> None:
    """Fill a polygon of (P, 2) x y corners in pixels with a colour, (3,) float32 or grey, in place."""
    height, width = image.shape[:2]
    low, high = corners.min(axis=0), corners.max(axis=0)
    if high[0] < 0 or high[1] < 0 or low[0] > width or low[1] > height:
        return
    if image.dtype == np.uint8 and opacity == 1:
        shade_of_255 = np.clip(np.broadcast_to(np.asarray(colour, np.float32), 3) * 255, 0, 255).tolist()
        cv2.fillPoly(image, [(corners * 16).round().astype(np.int32)], shade_of_255, cv2.LINE_AA, shift=4)
        return
    left, top = max(0, int(low[0]) - 1), max(0, int(low[1]) - 1)
    right, bottom = min(width, int(high[0]) + 3), min(height, int(high[1]) + 3)
    if right <= left or bottom <= top:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [((corners - (left, top)) * 16).round().astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    cover(image[top:bottom, left:right], colour, mask * np.float32(opacity / 255))


def cover(part: np.ndarray, colour: Colour, mask: np.ndarray) -> None:
    """Paint on a part of an image, float32 from 0 to 1 or uint8, with a colour and its opacity `mask`, in place."""
    if part.dtype == np.uint8:
        ground = part.astype(np.float32)
        part[:] = np.clip(
            ground + (np.asarray(colour, np.float32) * np.float32(255) - ground) * mask[..., None], 0, 255
        )
    else:
        part += (np.asarray(colour, np.float32) - part) * mask[..., None]


def shade(image: np.ndarray, corners: np.ndarray, factor: float) -> None:
    """Darken or light up the inside of a polygon by a factor, in place."""
    fill(image, corners, 0.0 if factor < 1 else 1.0, abs(1 - factor))


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Return the corners, (4, 2), of a rectangle."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def disc(radius: float, centre: Point = (0.0, 0.0), power: float = 2.0) -> np.ndarray:
    """Return the corners, (48, 2), of a disc, or of a rounded square for higher powers."""
    return superellipse(np.array(centre, float), np.full(2, radius), power)


def bar(start: Point, end: Point, thick: float) -> np.ndarray:
    """Return the corners, (4, 2), of a bar between two points."""
    one, two = np.array(start, float), np.array(end, float)
    along = two - one
    across = np.array([-along[1], along[0]]) * (thick / 2 / (np.hypot(*along) + 1e-9))
    return np.array([one - across, two - across, two + across, one + across])


def to_image(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map (P, 2) x y points by a (3, 3) affine matrix, in fewer operations than `project` does by a perspective."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def ink(rng: Generator) -> np.ndarray:
    """Draw a colour, (3,) float32, of paint or metal."""
    return np.clip(INKS[rng.integers(len(INKS))] * rng.uniform(0.7, 1.1), 0, 1).astype(np.float32)


def window(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a window: frame, dark or reflecting panes, bars, perhaps curtains or a sill."""
    frame = wall_colour(rng) if rng.random() < 0.4 else np.full(3, rng.uniform(0.6, 1), np.float32)
    shade(image, to_image(matrix, SQUARE * 1.08), rng.uniform(0.4, 0.9))
    fill(image, to_image(matrix, SQUARE), frame)
    columns, rows = (int(count) for count in rng.integers(1, 4, 2))
    glass = np.clip(rng.uniform(0.03, 0.5) + rng.normal(0, 0.04, 3), 0, 1).astype(np.float32)
    gap = float(rng.uniform(0.04, 0.12))
    wide, high = 2 / columns, 2 / rows
    for column in range(columns):
        for row in range(rows):
            left, top = -1 + column * wide, -1 + row * high
            pane = box(left + gap, top + gap, left + wide - gap / 2, top + high - gap / 2)
            fill(image, to_image(matrix, pane), glass * np.float32(rng.uniform(0.8, 1.2)))
            if rng.random() < 0.3:  # a reflection
                edge = rng.uniform(0.2, 0.8)
                cut = np.array([pane[0], pane[0] + (pane[1] - pane[0]) * edge, pane[3] + (pane[0] - pane[3]) * 0.1])
                fill(image, to_image(matrix, cut), 1.0, rng.uniform(0.05, 0.3))
    if rng.random() < 0.4:
        fill(image, to_image(matrix, box(-1.1, 1, 1.1, 1.12)), frame * np.float32(rng.uniform(0.6, 1.1)))
    if rng.random() < 0.25:
        blinds(rng, image, matrix @ np.diag([0.9, 0.9, 1]))


def blinds(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw level or upright stripes: blinds, shutters, grooves, hazard tape."""
    count = int(rng.integers(4, 14))
    colour, opacity = wall_colour(rng), rng.uniform(0.3, 1)
    lean, level = rng.choice([0.0, 0.0, 0.3]), rng.random() < 0.6
    thick = rng.uniform(0.3, 0.7) * 2 / count
    for i in range(count):
        at = -1 + 2 * (i + 0.5) / count
        stripe = bar((-1, at), (1, at + lean), thick)
        fill(image, to_image(matrix, stripe if level else stripe[:, ::-1]), colour, opacity)


def door(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a door: leaf, panels, handle, letter slot."""
    colour = wall_colour(rng)
    shade(image, to_image(matrix, box(-0.62, -1.05, 0.62, 1)), 0.5)
    fill(image, to_image(matrix, box(-0.55, -1, 0.55, 1)), colour)
    for top, bottom in ((-0.9, -0.1), (0.1, 0.9)) if rng.random() < 0.7 else ():
        for left, right in ((-0.45, -0.05), (0.05, 0.45)):
            shade(image, to_image(matrix, box(left, top, right, bottom)), rng.uniform(0.6, 0.9))
            fill(image, to_image(matrix, box(left + 0.04, top + 0.04, right - 0.02, bottom - 0.03)), colour)
    side = rng.choice([-0.46, 0.46])
    fill(image, to_image(matrix, disc(0.05, (side, 0.0))), ink(rng))
    fill(image, to_image(matrix, bar((side, 0), (side * 0.7, 0.0), 0.04)), ink(rng))
    if rng.random() < 0.4:
        fill(image, to_image(matrix, box(-0.2, -0.03, 0.2, 0.05)), ink(rng))


def rails(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a fence or a railing: upright bars between two level ones."""
    colour, count = ink(rng), int(rng.integers(4, 12))
    thick = rng.uniform(0.02, 0.08)
    for x in np.linspace(-0.95, 0.95, count):
        fill(image, to_image(matrix, bar((x, -1), (x, 1), thick)), colour)
        if count < 7 and rng.random() < 0.3:
            fill(image, to_image(matrix, disc(0.07, (x, -1))), colour)
    for y in (-0.8, 0.8):
        fill(image, to_image(matrix, bar((-1, y), (1, y), thick * 1.3)), colour)


def leaves(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a bush or a branch of leaves."""
    green = np.array([0.15, 0.3, 0.1]) * rng.uniform(0.5, 2.2) + rng.normal(0, 0.05, 3)
    slim = rng.uniform(0.3, 0.7)
    for _ in range(int(rng.integers(8, 30))):
        angle, size = rng.uniform(0, np.pi), rng.uniform(0.08, 0.3)
        leaf = disc(size)[::4] * (1, slim)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        colour = np.clip(green * rng.uniform(0.5, 1.5), 0, 1)
        fill(image, to_image(matrix, leaf @ turn.T + np.clip(rng.normal(0, 0.45, 2), -1, 1)), colour)


def car(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw the side of a car."""
    colour = wall_colour(rng)
    shade(image, to_image(matrix, box(-1, 0.6, 1, 0.8)), 0.4)
    fill(image, to_image(matrix, superellipse(np.array([0, 0.25]), np.array([1, 0.35]), 4.0)), colour)
    cabin = np.array([[-0.6, -0.05], [-0.35, -0.5], [0.3, -0.5], [0.6, -0.05]])
    fill(image, to_image(matrix, cabin * 1.08), colour)
    fill(image, to_image(matrix, cabin * 0.9 - (0, 0.02)), rng.uniform(0.05, 0.4))
    fill(image, to_image(matrix, bar((0, -0.5), (0, 0), 0.07)), colour)
    for x in (-0.55, 0.55):
        fill(image, to_image(matrix, disc(0.24, (x, 0.5))), 0.07)
        fill(image, to_image(matrix, disc(0.12, (x, 0.5))), rng.uniform(0.3, 0.8))
    fill(image, to_image(matrix, disc(0.07, (rng.choice([-0.9, 0.9]), 0.2))), (0.95, 0.9, 0.7))


def lamp(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a lamp: a globe or a lantern on its arm, perhaps lit."""
    lit = np.clip(np.array([1, 0.93, 0.75]) * rng.uniform(0.6, 1.1), 0, 1)
    metal = ink(rng)
    fill(image, to_image(matrix, bar((0, -1), (0, -0.3), 0.12)), metal)
    if rng.random() < 0.5:
        fill(image, to_image(matrix, disc(0.62, (0, 0.1))), metal)
        fill(image, to_image(matrix, disc(rng.uniform(0.45, 0.58), (0, 0.1))), lit)
        return
    body = np.array([[-0.5, -0.4], [0.5, -0.4], [0.35, 0.7], [-0.35, 0.7]])
    fill(image, to_image(matrix, body), metal)
    fill(image, to_image(matrix, body * 0.8 + (0, 0.05)), lit)
    fill(image, to_image(matrix, np.array([[-0.65, -0.35], [0, -0.8], [0.65, -0.35]])), metal)
    fill(image, to_image(matrix, bar((0, -0.4), (0, 0.7), 0.06)), metal)


def screw(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a screw, a bolt or a rivet."""
    metal = ink(rng)
    shade(image, to_image(matrix, disc(1.0, (0.12, 0.15))), 0.6)
    fill(image, to_image(matrix, disc(0.95)), metal)
    fill(image, to_image(matrix, disc(0.7, (-0.1, -0.1))), np.clip(metal * 1.35, 0, 1), 0.6)
    angle = rng.uniform(0, np.pi)
    kind = rng.integers(4)
    if kind == 0:
        fill(image, to_image(matrix, disc(0.5, power=1.6)), metal * np.float32(0.3))
        return
    for turn in (0, np.pi / 2)[: 3 - kind]:
        way = np.array([np.cos(angle + turn), np.sin(angle + turn)]) * 0.75
        fill(image, to_image(matrix, bar(-way, way, 0.22)), metal * np.float32(0.25))


def keyhole(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a lock: its plate and its keyhole."""
    metal = ink(rng)
    half = np.array([rng.uniform(0.4, 0.9), 0.95])
    fill(image, to_image(matrix, superellipse(np.zeros(2), half, float(rng.choice([2.0, 4.0, 20.0])))), metal)
    dark = metal * np.float32(0.2) if metal.mean() > 0.2 else np.full(3, 0.5, np.float32)
    fill(image, to_image(matrix, disc(0.2, (0, -0.12))), dark)
    fill(image, to_image(matrix, np.array([[-0.07, -0.1], [0.07, -0.1], [0.13, 0.45], [-0.13, 0.45]])), dark)


def dial(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a gauge or a clock: rim, ticks, one or two needles, no numerals."""
    face = np.full(3, rng.uniform(0.75, 1)) if rng.random() < 0.75 else np.full(3, rng.uniform(0, 0.2))
    dark = 1 - face
    fill(image, to_image(matrix, disc(0.98)), ink(rng))
    fill(image, to_image(matrix, disc(0.88)), face)
    count = int(rng.integers(8, 41))
    start, span = rng.uniform(0, 2 * np.pi), rng.choice([1.5 * np.pi, 2 * np.pi])
    for i in range(count):
        angle = start + span * i / count
        way = np.array([np.cos(angle), np.sin(angle)])
        fill(image, to_image(matrix, bar(way * (0.72 if i % 5 else 0.62), way * 0.83, 0.03 if i % 5 else 0.06)), dark)
    needle = dark if rng.random() < 0.6 else np.array([0.8, 0.1, 0.1])
    for length in (0.75, 0.5)[: int(rng.integers(1, 3))]:
        angle = rng.uniform(0, 2 * np.pi)
        way = np.array([np.cos(angle), np.sin(angle)])
        fill(image, to_image(matrix, bar(-0.15 * way, way * length, 0.07)), needle)
    fill(image, to_image(matrix, disc(0.1)), needle)


def barcode(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a bar code, or a matrix code, on its label; without figures below."""
    fill(image, to_image(matrix, SQUARE), rng.uniform(0.8, 1))
    dark = rng.uniform(0, 0.25)
    if rng.random() < 0.7:
        x = -0.85
        while x < 0.85:
            wide = rng.choice([0.025, 0.05, 0.075, 0.1])
            fill(image, to_image(matrix, box(x, -0.8, min(0.87, x + wide), 0.8)), dark)
            x += wide + rng.choice([0.025, 0.05, 0.075])
        return
    cells = int(rng.integers(8, 14))
    side = 1.7 / cells
    for row, column in np.argwhere(rng.random((cells, cells)) < 0.48):
        left, top = -0.85 + column * side, -0.85 + row * side
        fill(image, to_image(matrix, box(left, top, left + side, top + side)), dark)


def grille(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw an intercom or a vent: a panel with rows of holes, slots or buttons."""
    panel = ink(rng)
    fill(image, to_image(matrix, superellipse(np.zeros(2), np.ones(2), 14.0)), panel)
    hole = panel * np.float32(0.3) if panel.mean() > 0.25 else np.clip(panel + 0.4, 0, 1)
    columns, rows = rng.integers(1, 7), rng.integers(2, 8)
    half = np.array([0.75 / columns, 0.75 / rows]) * rng.uniform(0.4, 0.9)
    power = float(rng.choice([2.0, 12.0]))
    for x in np.linspace(-0.85, 0.85, 2 * columns + 1)[1::2]:
        for y in np.linspace(-0.85, 0.85, 2 * rows + 1)[1::2]:
            fill(image, to_image(matrix, superellipse(np.array([x, y]), half, power)[::3]), hole)


def blank_windows(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw the frame of a register, of a display that is off, or of name plates, with blank fields."""
    count = int(rng.integers(2, 9))
    fill(image, to_image(matrix, box(-1, -0.4, 1, 0.4)), ink(rng))
    colour = np.full(3, rng.choice([rng.uniform(0, 0.2), rng.uniform(0.5, 1)])) + rng.normal(0, 0.03, 3)
    gap = rng.uniform(0.02, 0.3) / count
    for i in range(count):
        left = -0.95 + 1.9 * i / count
        fill(image, to_image(matrix, box(left + gap, -0.3, left + 1.9 / count - gap, 0.3)), np.clip(colour, 0, 1))


def unlit_segments(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a seven-segment display that is off: all segments show a little."""
    ground = np.clip(rng.choice([0.08, 0.5, 0.6]) + rng.normal(0, 0.05, 3), 0, 1)
    fill(image, to_image(matrix, box(-1, -0.45, 1, 0.45)), ground)
    ghost = np.clip(ground + rng.choice([-1, 1]) * rng.uniform(0.01, 0.035), 0, 1)
    count = int(rng.integers(3, 8))
    wide = 1.8 / count
    for i in range(count):
        left, right = -0.9 + (i + 0.2) * wide, -0.9 + (i + 0.8) * wide
        for y in (-0.33, 0, 0.33):
            fill(image, to_image(matrix, bar((left + 0.03, y), (right - 0.03, y), 0.07)), ghost)
        for x in (left, right):
            for y in (-0.3, 0.03):
                fill(image, to_image(matrix, bar((x, y), (x, y + 0.27), 0.05)), ghost)


def pictogram(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a sign without text: arrow, triangle, ring, cross."""
    colours = PLATES[rng.integers(len(PLATES))]
    kind = int(rng.integers(4))
    outline = (disc(0.95), SQUARE * 0.95, np.array([[0, -0.95], [0.95, 0.8], [-0.95, 0.8]]), disc(0.95, power=8))[kind]
    fill(image, to_image(matrix, outline), colours[1])
    fill(image, to_image(matrix, outline * 0.86 + ((0, 0.03) if kind == 2 else (0, 0))), colours[0])
    shape = rng.integers(3)
    if shape == 0:
        turn = rng.integers(4)
        arrow = np.array([[-0.5, -0.12], [0.1, -0.12], [0.1, -0.4], [0.6, 0], [0.1, 0.4], [0.1, 0.12], [-0.5, 0.12]])
        for _ in range(turn):
            arrow = arrow[:, ::-1] * (-1, 1)
        fill(image, to_image(matrix, arrow * 0.8), colours[1])
    elif shape == 1:
        fill(image, to_image(matrix, bar((-0.5, -0.5), (0.5, 0.5), 0.15)), colours[1])
        fill(image, to_image(matrix, bar((-0.5, 0.5), (0.5, -0.5), 0.15)), colours[1])
    else:
        fill(image, to_image(matrix, disc(0.5)), colours[1])
        fill(image, to_image(matrix, disc(0.33)), colours[0])


def scribble(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a curve: a crack, a wire, graffiti, a wrought-iron scroll."""
    count = 24
    steps = cv2.GaussianBlur(rng.normal(0, 1, (count, 2)), (1, 7), 2.0)
    points = np.cumsum(steps, axis=0)
    points = (points - points.mean(axis=0)) / (np.abs(points - points.mean(axis=0)).max() + 1e-6)
    colour, thick = ink(rng), rng.uniform(0.02, 0.14)
    for start, end in itertools.pairwise(points):
        fill(image, to_image(matrix, bar(start, end, thick)), colour)


def print_rows(rng: Generator, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a label with rows of marks like small print, none of which is a character."""
    colours = PLATES[rng.integers(len(PLATES))]
    fill(image, to_image(matrix, SQUARE), colours[0])
    rows = int(rng.integers(3, 9))
    high = 1.8 / rows
    for row in range(rows):
        x, end = -0.85, rng.uniform(0.2, 0.9)
        y = -0.9 + (row + 0.5) * high
        while x < end:
            wide = rng.uniform(0.02, 0.1)
            mark = box(x, y - high * rng.uniform(0.15, 0.35), x + wide, y + high * rng.uniform(0.1, 0.3))
            fill(image, to_image(matrix, mark), colours[1], rng.uniform(0.3, 0.9))
            x += wide + rng.choice([0.02, 0.02, 0.1])


FITTINGS: tuple[Prop, ...] = (
    lamp, screw, keyhole, dial, barcode, grille, blank_windows, unlit_segments, pictogram, scribble, print_rows, blinds,
)  # fmt: skip
FACADE: tuple[Prop, ...] = (window, window, door, rails, leaves, car, blinds)


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Return an image, float32 from 0 to 1, as contiguous uint8."""
    return np.ascontiguousarray((np.clip(image, 0, 1) * np.float32(255)).astype(np.uint8))


def place(rng: Generator, centre: np.ndarray, half: np.ndarray, hardness: float) -> np.ndarray:
    """Draw the (3, 3) matrix of a prop that is `half` wide and high, in pixels, at `centre`, a little turned."""
    angle, shear = rng.normal(0, 0.03 + 0.1 * hardness), rng.normal(0, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle) + shear], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn * half
    matrix[:2, 2] = centre
    return matrix


def write(
    rng: Generator, image: np.ndarray, face: Face, centre: np.ndarray, unit: float, hardness: float, plated: float = 0.4
) -> None:
    """Write words, `unit` pixels high, about `centre`; a share `plated` of them on a plate. There is no digit."""
    text = ' '.join(draw_word(rng) for _ in range(int(rng.choice([1, 1, 1, 2, 3]))))
    line = set_line(face, text, glyph_size(unit), rng.uniform(0.05, 0.2), rng.uniform(0.8, 1.2))
    matrix = place(rng, centre, np.full(2, unit), hardness)
    ground = image[np.clip(int(centre[1]), 0, len(image) - 1), np.clip(int(centre[0]), 0, image.shape[1] - 1)]
    ground = ground / (255 if image.dtype == np.uint8 else 1)
    colour = ink(rng)
    if abs(float(ground.mean()) - float(colour.mean())) < 0.2:
        colour = np.full(3, 0.95 if ground.mean() < 0.5 else 0.05, np.float32)
    if rng.random() < plated:
        plate, colour = PLATES[rng.integers(len(PLATES))]
        half = np.array([line.half + rng.uniform(0.15, 0.6), rng.uniform(0.65, 1.2)])
        shade(image, to_image(matrix, superellipse(np.full(2, 0.05), half, 20.0)), 0.6)
        fill(image, to_image(matrix, superellipse(np.zeros(2), half, 20.0)), plate)
    glyphs = [PlacedGlyph(one.glyph, matrix @ one.matrix) for one in line.glyphs]
    part, mask = local_mask(glyphs, image.shape[0], image.shape[1], 1.0)
    cover(image[part], colour, mask * np.float32(rng.uniform(0.6, 1)))
