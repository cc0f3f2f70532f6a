"""Domain of displays: LCD and LED numbers of seven segments, rarely of 14 or of dots, alone or in an instrument."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from ...structures.digits import DIGITS
from ..fonts import Face
from ..paint import superellipse
from ..panel import (
    LEGIBLE,
    OUTWARDS,
    Panel,
    add_marks,
    add_reflections,
    choose_lettering,
    random_digits,
    random_word,
    rectangle,
    rounded,
)
from ..scene import Assets, Scene
from ..walls import LUMA, blend, clouds, wall_colour

# Segments a to g: top, upper right, lower right, bottom, lower left, upper left, middle.
SEGMENTS = {
    '0': 'abcdef', '1': 'bc', '2': 'abdeg', '3': 'abcdg', '4': 'bcfg', '5': 'acdfg', '6': 'acdefg', '7': 'abc',
    '8': 'abcdefg', '9': 'abcdfg', '-': 'g', 'A': 'abcefg', 'C': 'adef', 'E': 'adefg', 'F': 'aefg', 'H': 'bcefg',
    'L': 'def', 'P': 'abefg', 'U': 'bcdef', 'n': 'ceg', 'r': 'eg', 't': 'defg', 'h': 'cefg', 'd': 'bcdeg',
}  # fmt: skip
LETTERS = 'ACEFHLPUnrthd'
# Rows of 5 dots, each row a number whose bits are its dots.
DOTS = {
    '0': (14, 17, 17, 17, 17, 17, 14), '1': (4, 12, 4, 4, 4, 4, 14), '2': (14, 17, 1, 2, 4, 8, 31),
    '3': (31, 2, 4, 2, 1, 17, 14), '4': (2, 6, 10, 18, 31, 2, 2), '5': (31, 16, 30, 1, 1, 17, 14),
    '6': (6, 8, 16, 30, 17, 17, 14), '7': (31, 1, 2, 4, 8, 8, 8), '8': (14, 17, 17, 14, 17, 17, 14),
    '9': (14, 17, 17, 15, 1, 2, 12), '-': (0, 0, 0, 31, 0, 0, 0),
}  # fmt: skip
LCD = np.array(
    [
        (0.62, 0.66, 0.55), (0.6, 0.62, 0.6), (0.76, 0.78, 0.74), (0.5, 0.53, 0.45), (0.5, 0.72, 0.2),
        (0.66, 0.75, 0.18), (0.95, 0.62, 0.14), (0.35, 0.55, 0.95), (0.45, 0.78, 0.85), (0.88, 0.9, 0.92),
        (0.55, 0.5, 0.4), (0.72, 0.72, 0.6),
    ],
    np.float32,
)  # fmt: skip
INVERSE = np.array([(0.02, 0.03, 0.08), (0.04, 0.1, 0.5), (0.03, 0.03, 0.03), (0.1, 0.18, 0.4)], np.float32)
LIGHTS = np.array(
    [
        (1.0, 0.08, 0.05), (1.0, 0.15, 0.08), (0.15, 1.0, 0.25), (0.1, 0.35, 1.0), (0.95, 0.97, 1.0),
        (1.0, 0.6, 0.1), (0.3, 1.0, 0.85),
    ],
    np.float32,
)  # fmt: skip
UNITS = ('kWh', 'kW', 'V', 'A', 'L', 'kg', 'g', 'lb', '$', '%', 'C', 'F', 'MWh', 'GAL', 'BAR', 'MPa', 'Hz', 'ml')
PUMP_WORDS = ('PRICE', 'SALE', 'LITRES', 'GALLONS', 'PRICE/L', 'TOTAL', 'AMOUNT', 'VOLUME', 'THIS SALE $', 'UNIT PRICE')
KINDS = ('strip', 'single', 'pump', 'meter', 'clock')
SHARES = (0.42, 0.2, 0.17, 0.15, 0.06)
SQUEEZED = 0.25  # share of the displays whose digits are half as wide as usual
LEAST_CONTRAST = 0.1  # of the ink on an LCD, at hardness 1


class Style(NamedTuple):
    """Form of the digits of a display, in heights of a digit.

    Attributes:
        kind: 'seven', 'fourteen' or 'dots'.
        width: of a cell.
        space: between two cells.
        stroke: thickness of a segment.
        gap: between the ends of two segments.
        bevel: 0 (square ends) to 1 (pointed ends).
        mitred: the outer segments are trapezia that meet at 45 degrees.
        round: the ends are semicircles, or the dots circles.
        slant: horizontal shift of the top against the bottom.
        tailed: 6 has its top segment and 9 its bottom segment.
        hooked: 7 has its upper left segment.
    """

    kind: str
    width: float
    space: float
    stroke: float
    gap: float
    bevel: float
    mitred: bool
    round: bool
    slant: float
    tailed: bool
    hooked: bool


class Row(NamedTuple):
    """A laid row of a display, in the plane of its panel.

    Attributes:
        lit: convex shapes, (P, 2) x y, that are lit.
        opacities: one for each lit shape, 0 to 1.
        ghosts: all shapes of all cells.
        digits: the digits from left to right.
        hulls: for each digit, the points, (P, 2) x y, of its lit shapes.
        right: x of the right end of the last cell.
    """

    lit: list[np.ndarray]
    opacities: list[float]
    ghosts: list[np.ndarray]
    digits: list[int]
    hulls: list[np.ndarray]
    right: float


class Window(NamedTuple):
    """A display's window and what it shows.

    Attributes:
        area: left, top, right and bottom in the plane.
        rows: its rows.
        words: text, left, top and height of small lettering.
    """

    area: np.ndarray
    rows: list[Row]
    words: list[tuple[str, float, float, float]]


def draw_style(rng: Generator, hardness: float) -> Style:
    """Draw the form of a display's digits."""
    kind = str(rng.choice(['seven', 'fourteen', 'dots'], p=[0.9, 0.04, 0.06]))
    width = rng.uniform(0.44, 0.66)
    if rng.random() < SQUEEZED:
        width *= rng.uniform(0.5, 0.8)
    stroke = min(rng.uniform(0.08, 0.2), 0.3 * width)
    slanted = rng.random() < 0.55
    return Style(
        kind=kind,
        width=width,
        space=rng.uniform(0.16, 0.5) * (0.35 + width),
        stroke=stroke,
        gap=stroke * float(rng.choice([0.05, 0.12, 0.25])) * rng.uniform(0.6, 1.2),
        bevel=float(rng.choice([0.0, 0.5, 1.0])),
        mitred=rng.random() < 0.5,
        round=rng.random() < 0.2,
        slant=float(np.tan(np.radians(rng.uniform(3, 15)))) * min(1.0, 1.6 * width) if slanted else 0.0,
        tailed=rng.random() < 0.85,
        hooked=rng.random() < 0.15,
    )


