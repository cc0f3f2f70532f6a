"""Windows of large scenes with small numbers among facades, doors, cars, plants, words and fittings.

A detector's input holds 320 x 80 pixels, to which a view is scaled, so a digit is `SEEN` pixels high there.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from ..camera import photograph
from ..clutter import add_wire
from ..layout import draw_layout
from ..number import PlacedGlyph, place_number
from ..paint import add_plate, choose_ink, ink_mask, paint
from ..props import FACADE, FITTINGS, fill, place, to_bytes, write
from ..scene import Assets, Scene, choose_face
from ..text import draw_affixes, ink_bounds
from ..walls import draw_wall, wall_colour
from .empty import draw_ground
from .plaques import LEAST, draw_plane, draw_sign, label_sign, paint_ground, paint_text, without_colour

INPUT = (320, 80)  # pixels; width and height that a view is scaled to
SEEN = (6.0, 24.0)  # pixels; height of a digit at that scale
DIGIT_HEIGHT = (LEAST, 34.0)  # pixels; height of a digit in the image
OVERSAMPLED_BELOW = 13.0  # pixels; scenes of smaller digits are drawn at twice the size
SIGNS = ('plaque', 'bib', 'licence', 'board', 'locker', 'address', 'painted')
SIGNED = 0.45  # share of the numbers that stand on a sign
LETTERED = 0.3  # share of the other numbers with letters in the manner of the digits, as in 12A
COUNTS = (0.62, 0.26, 0.12)  # share of images with 1, 2, 3 numbers; one sign may hold several


class _Canvas(NamedTuple):
    """A scene while it is drawn."""

    image: np.ndarray  # (h, w, 3) float32
    oversampling: int  # pixels of `image` per pixel of the final image
    taken: list[np.ndarray]  # rectangles, (4,) xyxy in pixels of `image`, that show numbers
    hardness: float


def _add_planes(rng: Generator, image: np.ndarray, unit: float) -> None:
    """Cover parts of the scene: road, sky, another wall."""
    height, width = image.shape[:2]
    for _ in range(rng.poisson(0.8)):
        kind = rng.integers(3)
        edge = rng.uniform(0.55, 0.95)
        if kind == 0:  # the ground
            top = int(edge * height)
            image[top:] = draw_wall(rng, height - top, width, unit)
        elif kind == 1:  # the sky
            foot = int((1 - edge) * height) + 1
            sky = np.array([0.6, 0.75, 0.95]) * rng.uniform(0.6, 1.05) + rng.normal(0, 0.05, 3)
            image[:foot] = np.clip(sky, 0, 1) * np.linspace(0.9, 1.05, foot)[:, None, None]
        else:  # the next house
            start = int(edge * width)
            part = image[:, start:] if rng.random() < 0.5 else image[:, : width - start]
            part[:] = draw_wall(rng, part.shape[0], part.shape[1], unit)


def _add_things(rng: Generator, image: np.ndarray, assets: Assets, unit: float, hardness: float) -> None:
    height, width = image.shape[:2]
    for _ in range(rng.poisson(1.5 + 2.5 * hardness)):
        prop = FACADE[rng.integers(len(FACADE))]
        half = unit * np.exp(rng.uniform(0.2, 1.6)) * np.array([np.exp(rng.normal(0, 0.3)), 1])
        prop(rng, image, place(rng, rng.uniform((0, 0), (width, height)), half, 0.3 * hardness))
    for _ in range(rng.poisson(1.5 + 2 * hardness)):
        prop = FITTINGS[rng.integers(len(FITTINGS))]
        half = unit * np.exp(rng.uniform(-1.6, 0.4)) * np.array([np.exp(rng.normal(0, 0.3)), 1])
        prop(rng, image, place(rng, rng.uniform((0, 0), (width, height)), half, hardness))
    for _ in range(rng.poisson(1.0)):
        size = unit * np.exp(rng.uniform(-0.8, 0.8))
        write(rng, image, choose_face(rng, assets.faces), rng.uniform((0, 0), (width, height)), size, hardness)


def _free_spot(rng: Generator, size: np.ndarray, canvas: _Canvas) -> np.ndarray | None:
    """Draw x, y of a free rectangle, whole pixels of the final image, and take it; None where there is no room."""
    room = np.array(canvas.image.shape[1::-1]) - size
    if (room < 0).any():
        return None
    for _ in range(12):
        spot = np.floor(rng.uniform(0, room + 1) / canvas.oversampling).astype(int) * canvas.oversampling
        if all((spot + size <= other[:2]).any() or (spot >= other[2:]).any() for other in canvas.taken):
            canvas.taken.append(np.concatenate([spot, spot + size]))
            return spot
    return None


def _add_number(
    rng: Generator, canvas: _Canvas, assets: Assets, digit_height: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Draw a house number; return boxes, (K, 4) xywh in pixels of the final image, and digits, or None without room."""
    oversampling, hardness = canvas.oversampling, canvas.hardness
    layout = draw_layout(rng, hardness)
    layout = layout._replace(digit_height=digit_height, slope=0.5 * layout.slope, width=1, height=1, centre=(0.5, 0.5))
    face = choose_face(rng, assets.faces)
    before, after = draw_affixes(rng, face) if rng.random() < LETTERED else ('', '')
    bare = place_number(rng, face, layout, hardness, before, after)
    room = digit_height * rng.uniform(0.5, 1.2)
    spot = _free_spot(rng, np.ceil(np.array([bare.width, bare.height]) + 2 * room).astype(int) * oversampling, canvas)
    if spot is None:
        return None
    edge = int(room)
    shift = np.array([[1, 0, edge], [0, 1, edge], [0, 0, 1]], float)
    number = bare._replace(
        glyphs=[PlacedGlyph(g, shift @ matrix) for g, matrix in bare.glyphs],
        plane=shift @ bare.plane,
        bboxes=bare.bboxes + np.array((edge, edge, 0, 0)),
        width=bare.width + 2 * edge,
        height=bare.height + 2 * edge,
    )
    high, wide = number.height * oversampling, number.width * oversampling
    view = canvas.image[spot[1] : spot[1] + high, spot[0] : spot[0] + wide]
    unit = digit_height * oversampling
    mask = ink_mask(number.glyphs, high, wide, oversampling)
    ink = add_plate(rng, view, number, unit) if rng.random() < 0.6 else None
    if ink is None:
        if rng.random() < 0.5:  # a plain place on the wall, as a number is not put on a bush
            corners = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]) * (wide, high)
            fill(view, corners, wall_colour(rng))
        ink = choose_ink(rng, view, mask, least=rng.uniform(0.15, 0.4) if hardness > 0.5 else 0.4)
    paint(rng, view, mask, ink, unit, hardness)
    return number.bboxes + np.array((*(spot // oversampling), 0, 0)), np.array(layout.digits, np.int64)


def _add_sign(
    rng: Generator, canvas: _Canvas, assets: Assets, digit_height: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Draw a sign with letters; return as `_add_number` does."""
    image, oversampling, hardness = canvas.image, canvas.oversampling, canvas.hardness
    kind = SIGNS[rng.integers(len(SIGNS))]
    sign = draw_sign(rng, assets, kind, digit_height * oversampling, hardness)
    plane = draw_plane(rng, sign.half, hardness)
    bounds = ink_bounds([PlacedGlyph(g, plane @ own) for g, own in sign.glyphs])
    members = [position for number in sign.numbers for position in number]
    heights = bounds[members, 3] - bounds[members, 1]
    zoom = max(digit_height / heights.max(), LEAST / heights.min()) * oversampling
    low, high = bounds[:, :2].min(axis=0) - 0.4, bounds[:, 2:].max(axis=0) + 0.4
    spot = _free_spot(rng, np.ceil((high - low) * zoom).astype(int), canvas)
    if spot is None:
        return None
    offset = spot - low * zoom
    matrix = np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]], [0, 0, 1]]) @ plane
    unit = float(heights.max()) * zoom
    colour = paint_ground(rng, image, sign, matrix, unit)
    paint_text(rng, image, sign, matrix, colour, unit, hardness)
    height, width = image.shape[:2]
    size = (width // oversampling, height // oversampling)
    return label_sign(rng, sign, matrix, oversampling, size, hardness), np.array(sign.digits, np.int64)


def draw(rng: Generator, assets: Assets, hardness: float) -> Scene:
    """Draw a scene with one or more small numbers in different places."""
    height = round(rng.uniform(80, 150))
    width = min(INPUT[0], round(height * np.exp(rng.uniform(0.1, 1.2))))
    shrink = min(INPUT[0] / width, INPUT[1] / height)
    digit_height = float(np.clip(np.exp(rng.uniform(*np.log(SEEN))) / shrink, *DIGIT_HEIGHT))
    oversampling = 2 if digit_height < OVERSAMPLED_BELOW else 1
    high, wide, unit = height * oversampling, width * oversampling, digit_height * oversampling
    scale = unit * rng.uniform(0.6, 2.0)  # of the things around
    image = draw_ground(rng, assets, high, wide, scale)
    _add_planes(rng, image, scale)
    image = to_bytes(image)
    _add_things(rng, image, assets, scale, hardness)
    image = image / np.float32(255)
    canvas = _Canvas(image, oversampling, [], hardness)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(1 + int(rng.choice(3, p=COUNTS))):
        add = _add_sign if rng.random() < SIGNED else _add_number
        size = float(np.clip(digit_height * np.exp(rng.normal(0, 0.15)), *DIGIT_HEIGHT))
        if drawn := add(rng, canvas, assets, size):
            found.append(drawn)
    while not found:  # a sign was too large
        digit_height = max(LEAST, 0.8 * digit_height)
        if drawn := _add_number(rng, canvas, assets, digit_height):
            found.append(drawn)
    if rng.random() < 0.05 * hardness:
        add_wire(rng, image, unit)
    photo = without_colour(rng, photograph(rng, np.clip(image, 0, 1), (width, height), unit, hardness))
    return Scene(photo, np.concatenate([boxes for boxes, _ in found]), np.concatenate([labels for _, labels in found]))
