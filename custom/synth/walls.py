"""Walls, doors and plates: textures and colours to draw digits on."""

import functools
import hashlib
from pathlib import Path

import cv2
import numpy as np

from ..structures.photos import list_photos, read_photo

WALLS = np.array(
    [
        *[(232, 228, 220), (214, 206, 190), (196, 182, 158), (176, 168, 158), (150, 146, 140), (122, 118, 112)],
        *[(205, 186, 150), (186, 140, 104), (150, 92, 70), (120, 66, 52), (96, 60, 46), (84, 74, 66), (60, 52, 46)],
        *[(38, 36, 38), (24, 24, 30), (160, 170, 178), (112, 128, 140), (70, 88, 112), (46, 64, 110), (140, 172, 160)],
        *[
            (84, 120, 92),
            (40, 74, 52),
            (214, 190, 110),
            (196, 150, 60),
            (140, 40, 40),
            (236, 236, 238),
            (248, 248, 248),
        ],
    ],
    np.float32,
) / np.float32(255)
# Plate and ink: enamel, brass, slate, house paint; the commonest first.
PLATES = np.array(
    [
        *[[(240, 240, 238), (24, 26, 34)], [(240, 240, 240), (30, 44, 130)], [(34, 54, 150), (238, 240, 244)]],
        *[[(28, 40, 104), (232, 236, 240)], [(60, 96, 170), (240, 240, 244)], [(24, 24, 28), (236, 236, 232)]],
        *[[(30, 28, 28), (206, 170, 84)], [(24, 70, 46), (236, 236, 228)], [(132, 28, 30), (240, 232, 220)]],
        *[[(190, 154, 84), (36, 28, 22)], [(206, 206, 204), (40, 40, 44)], [(226, 220, 196), (70, 44, 30)]],
        *[[(238, 236, 228), (150, 30, 34)], [(238, 238, 230), (24, 84, 56)], [(80, 56, 40), (228, 216, 190)]],
        *[[(110, 112, 116), (232, 232, 232)], [(236, 206, 70), (30, 28, 26)], [(66, 66, 70), (220, 216, 206)]],
    ],
    np.float32,
) / np.float32(255)
INKS = np.array(
    [
        *[(16, 16, 18), (30, 28, 28), (52, 46, 42), (240, 240, 238), (224, 220, 210), (196, 160, 84), (150, 116, 60)],
        *[(170, 172, 176), (120, 122, 126), (70, 48, 36), (150, 30, 32), (36, 54, 130), (30, 84, 60), (250, 250, 250)],
    ],
    np.float32,
) / np.float32(255)
LUMA = np.array((0.299, 0.587, 0.114), np.float32)


def clouds(rng: np.random.Generator, height: int, width: int, cell_y: float, cell_x: float) -> np.ndarray:
    """Smooth noise.

    Args:
        rng: Source of randomness.
        height: Rows.
        width: Columns.
        cell_y: Rows between two independent values.
        cell_x: Columns between two independent values.

    Returns:
        (height, width) float32, about standard normal where the cells are.
    """
    rows, columns = max(2, round(height / max(1.0, cell_y)) + 1), max(2, round(width / max(1.0, cell_x)) + 1)
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def wall_colour(rng: np.random.Generator) -> np.ndarray:
    """(3,) float32 RGB in 0..1, near one of the usual paints and stones."""
    colour = WALLS[rng.integers(len(WALLS))] * rng.uniform(0.75, 1.12) + rng.normal(0, 0.03, 3)
    return np.clip(colour, 0.02, 1).astype(np.float32)