def _bar(start: np.ndarray, end: np.ndarray, style: Style) -> np.ndarray:
    """Return the outline of a segment along its axis, with ends by the style."""
    along = end - start
    length = float(np.hypot(*along))
    along = along / length
    side = np.array([-along[1], along[0]]) * style.stroke / 2
    half = style.stroke / 2
    if style.round:
        inset = style.gap + 0.45 * half
        angles = np.linspace(-np.pi / 2, np.pi / 2, 6)[:, None]
        cap = np.cos(angles) * along * half + np.sin(angles) * side * (half / np.hypot(*side))
        first, last = start + along * (inset + 0.4 * half), end - along * (inset + 0.4 * half)
        return np.concatenate([last + cap, first - cap])
    inset = style.gap + (1 - style.bevel) * 0.5 * half  # square ends overlap at the corners, where the gap is small
    first, last, shoulder = start + along * inset, end - along * inset, along * (style.bevel * half)
    return np.array(
        [first, first + shoulder + side, last - shoulder + side, last, last - shoulder - side, first + shoulder - side]
    )


@functools.lru_cache(maxsize=64)
def segment_shapes(style: Style) -> dict[str, np.ndarray]:
    """Return the outlines of all segments of a cell, (P, 2) x y; its top left corner is (0, 0), its height 1.

    The segments are named a to g; those of 14-segment cells have more of them, and g in two parts, g and G.
    """
    half, wide, thick, gap = style.stroke / 2, style.width, style.stroke, style.gap
    left, right, top, middle, bottom = half, wide - half, half, 0.5, 1 - half
    nodes = {
        'a': (left, top, right, top), 'b': (right, top, right, middle), 'c': (right, middle, right, bottom),
        'd': (left, bottom, right, bottom), 'e': (left, middle, left, bottom), 'f': (left, top, left, middle),
        'g': (left, middle, right, middle),
    }  # fmt: skip
    if style.kind == 'fourteen':
        centre = wide / 2
        nodes['g'], nodes['G'] = (left, middle, centre, middle), (centre, middle, right, middle)
        nodes.update({'i': (centre, top + half, centre, middle), 'l': (centre, middle, centre, bottom - half)})
        for name, x, y in (('h', left, top), ('j', right, top), ('k', left, bottom), ('m', right, bottom)):
            near = np.array([x, y]) + np.sign((centre - x, middle - y)) * (0.7 * thick, thick)
            far = np.array([centre, middle]) - np.sign((centre - x, middle - y)) * (0.5 * thick, 0.6 * thick)
            nodes[name] = (*near, *far)
    shapes = {name: _bar(np.array(ends[:2]), np.array(ends[2:]), style) for name, ends in nodes.items()}
    if style.mitred and not style.round:
        inner = thick + gap
        across = np.array([(gap, 0), (wide - gap, 0), (wide - inner, thick), (inner, thick)])
        foot = 0.5 - gap / 2
        outside = [(wide, gap), (wide, foot), (wide - half, foot)]
        down = np.array([*outside, (wide - thick, foot - half), (wide - thick, inner)])
        flip_x, flip_y = np.array([(wide, 0), (-1, 1)]), np.array([(0, 1), (1, -1)])
        shapes['a'], shapes['b'] = across, down
        shapes['d'], shapes['c'] = (flip_y[0] + one * flip_y[1] for one in (across, down))
        shapes['f'], shapes['e'] = (flip_x[0] + one * flip_x[1] for one in (down, shapes['c']))
    return shapes


