"""Lines of text of letters and digits: words, codes, typesetting in a plane, and local masks."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from ..structures.digits import DIGITS
from .fonts import Face, Glyph, draw_glyph
from .glyphs import NO_DIGIT, restyle
from .number import GLYPH_SIZES, PlacedGlyph, project

VOCABULARY = """
EXIT OPEN CLOSED PUSH PULL ROOM LEVEL FLOOR OFFICE ENTRANCE PARKING PRIVATE STAIRS LIFT TOILET LIBRARY HALL LAB SCHOOL
BLOCK UNIT GATE DOOR WARD CLINIC CAFE BANK POST HOTEL TAXI BUS STOP DANGER WARNING FIRE WATER GAS POWER KEEP CLEAR
STAFF ONLY WELCOME VISITORS RECEPTION MEETING STUDIO SUITE HOUSE TOWER CENTRE NORTH SOUTH EAST WEST STREET ROAD AVENUE
LANE STATION PLATFORM RESERVED SALE SHOP BAKERY GARAGE STORE LOADING DELIVERY MAIL LETTERS RING BELL CAMERA PRESS
START RUNNER MARATHON TEAM CITY CLUB SPORT SPONSOR HALF RELAY FINISH TOTAL AMOUNT PRICE GALLONS LITRES VOLUME FUEL
METER SERIAL TYPE MODEL MADE VOLT kWh SMITH MILLER JONES BROWN GARCIA NGUYEN MARTIN SILVA KOWALSKI ROSSI WEBER OKAFOR
TANAKA PATEL HASSAN LARSEN NOVAK DUBOIS MORENO SCHMIDT BIG NEW OLD BLUE RED PARK GREEN HILL LAKE RIVER BRIDGE SCIENCE
ARTS MUSIC ENGINEERING MEDICINE LAW PHYSICS CHEMISTRY
"""
WORDS = tuple(VOCABULARY.split())
BEFORE = (
    'No.',
    'No',
    'Nr.',
    'NO.',
    'Room',
    'ROOM',
    'Level',
    'LEVEL',
    'Unit',
    'UNIT',
    'Gate',
    'Block',
    'Apt',
    'Suite',
    'Bay',
)
CAPITALS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
LETTERS = CAPITALS + CAPITALS.lower()
FIRST_LETTERS = 'ABCDEFGH'  # of the entrances of a house and the rooms of a corridor
SAME = 0.12  # difference of a letter from a digit, see `difference`, below which they are confused
PLAIN = 'OoQqIl'  # letters with at most a small stroke that a 0, a 9 or a 1 lacks
SAME_PLAIN = 0.25  # in place of `SAME` for the letters of `PLAIN`
COMPARED = 48  # pixels; height of the '0' where glyphs are compared


class Line(NamedTuple):
    """A typeset line in its plane: the height of the face's '0' is 1, and the origin is the line's centre.

    Attributes:
        text: its characters without blanks.
        glyphs: one per character, with the matrix from its mask to the plane.
        starts: index of each character in the whole text, which tells neighbours.
        half: half the width.
    """

    text: str
    glyphs: list[PlacedGlyph]
    starts: list[int]
    half: float


def draw_word(rng: Generator) -> str:
    """Draw a word: one of `WORDS`, or an invented one; in capitals, small letters, or with one capital."""
    if rng.random() < 0.6:
        word = WORDS[rng.integers(len(WORDS))]
    else:
        sounds = ('BCDFGHJKLMNPRSTVWZ', 'AEIOU')
        start = int(rng.random() < 0.3)
        word = ''.join(
            sounds[(i + start) % 2][rng.integers(len(sounds[(i + start) % 2]))] for i in range(int(rng.integers(2, 9)))
        )
        if sum(letter in 'OIZSDGB' for letter in word) * 2 >= len(word):  # such a word could be a number
            word = 'K' + word + 'M'
    kind = rng.random()
    return word if kind < 0.6 else word.title() if kind < 0.85 else word.lower()


def difference(one: Glyph, other: Glyph, size: int) -> float:
    """Return the share of the ink of two glyphs that only one of them has: 0 if they are equal, 1 if they share none.

    The glyphs stand on one line and are scaled to one width. The share is 1 minus the intersection over union of the
    masks, in which a grey pixel counts by its grey value. In contrast to a mean over the area, it is as large for thin
    strokes as for thick ones.

    Args:
        one, other: the glyphs.
        size: height of the typeface's '0' in pixels of both masks.
    """
    canvases = np.zeros((2, 2 * size, (3 * size) // 4), np.float32)
    for glyph, canvas in zip((one, other), canvases, strict=True):
        top = round((0.5 + glyph.top) * size)
        mask = cv2.resize(glyph.mask, (canvas.shape[1], len(glyph.mask)), interpolation=cv2.INTER_AREA)
        rows = canvas[max(0, top) : max(0, top + len(mask))]
        rows[:] = mask[max(0, -top) :][: len(rows)]
    return 1 - float(canvases.min(axis=0).sum() / canvases.max(axis=0).sum())


@functools.lru_cache(maxsize=1024)
def lookalikes(face: Face) -> str:
    """Return the letters that a face draws almost as one of its digits; they are no part of codes.

    The `difference` of such a letter from the digit is below `SAME`, for the letters of `PLAIN` below `SAME_PLAIN`, and
    the ratio of its width to its height is similar.
    """
    digits = [glyph for char in DIGITS if (glyph := draw_glyph(face, char, COMPARED)) is not None]
    same = []
    for letter in LETTERS:
        glyph = draw_glyph(face, letter, COMPARED)
        if glyph is None:
            continue
        for digit in digits:
            (high, wide), (digit_high, digit_wide) = glyph.mask.shape, digit.mask.shape
            if not 0.75 < wide * digit_high / (high * digit_wide) < 1.3:
                continue
            if difference(glyph, digit, COMPARED) < (SAME_PLAIN if letter in PLAIN else SAME):
                same.append(letter)
                break
    return ''.join(same)


def draw_letters(rng: Generator, face: Face, count: int, source: str = CAPITALS) -> str:
    """Draw letters of `source` for a code, without the `lookalikes` of the face; O, I and l are rare."""
    banned = lookalikes(face) + ('OIol' if rng.random() < 0.9 else '')
    letters = [letter for letter in source if letter not in banned]
    return ''.join(letters[i] for i in rng.integers(len(letters), size=count))


def draw_affix(rng: Generator, face: Face) -> str:
    """Draw the letters beside a number: mostly one capital, often one of `FIRST_LETTERS`."""
    source = FIRST_LETTERS if rng.random() < 0.4 else CAPITALS
    count = int(rng.choice([1, 2, 3], p=[0.82, 0.11, 0.07]))
    return draw_letters(rng, face, count, source.lower() if rng.random() < 0.25 else source)


def draw_affixes(rng: Generator, face: Face) -> tuple[str, str]:
    """Draw the letters before and after a number, mostly after it only, perhaps with a blank between: 12A, 7 b, E3."""
    kind = rng.random()
    before = draw_affix(rng, face) if kind < 0.28 else ''
    after = draw_affix(rng, face) if kind >= 0.2 else ''
    blank = ' ' if rng.random() < 0.2 else ''
    return before and before + blank, after and blank + after


def draw_digits(rng: Generator, least: int, most: int) -> str:
    """Draw a number of `least` to `most` digits; all digits are equally frequent."""
    return ''.join(str(digit) for digit in rng.integers(10, size=int(rng.integers(least, most + 1))))


def draw_code(rng: Generator, face: Face, most: int = 6) -> str:
    """Draw a number with letters beside its digits, or without any: 502A, S0854, No.10, 12-14, B 7."""
    number = draw_digits(rng, 1, min(most, int(rng.choice([3, 4, 6]))))
    kind = rng.random()
    if kind < 0.24:
        return number
    if kind < 0.42:
        return draw_letters(rng, face, int(rng.integers(1, 4))) + ('', '', ' ', '-')[rng.integers(4)] + number
    if kind < 0.7:
        return number + ('', '', '', '', ' ', '-', '/')[rng.integers(7)] + draw_affix(rng, face)
    if kind < 0.83:
        return BEFORE[rng.integers(len(BEFORE))] + ('', ' ', ' ')[rng.integers(3)] + number
    if kind < 0.92:
        return number[:4] + ('-', ' - ', '/', '.', ':')[rng.integers(5)] + draw_digits(rng, 1, 3)
    return draw_letters(rng, face, 1) + number[:3] + draw_letters(rng, face, 1) + draw_digits(rng, 1, 2)


def dotted(glyph: Glyph, rows: int) -> Glyph:
    """Return a glyph as a matrix of round dots, `rows` over its height, as on LED boards and punched plates."""
    height, width = glyph.mask.shape
    cell = max(3, round(height / rows))
    columns = max(1, round(width / cell))
    small = cv2.resize(glyph.mask, (columns, max(1, round(height / cell))), interpolation=cv2.INTER_AREA)
    disc = np.zeros((cell, cell), np.uint8)
    cv2.circle(disc, (cell // 2, cell // 2), max(1, round(0.42 * cell)), 255, -1, cv2.LINE_AA)
    dots: np.ndarray = np.kron((small > 95).astype(np.uint8), disc)
    mask = cv2.resize(dots, (width, height), interpolation=cv2.INTER_AREA)
    return glyph._replace(mask=mask)


def glyph_size(height: float) -> int:
    """Return the size of glyphs, in pixels, for digits that are `height` pixels high in the drawn image."""
    return next((one for one in GLYPH_SIZES if one >= height), GLYPH_SIZES[-1])


def set_line(
    face: Face,
    text: str,
    size: int,
    spacing: float = 0.1,
    stretch: float = 1.0,
    rng: Generator | None = None,
    hardness: float = 0.0,
) -> Line:
    """Typeset a line from glyphs of `size` pixels; characters that the face lacks are left out.

    Args:
        face: the typeface.
        text: letters, digits, marks and blanks.
        size: height of a '0' in pixels of its glyph.
        spacing: space between neighbours, in heights of the '0'. Defaults to 0.1.
        stretch: horizontal scale. Defaults to 1.0.
        rng: draws how `restyle` changes a line with digits; None leaves the characters as the face has them.
        hardness: that of `restyle`. Defaults to 0.0.
    """
    drawn = [draw_glyph(face, char, size) if char != ' ' else None for char in text]
    shown = [i for i, glyph in enumerate(drawn) if glyph is not None]
    digits = [DIGITS.index(text[i]) if text[i] in DIGITS else NO_DIGIT for i in shown]
    if rng is not None and max(digits, default=NO_DIGIT) != NO_DIGIT:
        for i, other in zip(shown, restyle(rng, [drawn[i] for i in shown], digits, size, hardness), strict=True):
            drawn[i] = other
    placed: list[tuple[int, Glyph, float]] = []
    x = 0.0
    for i, glyph in enumerate(drawn):
        if glyph is None:
            x += 0.4 * stretch
            continue
        placed.append((i, glyph, x))
        x += glyph.mask.shape[1] * stretch / size + spacing
    half = max(0.0, (x - spacing) / 2)
    glyphs = []
    for _, glyph, left in placed:
        matrix = np.array([[stretch / size, 0, left - half], [0, 1 / size, glyph.top - 0.5], [0, 0, 1]])
        glyphs.append(PlacedGlyph(glyph, matrix))
    return Line(''.join(text[i] for i, _, _ in placed), glyphs, [i for i, _, _ in placed], half)


def numbers_of(line: Line) -> list[list[int]]:
    """Group the digits of a line to numbers: positions in `line.glyphs` of neighbouring digits.

    Example:
        >>> numbers_of(Line('A12-7', [], [0, 1, 2, 3, 4], 1.0))
        [[1, 2], [4]]
    """
    groups: list[list[int]] = []
    for position, (char, start) in enumerate(zip(line.text, line.starts, strict=True)):
        if char not in '0123456789':
            continue
        if groups and groups[-1][-1] == position - 1 and line.starts[position - 1] == start - 1:
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups


def ink_bounds(glyphs: Sequence[PlacedGlyph]) -> np.ndarray:
    """Return the bounds of each glyph's ink, (K, 4) xyxy, where its matrix leads."""
    corners = [project(placed.matrix, placed.glyph.hull) for placed in glyphs]
    return np.array([[*points.min(axis=0), *points.max(axis=0)] for points in corners]).reshape(-1, 4)