def render(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Plaster: mottled at two scales. Arguments and result as of `wall`."""
    rough = 0.06 * rng.random() ** 2
    relief = clouds(rng, height, width, unit * 0.8, unit * 0.8) * 0.02
    relief += clouds(rng, height, width, unit * 0.06, unit * 0.06) * rough
    return wall_colour(rng) + relief[..., None]


def brick(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Rows of bricks or stones with mortar between them. Arguments and result as of `wall`."""
    high = unit * rng.uniform(0.25, 0.9)
    long = high * rng.uniform(1.8, 4.0)
    joint = max(0.6, high * rng.uniform(0.06, 0.16))
    y = np.arange(height, dtype=np.float32)[:, None] + rng.uniform(0, high)
    x = np.arange(width, dtype=np.float32)[None] + rng.uniform(0, long)
    row = (y // high).astype(int)
    x = x + (row % 2).astype(np.float32) * (long / 2)
    column = (x // long).astype(int)
    shades = rng.normal(0, rng.uniform(0.01, 0.08), (row.max() + 1, column.max() + 1)).astype(np.float32)
    clay = wall_colour(rng)
    stones = (clay + shades[row, column][..., None]).astype(np.float32)
    gap = np.minimum(np.minimum(y % high, high - y % high), np.minimum(x % long, long - x % long))
    mortar = np.clip(1.5 - gap / joint, 0, 1)[..., None].astype(np.float32)
    stones += clouds(rng, height, width, unit * 0.08, unit * 0.08)[..., None] * 0.03
    joints = clay + (np.clip(wall_colour(rng), 0.2, 0.8) - clay) * np.float32(rng.uniform(0.2, 0.8))
    return stones * (1 - mortar) + joints * mortar


def wood(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Boards with grain, lying or standing. Arguments and result as of `wall`."""
    standing = rng.random() < 0.5
    long, across = (height, width) if standing else (width, height)
    board = unit * rng.uniform(0.5, 2.5)
    place = np.arange(across, dtype=np.float32) + rng.uniform(0, board)
    index = (place // board).astype(int)
    shade = rng.normal(0, 0.03, index.max() + 1)[index] + rng.uniform(-0.1, 0.1) * (place % board) / board
    shade -= 0.25 * np.clip(1.5 - (place % board) / max(0.6, 0.05 * unit), 0, 1)
    grain = clouds(rng, across, long, unit * 0.05, unit * 1.5) * rng.uniform(0.0, 0.04) + shade[:, None].astype(
        np.float32
    )
    return wall_colour(rng) + (grain.T if standing else grain)[..., None]


def foliage(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Leaves, glass or anything else that is patchy. Arguments and result as of `wall`."""
    cell = unit * rng.uniform(0.1, 0.5)
    patches = clouds(rng, height, width, cell, cell) * rng.uniform(0.05, 0.2)
    return wall_colour(rng) * 0.7 + patches[..., None] * rng.uniform(0.6, 1.2, 3).astype(np.float32)


def wall(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Draw one surface of a random kind.

    Args:
        rng: Source of randomness.
        height: Rows in pixels.
        width: Columns in pixels.
        unit: Height of a digit in pixels: bricks and boards are sized by it.

    Returns:
        (height, width, 3) float32 RGB, about 0..1.
    """
    kinds = (render, brick, wood, foliage)
    return kinds[rng.choice(4, p=(0.62, 0.16, 0.17, 0.05))](rng, height, width, unit).astype(np.float32)


def blend(image: np.ndarray, colour: np.ndarray, mask: np.ndarray) -> None:
    """Paint on `image` in place.

    Args:
        image: (h, w, 3) float32.
        colour: (3,) or (h, w, 3) float32.
        mask: (h, w) float32 in 0..1, the share of the new colour.
    """
    image += (colour - image) * mask[..., None]


def polygon(height: int, width: int, corners: np.ndarray) -> np.ndarray:
    """(height, width) float32 mask in 0..1 of a polygon with (P, 2) x y corners, its edges smooth."""
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


SIDE = 0.2  # share of a photo's width that is taken at each side
SMOOTH = 0.015  # blur in heights of the scene: a digit that was cut by a side's edge is not legible
TEXTURE = 0.03  # the most that the made middle's grain differs from its smooth ground


@functools.lru_cache(maxsize=4)
def background_files(folder: str) -> tuple[str, ...]:
    """The photos of a folder, in natural order.

    Raises:
        UserError: no such folder, or no photo in it.
    """
    return tuple(str(Path(folder, photo.file_name)) for photo in list_photos(folder))


def describe_backgrounds(folder: str) -> dict:
    """How many photos a folder holds, and a digest of them all, so that another folder can be told apart.

    Raises:
        UserError: no such folder, or no photo in it.
    """
    digest = hashlib.sha256()
    files = background_files(folder)
    for path in files:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return {'photos': len(files), 'sha256': digest.hexdigest()[:16]}


@functools.lru_cache(maxsize=8192)
def _sides(path: str) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right side of a photo, each (h, w, 3) uint8 RGB."""
    photo = read_photo(path)
    wide = max(2, round(SIDE * photo.shape[1]))
    return photo[:, :wide].copy(), photo[:, -wide:].copy()


def _edge_colour(side: np.ndarray, column: slice) -> np.ndarray:
    """(h, 1, 3) float32, the smooth colours down one edge of a side."""
    return cv2.GaussianBlur(side[:, column].mean(axis=1, keepdims=True), (0, 0), 0.05 * len(side) + 0.5)[:, :1]


def between(left: np.ndarray, right: np.ndarray, width: int) -> np.ndarray:
    """Make up what lies between two sides: their inner edges' colours, one fading into the other, and their grain.

    Args:
        left: (h, w1, 3) float32 RGB in 0..1.
        right: (h, w2, 3) float32.
        width: Columns to make.

    Returns:
        (h, width, 3) float32.
    """
    fade = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    ground = _edge_colour(left, slice(-3, None)) * (1 - fade) + _edge_colour(right, slice(0, 3)) * fade
    grain = left - cv2.GaussianBlur(left, (0, 0), 0.06 * len(left) + 0.5)
    tile = np.concatenate([grain[:, ::-1], grain], axis=1)
    tiled = np.tile(tile, (1, width // tile.shape[1] + 1, 1))[:, :width]
    return ground + np.clip(tiled, -TEXTURE, TEXTURE)


def photo_wall(rng: np.random.Generator, files: tuple[str, ...], height: int, width: int) -> np.ndarray:
    """A wall with the sides of a real photo.

    Args:
        rng: Source of randomness.
        files: Photos to choose from.
        height: Rows in pixels.
        width: Columns in pixels.

    Returns:
        (height, width, 3) float32 RGB, about 0..1.

    Raises:
        UserError: the chosen photo cannot be read.
    """
    sides = _sides(files[rng.integers(len(files))])
    if rng.random() < 0.5:  # mirrored
        sides = sides[1][:, ::-1], sides[0][:, ::-1]
    if rng.random() < 0.3:  # one side and its mirror image
        sides = sides[0], sides[0][:, ::-1]
    zoom = rng.uniform(1.0, 1.5)
    start = rng.uniform(0, 1 - 1 / zoom)
    parts = []
    for side, least in zip(sides, rng.uniform(0.1, 0.45, 2), strict=True):
        rows = slice(int(start * len(side)), max(int(start * len(side)) + 2, round((start + 1 / zoom) * len(side))))
        cut = side[rows]
        wide = round(np.clip(cut.shape[1] * height / len(cut), 2, max(2, least * width)))
        parts.append(cv2.resize(cut, (wide, height), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255)
    left, right = parts
    middle = between(left, right, max(1, width - left.shape[1] - right.shape[1]))
    whole = np.concatenate([left, middle, right], axis=1)[:, :width]
    tint = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.03, 3)).astype(np.float32)
    return cv2.GaussianBlur(whole, (0, 0), SMOOTH * height + 0.2) * tint