def _slanted(shape: np.ndarray, style: Style) -> np.ndarray:
    return np.column_stack([shape[:, 0] + (1 - shape[:, 1]) * style.slant, shape[:, 1]])


def segments_of(char: str, style: Style) -> str:
    """Return the lit segments of a character."""
    lit = SEGMENTS[char]
    if char == '6' and not style.tailed:
        lit = lit.replace('a', '')
    if char == '9' and not style.tailed:
        lit = lit.replace('d', '')
    if char == '7' and style.hooked:
        lit += 'f'
    return lit.replace('g', 'gG') if style.kind == 'fourteen' else lit


@functools.lru_cache(maxsize=512)
def _cell(char: str, style: Style) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the lit shapes of a character and all shapes of its cell, slanted."""
    if style.kind == 'dots':
        size = np.array([style.width / 5, 1 / 7])
        places = [(row, column) for row in range(7) for column in range(5)]
        half = 0.46 * size

        def dot(row: int, column: int) -> np.ndarray:
            centre = size * (column + 0.5, row + 0.5)
            outline = superellipse(centre, half, 2.0)[::4] if style.round else rectangle(*centre - half, *centre + half)
            return _slanted(outline, style)

        bits = DOTS.get(char, (0,) * 7)
        return [dot(y, x) for y, x in places if bits[y] >> (4 - x) & 1], [dot(y, x) for y, x in places]
    shapes = {name: _slanted(shape, style) for name, shape in segment_shapes(style).items()}
    return [shapes[name] for name in segments_of(char, style)] if char != ' ' else [], list(shapes.values())


def lay_row(
    rng: Generator, style: Style, text: str, left: float, top: float, high: float = 1.0, faint: float = 0.0
) -> Row:
    """Lay a row of a display.

    Args:
        rng: source of randomness.
        style: form of the digits.
        text: digits, letters of `SEGMENTS`, spaces for blank cells, and the marks '.', ',' and ':'.
        left, top: of the first cell in the plane.
        high: height of the digits in the plane. Defaults to 1.0.
        faint: share of the rows of which one lit segment is faint. Defaults to 0.0.
    """
    lit, ghosts, digits, hulls, opacities = [], [], [], [], []
    x = 0.0
    corner = np.array([left, top])
    size = min(0.16, 1.15 * style.stroke, 0.8 * style.space) * np.array([0.5, 0.5])
    for char in text:
        if char in '.,:':
            spots = [(x - style.space / 2, 1 - size[1])]
            if char == ':':
                x += style.space
                spots = [(x - style.space, y) for y in (0.32, 0.68)]
            for spot in spots:
                outline = superellipse(np.array(spot), size, 2.0 if style.round else 20.0)[::3]
                if char == ',':
                    outline = np.concatenate([outline, np.array(spot) + size * [(-1, 3.0)]])
                    outline = cv2.convexHull(outline.astype(np.float32))[:, 0]
                lit.append(corner + _slanted(outline, style) * high)
                opacities.append(1.0)
            continue
        shapes, every = _cell(char, style)
        placed = [corner + (shape + np.array([x, 0])) * high for shape in shapes]
        lit += placed
        opacities += [1.0] * len(placed)
        ghosts += [corner + (shape + np.array([x, 0])) * high for shape in every]
        if char in DIGITS:
            digits.append(int(char))
            hulls.append(np.concatenate(placed))
        x += style.width + style.space
    if lit and rng.random() < faint:
        opacities[rng.integers(len(lit))] = rng.uniform(0.45, 0.7)
    return Row(lit, opacities, ghosts, digits, hulls, left + (x - style.space + style.slant) * high)


def draw_text(rng: Generator, low: int, high: int) -> str:
    """Draw a number of `low` to `high` digits, with blank cells, a point, a comma or a sign."""
    text = random_digits(rng, int(rng.integers(low, high + 1)))
    if rng.random() < 0.5 and len(text) > 1:
        place = int(rng.integers(1, min(4, len(text))))
        text = f'{text[:-place]}{"," if rng.random() < 0.2 else "."}{text[-place:]}'
    if rng.random() < 0.05:
        text = '-' + text
    if rng.random() < 0.3:
        text = ' ' * int(rng.integers(1, 4)) + text
    return text


def _strip(rng: Generator, style: Style) -> tuple[list[Window], np.ndarray]:
    """Lay a display that fills the image; return it and the visible area."""
    count = int(np.clip(np.round(rng.normal(5.5, 1.7)), 1, 10))
    text = draw_text(rng, count, count)
    rows = [lay_row(rng, style, text, 0.0, 0.0, faint=0.03)]
    area = np.array([min(0.0, *(hull[:, 0].min() for hull in rows[0].hulls)), 0.0, rows[0].right, 1.0])
    words = []
    if rng.random() < 0.35:  # its unit, small or as high as the digits
        high = rng.uniform(0.3, 0.8)
        unit = UNITS[rng.integers(len(UNITS))]
        words.append((unit, area[2] + 0.25, rng.choice([0.0, 1 - high]), high))
        area[2] += 0.3 + 0.75 * high * len(unit)
    if rng.random() < 0.15:  # a code of the value
        code, high = _code(rng), float(rng.choice([0.35, 0.5, 0.6]))
        wide = lay_row(rng, style, code, 0.0, 0.0, high).right
        area[0] -= wide + 0.3
        rows.append(lay_row(rng, style, code, area[0], rng.choice([0.0, 1 - high]), high))
    if rng.random() < 0.2:  # symbols above
        for _ in range(rng.integers(1, 4)):
            words.append((random_word(rng, 1, 4), rng.uniform(area[0], area[2]), -0.4, 0.25))
        area[1] -= 0.4
    pads = rng.uniform(0.08, 0.6, 4) * (1.2, 0.8, 1.2, 0.8)
    if rng.random() < 0.25:  # blank at one end
        pads[rng.choice([0, 2])] += rng.uniform(0.5, 3)
    window = area + pads * OUTWARDS
    margin = rng.uniform(-0.8, 0.5) * pads if rng.random() < 0.6 else rng.uniform(0, 0.5, 4)
    return [Window(window, rows, words)], window + margin * OUTWARDS


def _code(rng: Generator) -> str:
    return '.'.join(str(one) for one in rng.integers(0, 10, size=rng.integers(1, 4)))


def _single(rng: Generator, style: Style) -> tuple[list[Window], np.ndarray]:
    """Lay one display within its instrument: a scale, a thermostat, a gauge."""
    text = draw_text(rng, 2, 6)
    rows = [lay_row(rng, style, text, 0.0, 0.0, faint=0.03)]
    area = np.array([0.0, 0.0, rows[0].right, 1.0])
    words = []
    if rng.random() < 0.6:
        high = rng.uniform(0.3, 0.7)
        unit = UNITS[rng.integers(len(UNITS))]
        words.append((unit, area[2] + 0.2, 1 - high, high))
        area[2] += 0.25 + 0.75 * high * len(unit)
    if rng.random() < 0.3:  # a second, smaller number
        high = rng.uniform(0.4, 0.7)
        rows.append(lay_row(rng, style, draw_text(rng, 2, 4), rng.uniform(0, 0.4), 1.25, high))
        area = np.array([0.0, 0.0, max(area[2], rows[-1].right), 1.25 + high])
    window = area + rng.uniform(0.1, 0.7, 4) * OUTWARDS
    return [Window(window, rows, words)], window + rng.uniform(0.2, 1.8, 4) * OUTWARDS * (1.2, 0.8, 1.2, 0.8)


def _pump(rng: Generator, style: Style) -> tuple[list[Window], np.ndarray]:
    """Lay the two or three displays of a fuel pump, one above another."""
    windows = []
    top, cells = 0.0, int(rng.integers(4, 7))
    wide = cells * (style.width + style.space) - style.space + style.slant + 0.01
    blanks = rng.random() < 0.7
    pads = rng.uniform(0.1, 0.35, 2)
    between = rng.uniform(0.12, 0.6)
    for i in range(int(rng.choice([2, 3], p=[0.3, 0.7]))):
        high = rng.uniform(0.6, 1.0) if i == 2 and rng.random() < 0.6 else 1.0
        digits = int(rng.integers(3, cells + 1))
        text = random_digits(rng, digits)
        place = int(rng.integers(1, 4))
        text = f'{text[:-place]}.{text[-place:]}' if digits > place and rng.random() < 0.9 else text
        text = ' ' * (cells - digits if blanks else 0) + text
        row = lay_row(rng, style, text, 0.0, top, high, faint=0.02)
        row = lay_row(rng, style, text, wide - row.right, top, high, faint=0.02)  # to the right edge
        windows.append(Window(np.array([-pads[0], top - pads[1], wide + pads[0], top + high + pads[1]]), [row], []))
        top += high + 2 * pads[1] + between
    whole = np.array([*windows[0].area[:2], *windows[-1].area[2:]])
    room = rng.uniform(0.1, 0.8, 4) * (1.5, 0.6, 1.5, 0.6)
    if rng.random() < 0.5:  # room for words beside
        room[rng.choice([0, 2])] += rng.uniform(1, 3)
    return windows, whole + room * OUTWARDS


def _meter(rng: Generator, style: Style) -> tuple[list[Window], np.ndarray]:
    """Lay the display of an electricity meter, with a code, a unit and symbols."""
    cells = int(rng.integers(5, 9))
    text = random_digits(rng, cells)
    if rng.random() < 0.4:
        place = int(rng.integers(1, 4))
        text = f'{text[:-place]}.{text[-place:]}'
    rows = [lay_row(rng, style, text, 0.0, 0.0, faint=0.02)]
    right = rows[0].right
    area = np.array([0.0, 0.0, right, 1.0])
    words = []
    high = rng.uniform(0.25, 0.45)
    unit = str(rng.choice(['kWh', 'kWh', 'kW', 'MWh', 'kvarh', 'V', 'A']))
    if rng.random() < 0.5:
        words.append((unit, right + 0.2, 1 - high, high))
        area[2] += 0.25 + 0.8 * high * len(unit)
    else:
        words.append((unit, right - 0.8 * high * len(unit), -high - 0.15, high))
        area[1] -= high + 0.15
    if rng.random() < 0.4:  # code above or left
        high = rng.uniform(0.35, 0.6)
        code = _code(rng)
        wide = lay_row(rng, style, code, 0.0, 0.0, high).right
        if rng.random() < 0.5:
            rows.append(lay_row(rng, style, code, 0.0, -high - 0.2, high))
            area[1] = min(area[1], -high - 0.2)
        else:
            rows.append(lay_row(rng, style, code, -wide - 0.3, 1 - high, high))
            area[0] = -wide - 0.3
    for _ in range(rng.poisson(1.5)):
        words.append((random_word(rng, 1, 3), rng.uniform(area[0], area[2]), 1.15, 0.22))
        area[3] = 1.4
    window = area + rng.uniform(0.12, 0.5, 4) * OUTWARDS
    return [Window(window, rows, words)], window + rng.uniform(0.1, 1.5, 4) * OUTWARDS


def _clock(rng: Generator, style: Style) -> tuple[list[Window], np.ndarray]:
    """Lay a clock, perhaps with small seconds or a date."""
    text = f'{rng.integers(24):{"02d" if rng.random() < 0.6 else "2d"}}:{rng.integers(60):02d}'
    rows = [lay_row(rng, style, text, 0.0, 0.0)]
    area = np.array([0.0, 0.0, rows[0].right, 1.0])
    if rng.random() < 0.3:
        high = rng.uniform(0.45, 0.7)
        rows.append(lay_row(rng, style, f'{rng.integers(60):02d}', area[2] + 0.25, 1 - high, high))
        area[2] = rows[-1].right
    words = [(str(rng.choice(['AM', 'PM', 'ALARM'])), 0.0, -0.4, 0.25)] if rng.random() < 0.4 else []
    area[1] -= 0.4 if words else 0.0
    window = area + rng.uniform(0.15, 0.7, 4) * OUTWARDS
    return [Window(window, rows, words)], window + rng.uniform(0.1, 1.2, 4) * OUTWARDS


LAYOUTS = {'strip': _strip, 'single': _single, 'pump': _pump, 'meter': _meter, 'clock': _clock}


def _legible_rows(panel: Panel, window: Window) -> list[Row]:
    """Return the rows whose digits are legible; the others are not drawn."""
    heights = [np.ptp(np.concatenate(row.ghosts)[:, 1]) if row.ghosts else 0.0 for row in window.rows]
    return [row for row, high in zip(window.rows, heights, strict=True) if panel.input_height(high) >= LEGIBLE]


def _lit_mask(panel: Panel, rows: Sequence[Row]) -> np.ndarray:
    shapes = [shape for row in rows for shape in row.lit]
    return panel.mask(shapes, [one for row in rows for one in row.opacities])


class Lcd(NamedTuple):
    """Look of the LCDs of one instrument.

    Attributes:
        ground: (3,) float32.
        ink: (3,) float32.
        contrast: opacity of the ink, 0 to 1.
        ghost: opacity of unlit segments.
        shadow: x, y shift of the shadow in the plane, and its opacity.
    """

    ground: np.ndarray
    ink: np.ndarray
    contrast: float
    ghost: float
    shadow: tuple[float, float, float]


def draw_lcd(rng: Generator, hardness: float) -> Lcd:
    """Draw the look of an LCD; the hardness brings low contrast, ghosts and shadows."""
    contrast = rng.uniform(0.6, 0.97)
    if rng.random() < 0.6 * hardness:
        contrast = LEAST_CONTRAST + 0.5 * rng.random() ** 1.3
    if rng.random() < 0.15:
        ground = INVERSE[rng.integers(len(INVERSE))]
        ink = LCD[rng.integers(4, 10)] * np.float32(rng.uniform(0.8, 1.1))
        contrast = max(contrast, 0.25)
    else:
        ground = LCD[rng.integers(len(LCD))] * np.float32(rng.uniform(0.45, 1.05))
        ink = np.array([(0.05, 0.06, 0.08), (0.1, 0.12, 0.1), (0.05, 0.06, 0.25)], np.float32)[rng.integers(3)]
        ink = ink * ground.max()
    if contrast < 0.35:  # overexposure must not hide the ink
        ground = ground * np.float32(min(1.0, 0.62 / ground.max()))
    ghost = contrast * rng.uniform(0.03, 0.3) if rng.random() < 0.15 + 0.35 * hardness else 0.0
    reach = rng.uniform(0.015, 0.07) if rng.random() < 0.4 else 0.0
    direction = rng.uniform(0, 2 * np.pi)
    shadow = (reach * np.cos(direction), reach * np.sin(direction), rng.uniform(0.1, 0.45) * contrast if reach else 0.0)
    return Lcd(ground, ink, contrast, ghost, shadow)


def _paint_lcd(rng: Generator, panel: Panel, window: Window, rows: Sequence[Row], look: Lcd, hardness: float) -> None:
    height, width = panel.image.shape[:2]
    panel.fill(rounded(window.area, 30.0), look.ground)
    slope = rng.normal(0, 0.06 + 0.1 * hardness, 2).astype(np.float32)
    x, y = np.linspace(-0.5, 0.5, width, dtype=np.float32), np.linspace(-0.5, 0.5, height, dtype=np.float32)
    shade = slope[0] * x + slope[1] * y[:, None]
    glass = panel.mask([rectangle(*window.area)])
    panel.image *= (1 + shade * glass)[..., None]
    lit = _lit_mask(panel, rows)
    if look.ghost:
        ghosts = panel.mask([shape for row in rows for shape in row.ghosts])
        blend(panel.image, look.ink, ghosts * np.float32(look.ghost))
    if look.shadow[2]:
        by = np.array(look.shadow[:2]) * panel.unit
        moved = cv2.warpAffine(lit, np.array([[1, 0, by[0]], [0, 1, by[1]]]), (width, height))
        blend(panel.image, look.ink, cv2.GaussianBlur(moved, (0, 0), 0.02 * panel.unit + 0.3) * look.shadow[2] * glass)
    polariser = 1 - np.abs(shade) * rng.uniform(0, 1.5)
    blend(panel.image, look.ink, lit * np.clip(look.contrast * polariser, 0.8 * look.contrast, 1).astype(np.float32))


def _paint_led(
    rng: Generator, panel: Panel, window: Window, rows: Sequence[Row], light: np.ndarray, hardness: float
) -> None:
    height, width = panel.image.shape[:2]
    dark = np.float32(rng.uniform(0.01, 0.12)) * (np.float32(0.5) + light * np.float32(rng.uniform(0, 0.8)))
    panel.fill(rounded(window.area, 30.0), dark.astype(np.float32))
    lit = _lit_mask(panel, rows)
    if rng.random() < 0.4:  # unlit segments reflect the room's light
        ghosts = panel.mask([shape for row in rows for shape in row.ghosts])
        blend(panel.image, dark + np.float32(rng.uniform(0.02, 0.12)), ghosts)
    if rng.random() < 0.12 * hardness:  # multiplexed digits, only part of which the exposure caught
        band = 1 - 0.5 * np.clip(clouds(rng, height, width, 0.8 * panel.unit, width), 0, 1)
        lit = lit * band.astype(np.float32)
    gain = rng.uniform(0.75, 1.1) + (rng.uniform(0, 0.9) if rng.random() < 0.35 * hardness else 0)
    white = max(0.0, gain - 1.0) * 0.8
    panel.image += lit[..., None] * (light * np.float32(gain) + np.float32(white))
    bloom = rng.uniform(0, 0.15 + 0.35 * hardness)
    for reach, share in ((0.05, 0.6), (0.25, 0.5)):
        # Bloom between the strokes stays darker than the strokes.
        glow = cv2.GaussianBlur(lit, (0, 0), reach * panel.unit + 0.5)
        panel.image += glow[..., None] * (light * np.float32(bloom * share))


def draw(rng: Generator, assets: Assets, hardness: float) -> Scene:
    """Draw an image of one or several displays.

    Args:
        rng: source of randomness.
        assets: typefaces of the lettering, and photos for the surroundings.
        hardness: 0 (clean, frontal) to 1 (as degraded as real photos are).
    """
    style = draw_style(rng, hardness)
    windows, shown = LAYOUTS[KINDS[rng.choice(len(KINDS), p=SHARES)]](rng, style)
    extent = shown[2:] - shown[:2]
    # The least digit height is 10 px, also at the size of the model's input.
    least = max(10.0, min(10.0 * extent[1] / 8, 24.0))
    unit = float(np.exp(rng.uniform(np.log(least), np.log(max(least + 1, 90 if extent[1] < 3 else 45)))))
    panel = Panel(rng, rectangle(*shown), unit, hardness, assets.backgrounds)
    led = rng.random() < 0.27
    whole = np.array([*windows[0].area[:2], *windows[-1].area[2:]])
    body = whole + rng.uniform(0.1, 2.5, 4) * OUTWARDS
    housing = wall_colour(rng)
    panel.fill(rounded(body, 25.0), housing * np.float32(0.4), 0.6, 0.06)
    panel.fill(rounded(body, 25.0), housing)
    ink = np.full(3, 0.06 if housing @ LUMA > 0.4 else 0.92, np.float32)
    faces = choose_lettering(rng, assets.faces)
    face = faces[0]
    add_marks(rng, panel, faces, np.array([np.maximum(body[:2], shown[:2]), np.minimum(body[2:], shown[2:])]).ravel(),
              [window.area + 0.1 * OUTWARDS for window in windows], ink)  # fmt: skip
    bezel = rng.uniform(0.02, 0.15) if rng.random() < 0.6 else 0.0
    frame = housing * np.float32(rng.uniform(0.2, 0.8)) if rng.random() < 0.6 else np.full(3, 0.05, np.float32)
    look = draw_lcd(rng, hardness)
    light = LIGHTS[rng.integers(len(LIGHTS))] if rng.random() < 0.5 else LIGHTS[rng.integers(2)]
    for window in windows:
        if bezel:
            panel.fill(rounded(window.area + OUTWARDS * bezel, 30.0), frame.astype(np.float32))
        rows = _legible_rows(panel, window)
        if led:
            _paint_led(rng, panel, window, rows, light, hardness)
        else:
            _paint_lcd(rng, panel, window, rows, look, hardness)
        colour = light if led else look.ground + (look.ink - look.ground) * np.float32(look.contrast)
        for text, left, top, high in window.words:
            panel.write(face, text, (left, top), high, colour.astype(np.float32), 0.8)
        for row in rows:
            panel.label(row.hulls, row.digits)
    if len(windows) > 1:
        _pump_words(rng, panel, face, windows, shown, ink)
    add_reflections(rng, panel, hardness)
    return panel.photograph(rng, hardness)


def _pump_words(
    rng: Generator, panel: Panel, face: Face, windows: Sequence[Window], shown: np.ndarray, ink: np.ndarray
) -> None:
    """Write a word beside or below each display of a fuel pump, where there is room."""
    left_room, right_room = windows[0].area[0] - shown[0], shown[2] - windows[0].area[2]
    for window in windows:
        word = PUMP_WORDS[rng.integers(len(PUMP_WORDS))]
        if max(left_room, right_room) > 1:
            room = max(left_room, right_room) - 0.3
            high = min(0.5, room / (0.75 * len(word)))
            left = window.area[2] + 0.15 if right_room > left_room else window.area[0] - 0.15 - 0.75 * high * len(word)
            panel.write(face, word, (left, (window.area[1] + window.area[3] - high) / 2), high, ink, 0.8)
        else:
            panel.write(face, word, (window.area[0], window.area[3] + 0.08), 0.15, ink, 0.8)
