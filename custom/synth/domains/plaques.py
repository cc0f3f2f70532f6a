"""Plaques, door signs, race bibs, licence plates, boards, jerseys, lockers: numbers among letters of the same typeface.

Each sign is a stack of lines in one plane. All of its digits are labelled, and none of its letters.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from ..camera import photograph
from ..clutter import add_wire
from ..fonts import Face
from ..number import PlacedGlyph, annotate, project, rotation
from ..paint import cast_shadow, choose_ink, paint, superellipse
from ..props import bar, box, fill, ink, place, screw, shade
from ..scene import Assets, Scene, choose_face
from ..text import (
    dotted,
    draw_affix,
    draw_code,
    draw_digits,
    draw_letters,
    draw_word,
    glyph_size,
    ink_bounds,
    local_mask,
    numbers_of,
    set_line,
)  # fmt: skip
from ..walls import LUMA, PLATES, blend, clouds, draw_wall, photo_wall, wall_colour

MOST = 25  # degrees of rotation
LEAST = 8.0  # pixels; height of the lowest digit
WIDEST = 420  # pixels; width of an image
KINDS = ('plaque', 'bib', 'licence', 'board', 'jersey', 'locker', 'address', 'painted')
SHARES = (0.34, 0.13, 0.11, 0.08, 0.08, 0.1, 0.1, 0.06)
CARDS = 0.35  # share of the boards with a card for each digit
SOLID = 0.4  # share of the characters without a plate that are thick letters of metal or plastic
GREY = 0.07  # share of the images without colour
FROM_PHOTOS = 0.4  # share of the grounds that come from real photos, where there are any


class Row(NamedTuple):
    """A line of a sign: its text, and its height relative to the others."""

    text: str
    height: float


class Sign(NamedTuple):
    """A sign in its plane, where a digit of the main number is 1 high and the origin is the centre of the sign.

    Attributes:
        kind: one of `KINDS`.
        glyphs: all characters, with their matrices to the plane.
        numbers: for each number the positions of its digits in `glyphs`.
        digits: the digit at each of these positions, in the same order.
        half: half the width and the height of the text.
    """

    kind: str
    glyphs: list[PlacedGlyph]
    numbers: list[list[int]]
    digits: list[int]
    half: np.ndarray


def draw_rows(rng: Generator, kind: str, face: Face) -> list[Row]:
    """Draw the text of a sign, top to bottom."""

    def words(most: int) -> str:
        return ' '.join(draw_word(rng) for _ in range(int(rng.integers(1, most + 1))))

    small = float(rng.uniform(0.25, 0.6))
    if kind == 'bib':
        rows = [Row(draw_digits(rng, 1, 5), 1.0)]
        share = rng.random()
        if share < 0.15:
            rows = [Row(draw_letters(rng, face, 1) + rows[0].text[:4], 1.0)]
        elif share < 0.25:
            rows = [Row(rows[0].text[:4] + draw_letters(rng, face, 1), 1.0)]
        above, below = ([Row(words(2), float(rng.uniform(0.2, 0.4)))] if rng.random() < 0.7 else [] for _ in range(2))
        return above + rows + below
    if kind == 'licence':
        parts = [draw_letters(rng, face, int(rng.integers(1, 4))), draw_digits(rng, 1, 4)]
        if rng.random() < 0.4:
            parts.append(draw_letters(rng, face, int(rng.integers(1, 3))))
        if rng.random() < 0.25:
            parts = parts[::-1]
        text = (' ', '-', '')[rng.integers(3)].join(parts)
        return [Row(draw_word(rng), 0.3), Row(text, 1.0)] if rng.random() < 0.25 else [Row(text, 1.0)]
    if kind == 'board':
        number = Row(draw_digits(rng, 1, 3), 1.0)
        return [Row(words(1), small), number] if rng.random() < 0.3 else [number]
    if kind == 'jersey':
        number = Row(draw_digits(rng, 1, 2), 1.0)
        return [Row(draw_word(rng).upper(), float(rng.uniform(0.2, 0.4))), number] if rng.random() < 0.65 else [number]
    if kind == 'address':
        house = draw_digits(rng, 1, 4) + (draw_affix(rng, face) if rng.random() < 0.3 else '')
        street = Row(f'{house} {words(2)}' if rng.random() < 0.5 else f'{words(2)} {house}', 1.0)
        rows = [Row(words(2), float(rng.uniform(0.7, 1.4)))] if rng.random() < 0.5 else []
        rows.append(street)
        if rng.random() < 0.5:
            phone = ('', 'Tel ', 'T. ', 'Fax ')[rng.integers(4)] + draw_digits(rng, 3, 4)
            rows.append(
                Row(phone + (' ', '-', '')[rng.integers(3)] + draw_digits(rng, 3, 4), float(rng.uniform(0.7, 1)))
            )
        return rows
    if kind == 'painted' and rng.random() < 0.6:
        return [Row(draw_digits(rng, 1, 4) + (draw_affix(rng, face) if rng.random() < 0.3 else ''), 1.0)]
    main = Row(draw_code(rng, face), 1.0)
    rows = [main]
    if rng.random() < 0.45:
        rows.insert(0, Row(words(3), small))
    if rng.random() < 0.3:
        rows.append(Row(words(3), small))
    if rng.random() < 0.1:
        rows.append(Row(draw_code(rng, face), float(rng.uniform(0.6, 1))))
    return rows


def draw_sign(rng: Generator, assets: Assets, kind: str, pixels: float, hardness: float) -> Sign:
    """Typeset a sign whose main number is `pixels` high in the drawn image."""
    face = choose_face(rng, assets.faces)
    rows = draw_rows(rng, kind, face)
    other = choose_face(rng, assets.faces) if rng.random() < 0.3 else face
    stretch = float(np.clip(np.exp(rng.normal(0, 0.12)), 0.7, 1.35))
    spacing = float(rng.uniform(0.03, 0.22))
    lead = float(rng.uniform(0.2, 0.7))
    left = kind in ('plaque', 'address') and rng.random() < 0.35  # else centred
    dots = int(rng.integers(8, 15)) if kind == 'board' and rng.random() < 0.35 else 0
    size = max(64, glyph_size(pixels)) if dots else glyph_size(pixels)
    lines = [
        set_line(face if row.height == 1 else other, row.text, size, spacing, stretch, rng, hardness) for row in rows
    ]
    half_width = max(line.half * row.height for line, row in zip(lines, rows, strict=True))
    glyphs: list[PlacedGlyph] = []
    numbers: list[list[int]] = []
    digits: list[int] = []
    y = 0.0
    for line, row in zip(lines, rows, strict=True):
        scale = row.height
        across = line.half * scale - half_width if left else 0.0
        shift = np.array([[scale, 0, across], [0, scale, y + scale / 2], [0, 0, 1]])
        for group in numbers_of(line):
            numbers.append([len(glyphs) + position for position in group])
            digits += [int(line.text[position]) for position in group]
        glyphs += [PlacedGlyph(dotted(g, dots) if dots else g, shift @ matrix) for g, matrix in line.glyphs]
        y += scale + lead * min(scale, 0.7)
    half = np.array([half_width, (y - lead * min(rows[-1].height, 0.7)) / 2])
    up = np.array([[1, 0, 0], [0, 1, -half[1]], [0, 0, 1]])
    return Sign(kind, [PlacedGlyph(g, up @ matrix) for g, matrix in glyphs], numbers, digits, half)


def draw_plane(rng: Generator, half: np.ndarray, hardness: float) -> np.ndarray:
    """Draw the (3, 3) matrix of a view of a plane, `half` wide and high: rotation, shear, slant, perspective."""
    angle = np.clip(rng.normal(0, 1 + 7 * hardness), -MOST, MOST)
    slant = np.diag([rng.uniform(1 - 0.3 * hardness, 1), 1.0, 1.0])
    shear = np.array([[1, rng.normal(0, 0.02 + 0.08 * hardness), 0], [rng.normal(0, 0.06) * hardness, 1, 0], [0, 0, 1]])
    matrix = rotation(np.deg2rad(angle)) @ shear @ slant
    matrix[2, :2] = np.clip(rng.normal(0, 0.02 + 0.06 * hardness, 2), -0.16, 0.16) / np.maximum(half, 1)
    return matrix


def paint_ground(rng: Generator, image: np.ndarray, sign: Sign, matrix: np.ndarray, unit: float) -> np.ndarray | None:
    """Draw what carries a sign; return the colour, (3,) float32, of its text, or None where there is no plate."""
    height, width = image.shape[:2]

    def shape(half: np.ndarray, power: float) -> np.ndarray:
        return project(matrix, superellipse(np.zeros(2), half, power))

    kind = sign.kind
    if kind == 'painted' or (kind == 'plaque' and rng.random() < 0.25):
        return None
    if kind == 'jersey':
        cloth, colour = wall_colour(rng), ink(rng)
        fill(image, np.array([[0, 0], [width, 0], [width, height], [0, height]], float), cloth)
        for _ in range(rng.poisson(0.8)):
            x = rng.uniform(-2, 2) * sign.half[0]
            stripe = bar((x, -9), (x + rng.normal(0, 1), 9), rng.uniform(0.1, 1))
            fill(
                image,
                project(matrix, np.clip(stripe, -3, 3)),
                wall_colour(rng),
            )
        return (
            colour if abs(float((cloth - colour) @ LUMA)) > 0.25 else np.full(3, float(cloth @ LUMA < 0.5), np.float32)
        )
    half = sign.half + rng.uniform(0.12, 0.7, 2)
    power = float(rng.choice([6.0, 14.0, 40.0]))
    plate, colour = PLATES[rng.integers(len(PLATES), size=2).min()] + rng.normal(0, 0.03, (2, 3)).astype(np.float32)
    if kind in ('bib', 'licence') and rng.random() < 0.75:
        plate = np.full(3, rng.uniform(0.8, 1), np.float32)
        colour = np.float32(rng.choice([0.05, 0.1])) * np.ones(3, np.float32) if rng.random() < 0.6 else ink(rng)
        if float((plate - colour) @ LUMA) < 0.35:
            colour = np.full(3, 0.08, np.float32)
    if kind == 'locker' or (kind == 'plaque' and rng.random() < 0.2):  # bare metal, engraved
        plate = np.clip(np.array([0.7, 0.7, 0.72]) * rng.uniform(0.5, 1.2) + rng.normal(0, 0.04, 3), 0, 1)
        colour = plate + np.float32(rng.choice([-1, -1, 1]) * rng.uniform(0.2, 0.6))
        half = half * (1.0, rng.uniform(1, 2.2)) if kind == 'locker' else half
    if kind == 'board':
        plate = np.clip(np.full(3, rng.choice([0.08, 0.9, 0.5])) + rng.normal(0, 0.05, 3), 0, 1)
        bright = ((1, 0.2, 0.15), (1, 0.75, 0.1), (0.95, 0.95, 0.95), (0.2, 0.9, 0.3))[rng.integers(4)]
        colour = np.array(bright) if plate.mean() < 0.4 else np.array((0.08, 0.08, 0.1))
    cards = kind == 'board' and rng.random() < CARDS
    if cards:
        plate = wall_colour(rng)
    if rng.random() < 0.5:
        shade(image, shape(half + 0.04, power) + rng.uniform(0, 0.08, 2) * unit, rng.uniform(0.4, 0.8))
    fill(image, shape(half, power), plate)
    if rng.random() < 0.35:  # brushed metal, dirt, the light across a bent sheet
        part, mask = _inside(image, shape(half, power))
        cells = float(rng.choice([1.5, 0.5 * unit])), float(rng.choice([0.6 * unit, 3 * unit]))
        grain = clouds(rng, mask.shape[0], mask.shape[1], *cells)
        image[part] += (mask * grain * np.float32(rng.uniform(0.01, 0.07)))[..., None]
    if kind == 'licence' and rng.random() < 0.4:  # the band with a country's sign
        x = -half[0] + 0.1
        fill(
            image,
            project(
                matrix, np.array([[x, -half[1]], [x - 0.4, -half[1]], [x - 0.4, half[1]], [x, half[1]]]) - (0.1, 0)
            ),
            (0.1, 0.2, 0.6),
        )
    if rng.random() < 0.45:
        rim = colour if rng.random() < 0.7 else ink(rng)
        edge, thick = rng.uniform(0.0, 0.08), rng.uniform(0.03, 0.08)
        fill(image, shape(half - edge, power), rim)
        fill(image, shape(half - edge - thick, power), plate)
    if rng.random() < 0.4:  # screws, pins
        spots = ((-1, 0), (1, 0)) if rng.random() < 0.5 else ((-1, -1), (1, -1), (-1, 1), (1, 1))
        for sign_x, sign_y in spots:
            at = project(matrix, (np.array([[sign_x, sign_y]]) * (half - 0.07)))[0]
            screw(rng, image, place(rng, at, np.full(2, unit * rng.uniform(0.025, 0.05)), 0.0))
    if cards:  # a white card for each digit
        room, colour = rng.uniform(0.08, 0.25), np.array((0.08, 0.08, 0.1))
        for i in (position for number in sign.numbers for position in number):
            left, top, right, bottom = ink_bounds(sign.glyphs[i : i + 1])[0] + (-room, -room, room, room)
            fill(image, project(matrix, box(left, top, right, bottom)), rng.uniform(0.85, 1))
    if kind == 'locker' and rng.random() < 0.7:
        for i in range(int(rng.integers(2, 5))):
            y = -half[1] + 0.08 + 0.1 * i
            fill(image, project(matrix, bar((-0.4 * half[0], y), (0.4 * half[0], y), 0.04)), np.clip(plate * 0.4, 0, 1))
    return np.clip(colour, 0, 1).astype(np.float32)


def _inside(image: np.ndarray, corners: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
    """Return the part of the image around a polygon, and the polygon's mask in it, (h, w) float32."""
    height, width = image.shape[:2]
    low = np.clip(np.floor(corners.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, low + 1, (width, height)).astype(int)
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    cv2.fillPoly(mask, [np.round((corners - low) * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return (slice(low[1], high[1]), slice(low[0], high[0])), mask.astype(np.float32) / 255


def paint_text(
    rng: Generator,
    image: np.ndarray,
    sign: Sign,
    matrix: np.ndarray,
    colour: np.ndarray | None,
    unit: float,
    hardness: float,
) -> None:
    """Draw the characters of a sign in one manner; `colour` None chooses one that shows on the wall."""
    part, mask = local_mask(
        [PlacedGlyph(g, matrix @ own) for g, own in sign.glyphs], image.shape[0], image.shape[1], 0.3 * unit
    )
    if not mask.size:
        return
    view = image[part]
    if colour is None:
        colour = choose_ink(rng, view, mask, least=rng.uniform(0.15, 0.4) if hardness > 0.5 else 0.4)
        if rng.random() < SOLID:
            extrude(rng, view, mask, colour, unit)
            return
    elif rng.random() < 0.1 + 0.15 * hardness:  # low contrast: worn, engraved, tone on tone
        ground = view.mean(axis=(0, 1))
        far = float(np.abs((colour - ground) @ LUMA))
        least = 0.2 / max(far, 0.2)
        colour = (ground + (colour - ground) * np.float32(rng.uniform(min(1.0, least), 1))).astype(np.float32)
    if sign.kind in ('board', 'bib', 'jersey', 'licence') and rng.random() < 0.8:  # printed flat
        if sign.kind == 'jersey' and rng.random() < 0.4:
            reach = max(1, round(0.04 * unit))
            edge = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
            blend(view, ink(rng), cv2.dilate(mask, edge))
        blend(view, colour, mask * np.float32(rng.uniform(0.75, 1)))
    else:
        paint(rng, view, mask, colour, unit, hardness)
        if sign.kind == 'locker' and rng.random() < 0.3:
            cast_shadow(rng, view, mask, 0.03 * unit, 0.02 * unit)


def extrude(rng: Generator, image: np.ndarray, mask: np.ndarray, colour: np.ndarray, unit: float) -> None:
    """Draw solid characters under `mask`, (h, w) float32, whose sides show in a darker or lighter shade, in place."""
    angle, depth = rng.uniform(0, 2 * np.pi), unit * rng.uniform(0.03, 0.25)
    steps = int(np.clip(depth, 1, 10))
    sides = mask
    for step in range(1, steps + 1):
        by = depth * step / steps * np.array([np.cos(angle), np.sin(angle)])
        moved = cv2.warpAffine(mask, np.array([[1, 0, by[0]], [0, 1, by[1]]]), mask.shape[::-1])
        sides = np.maximum(sides, moved)
    cast_shadow(rng, image, sides, 0.06 * unit, 0.05 * unit)
    blend(image, np.clip(colour * np.float32(rng.choice([0.35, 0.6, 0.8, 1.25])), 0, 1), sides)
    blend(image, colour, mask)


def fold(rng: Generator, image: np.ndarray, unit: float, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Wrinkle an image like cloth; return it, and the displacement (h, w, 2) of the source of each pixel."""
    height, width = image.shape[:2]
    cell = unit * rng.uniform(0.7, 2.0)
    shift = np.stack([clouds(rng, height, width, cell, cell * rng.uniform(0.6, 2)) for _ in range(2)], axis=2)
    shift *= np.float32(strength * unit)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    folded = cv2.remap(image, x + shift[..., 0], y + shift[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    slope = np.gradient(shift[..., 0], axis=1) + np.gradient(shift[..., 1], axis=0)
    return folded * (1 + np.clip(slope * np.float32(rng.uniform(0.5, 2.5)), -0.4, 0.4))[..., None], shift


def unfold(points: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return where points, (P, 2) x y, of the flat image are in the folded one."""
    end = np.array(shift.shape[1::-1]) - 1
    out = points.astype(float)
    for _ in range(4):
        column, row = np.clip(np.round(out), 0, end).astype(int).T
        out = points - shift[row, column]
    return out


def label_sign(
    rng: Generator,
    sign: Sign,
    matrix: np.ndarray,
    oversampling: int,
    size: tuple[int, int],
    hardness: float,
    shift: np.ndarray | None = None,
) -> np.ndarray:
    """Return the boxes, (K, 4) int64 xywh in pixels of the final image, of the digits of a sign.

    Args:
        rng: source of randomness.
        sign: the sign.
        matrix: (3, 3), from the sign's plane to the drawn image.
        oversampling: pixels of the drawn image per pixel of the final one.
        size: width and height of the final image in pixels.
        hardness: 0 to 1, see `custom.synth.number.annotate`.
        shift: displacement of `fold`. Defaults to None, a flat sign.
    """
    bboxes = []
    for number in sign.numbers:
        corners = [project(matrix @ sign.glyphs[i].matrix, sign.glyphs[i].glyph.hull) for i in number]
        if shift is not None:
            corners = [unfold(points, shift) for points in corners]
        inks = np.array([[*points.min(axis=0), *points.max(axis=0)] for points in corners]) / oversampling
        bboxes.append(annotate(rng, inks, *size, hardness))
    return np.concatenate(bboxes)


def without_colour(rng: Generator, photo: np.ndarray) -> np.ndarray:
    """Return a photo, (h, w, 3) uint8, in grey for a share `GREY`."""
    if rng.random() >= GREY:
        return photo
    return cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def draw(rng: Generator, assets: Assets, hardness: float) -> Scene:
    """Draw an image of a sign with one to three numbers."""
    kind = KINDS[rng.choice(len(KINDS), p=SHARES)]
    pixels = float(np.exp(rng.normal(np.log(26), 0.5)))
    sign = draw_sign(rng, assets, kind, min(90.0, pixels) * 2, hardness)
    plane = draw_plane(rng, sign.half, hardness)
    members = [position for number in sign.numbers for position in number]
    ink_in_plane = [PlacedGlyph(g, plane @ own) for g, own in (sign.glyphs[i] for i in members)]
    bounds = ink_bounds(ink_in_plane)
    heights = bounds[:, 3] - bounds[:, 1]
    low, high = bounds[:, :2].min(axis=0) - 0.15, bounds[:, 2:].max(axis=0) + 0.15
    everything = ink_bounds([PlacedGlyph(g, plane @ own) for g, own in sign.glyphs])
    whole = np.array([everything[:, :2].min(axis=0), everything[:, 2:].max(axis=0)])
    whole += np.array([[-0.5], [0.5]])
    # The frame shows all digits, and more or less of the letters around them.
    shown = rng.uniform(0, 1.15, (2, 2)) if rng.random() < 0.4 else rng.uniform(0.9, 1.4, (2, 2))
    frame_low = np.minimum(low, low + (whole[0] - low) * shown[0] - rng.exponential(0.25, 2))
    frame_high = np.maximum(high, high + (whole[1] - high) * shown[1] + rng.exponential(0.25, 2))
    scale = float(np.clip(pixels / heights.max(), LEAST / heights.min(), 90 / heights.max()))
    scale = max(min(scale, WIDEST / (frame_high - frame_low).max()), LEAST / heights.min())
    width, height = np.maximum(np.ceil((frame_high - frame_low) * scale), 12).astype(int).tolist()
    unit = float(heights.max() * scale)
    oversampling = 2 if unit < 26 else 1
    unit *= oversampling
    zoom = scale * oversampling
    matrix = np.array([[zoom, 0, -frame_low[0] * zoom], [0, zoom, -frame_low[1] * zoom], [0, 0, 1]]) @ plane
    shape = (height * oversampling, width * oversampling)
    if assets.backgrounds and rng.random() < FROM_PHOTOS:
        image = photo_wall(rng, assets.backgrounds, *shape)
    else:
        image = draw_wall(rng, *shape, unit)
    colour = paint_ground(rng, image, sign, matrix, unit)
    paint_text(rng, image, sign, matrix, colour, unit, hardness)
    shift = None
    folds = {'bib': 0.8, 'jersey': 0.9}.get(kind, 0.0)
    if rng.random() < folds * hardness:
        image, shift = fold(rng, image, unit, rng.uniform(0.01, 0.07))
    if kind == 'bib' and rng.random() < 0.5:  # safety pins
        for x in (-1, 1):
            at = project(matrix, np.array([[x, -1]]) * (sign.half + 0.05))[0]
            fill(image, bar(at, at + rng.normal(0, 0.15, 2) * unit, 0.04 * unit), ink(rng))
    if rng.random() < 0.05 * hardness:
        add_wire(rng, image, unit)
    photo = without_colour(rng, photograph(rng, np.clip(image, 0, 1), (width, height), unit, hardness))
    bboxes = label_sign(rng, sign, matrix, oversampling, (width, height), hardness, shift)
    return Scene(photo, bboxes, np.array(sign.digits, np.int64))
