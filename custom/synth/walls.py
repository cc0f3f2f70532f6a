"""Walls, doors and plates: textures and colours behind the digits, drawn or from the sides of real photos."""

import functools
import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from ..structures.photos import list_photos, read_photo


def _colours(text: str) -> np.ndarray:
    """Parse hexadecimal colours to (N, 3) float32 RGB from 0 to 1."""
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 3).astype(np.float32) / np.float32(255)


WALLS = _colours("""
    e8e4dc d6cebe c4b69e b0a89e 96928c 7a7670 cdba96 ba8c68 965c46 784234 603c2e 544a42 3c342e 262426 18181e a0aab2
    70808c 465870 2e406e 8caca0 54785c 284a34 d6be6e c4963c 8c2828 ececee f8f8f8
""")
# Plate and ink, (18, 2, 3): enamel, brass, slate, house paint; the commonest first.
PLATES = _colours("""
    f0f0ee 181a22  f0f0f0 1e2c82  223696 eef0f4  1c2868 e8ecf0  3c60aa f0f0f4  18181c ecece8  1e1c1c ceaa54
    18462e ecece4  841c1e f0e8dc  be9a54 241c16  cececc 28282c  e2dcc4 462c1e  eeece4 961e22  eeeee6 185438
    503828 e4d8be  6e7074 e8e8e8  ecce46 1e1c1a  424246 dcd8ce
""").reshape(-1, 2, 3)
INKS = _colours('101012 1e1c1c 342e2a f0f0ee e0dcd2 c4a054 96743c aaacb0 787a7e 463024 961e20 243682 1e543c fafafa')
LUMA = np.array((0.299, 0.587, 0.114), np.float32)
SIDE = 0.2  # share of a photo's width that is used at each side
SMOOTH = 0.015  # blur in image heights: a digit that the edge of a side truncates is not legible
TEXTURE = 0.03  # largest difference between the generated centre's grain and its smooth ground