def local_mask(
    glyphs: Sequence[PlacedGlyph], height: int, width: int, room: float
) -> tuple[tuple[slice, slice], np.ndarray]:
    """Draw the ink of glyphs, whose matrices lead to the image, in the part of the image around them.

    Args:
        glyphs: the glyphs.
        height, width: size of the image in pixels.
        room: pixels around the ink.

    Returns:
        Rows and columns of the part, and its mask (h, w) float32 from 0 to 1, which is empty off the image.
    """
    bounds = ink_bounds(glyphs)
    if not len(bounds):
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), np.float32)
    low = np.clip(np.floor(bounds[:, :2].min(axis=0) - room), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(bounds[:, 2:].max(axis=0) + room), low, (width, height)).astype(int)
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    for placed, (left, top, right, bottom) in zip(glyphs, bounds, strict=True):
        x, y = max(int(left) - 2, int(low[0])), max(int(top) - 2, int(low[1]))
        end_x, end_y = min(int(right) + 3, int(high[0])), min(int(bottom) + 3, int(high[1]))
        if end_x <= x or end_y <= y:
            continue
        shift = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]], float)
        warped = cv2.warpPerspective(placed.glyph.mask, shift @ placed.matrix, (end_x - x, end_y - y))
        part = mask[y - low[1] : end_y - low[1], x - low[0] : end_x - low[0]]
        np.maximum(part, warped, out=part)
    return (slice(low[1], high[1]), slice(low[0], high[0])), mask.astype(np.float32) / 255