def clouds(rng: Generator, height: int, width: int, cell_y: float, cell_x: float) -> np.ndarray:
    """Draw smooth noise, (height, width) float32, about standard normal.

    `cell_y` and `cell_x` are the rows and columns between two independent values.
    """
    shape = [max(2, round(length / max(1.0, cell)) + 1) for length, cell in ((height, cell_y), (width, cell_x))]
    grid = rng.standard_normal(shape, dtype=np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def wall_colour(rng: Generator) -> np.ndarray:
    """Draw a colour, (3,) float32, near one of the usual paints and stones."""
    colour = WALLS[rng.integers(len(WALLS))] * rng.uniform(0.75, 1.12) + rng.normal(0, 0.03, 3)
    return np.clip(colour, 0.02, 1).astype(np.float32)


def plaster(rng: Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Draw plaster, mottled at two scales."""
    rough = 0.06 * rng.random() ** 2
    relief = clouds(rng, height, width, unit * 0.8, unit * 0.8) * 0.02
    relief += clouds(rng, height, width, unit * 0.06, unit * 0.06) * rough
    return wall_colour(rng) + relief[..., None]


def brick(rng: Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Draw rows of bricks or stones with mortar between them."""
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


def wood(rng: Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Draw boards with grain, horizontal or vertical."""
    standing = rng.random() < 0.5
    long, across = (height, width) if standing else (width, height)
    board = unit * rng.uniform(0.5, 2.5)
    offset = np.arange(across, dtype=np.float32) + rng.uniform(0, board)
    index = (offset // board).astype(int)
    shade = rng.normal(0, 0.03, index.max() + 1)[index] + rng.uniform(-0.1, 0.1) * (offset % board) / board
    shade -= 0.25 * np.clip(1.5 - (offset % board) / max(0.6, 0.05 * unit), 0, 1)
    grain = clouds(rng, across, long, unit * 0.05, unit * 1.5) * rng.uniform(0.0, 0.04)
    grain = grain + shade[:, None].astype(np.float32)
    return wall_colour(rng) + (grain.T if standing else grain)[..., None]


def foliage(rng: Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Draw patches, such as leaves or glass."""
    cell = unit * rng.uniform(0.1, 0.5)
    patches = clouds(rng, height, width, cell, cell) * rng.uniform(0.05, 0.2)
    return wall_colour(rng) * 0.7 + patches[..., None] * rng.uniform(0.6, 1.2, 3).astype(np.float32)


def draw_wall(rng: Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Draw a surface of a random kind, (height, width, 3) float32; bricks and boards are in proportion to `unit`."""
    kinds = (plaster, brick, wood, foliage)
    return kinds[rng.choice(4, p=(0.62, 0.16, 0.17, 0.05))](rng, height, width, unit).astype(np.float32)


def blend(image: np.ndarray, colour: np.ndarray, mask: np.ndarray) -> None:
    """Paint on `image` in place, with a colour, (3,) or (h, w, 3) float32, and its opacity `mask`."""
    image += (colour - image) * mask[..., None]


def polygon(height: int, width: int, corners: np.ndarray) -> np.ndarray:
    """Draw the anti-aliased mask, (height, width) float32 from 0 to 1, of a polygon with (P, 2) x y corners."""
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


@functools.lru_cache(maxsize=4)
def background_files(folder: str) -> tuple[str, ...]:
    """List the photos of a folder in natural order.

    Raises:
        UserError: the folder does not exist or holds no photo.
    """
    return tuple(str(Path(folder, photo.file_name)) for photo in list_photos(folder))


def describe_backgrounds(folder: str) -> dict:
    """Return the number of photos in a folder and a hash of their content; raise as `background_files` does."""
    digest = hashlib.sha256()
    files = background_files(folder)
    for path in files:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return {'photos': len(files), 'sha256': digest.hexdigest()[:16]}


@functools.lru_cache(maxsize=8192)
def _sides(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the left and the right side of a photo, each (h, w, 3) uint8 RGB."""
    photo = read_photo(path)
    wide = max(2, round(SIDE * photo.shape[1]))
    return photo[:, :wide].copy(), photo[:, -wide:].copy()


def _edge_colour(side: np.ndarray, column: slice) -> np.ndarray:
    """Return the smoothed colours, (h, 1, 3) float32, down one edge of a side."""
    return cv2.GaussianBlur(side[:, column].mean(axis=1, keepdims=True), (0, 0), 0.05 * len(side) + 0.5)[:, :1]


def fill_between(left: np.ndarray, right: np.ndarray, width: int) -> np.ndarray:
    """Generate the centre, (h, width, 3) float32, between two sides, each (h, w, 3) float32.

    The colours of the inner edges fade into one another; the grain is that of the left side.
    """
    fade = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    ground = _edge_colour(left, slice(-3, None)) * (1 - fade) + _edge_colour(right, slice(0, 3)) * fade
    grain = left - cv2.GaussianBlur(left, (0, 0), 0.06 * len(left) + 0.5)
    tile = np.concatenate([grain[:, ::-1], grain], axis=1)
    tiled = np.tile(tile, (1, width // tile.shape[1] + 1, 1))[:, :width]
    return ground + np.clip(tiled, -TEXTURE, TEXTURE)


def photo_wall(rng: Generator, files: tuple[str, ...], height: int, width: int) -> np.ndarray:
    """Draw a wall, (height, width, 3) float32, with the sides of one of the photos.

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
        first = int(start * len(side))
        cut = side[first : max(first + 2, round((start + 1 / zoom) * len(side)))]
        wide = round(np.clip(cut.shape[1] * height / len(cut), 2, max(2, least * width)))
        parts.append(cv2.resize(cut, (wide, height), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255)
    middle = fill_between(parts[0], parts[1], max(1, width - parts[0].shape[1] - parts[1].shape[1]))
    whole = np.concatenate([parts[0], middle, parts[1]], axis=1)[:, :width]
    tint = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.03, 3)).astype(np.float32)
    return cv2.GaussianBlur(whole, (0, 0), SMOOTH * height + 0.2) * tint
