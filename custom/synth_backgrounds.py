"""Walls taken from real photos of house numbers without labels.

Such a photo is a crop about its number, so its outer fifths hold wall, door and sky, and seldom a digit. They become
the sides of a new scene; what lies between is made up from them. The photos are read while the scenes are drawn and
are never copied.
"""

import functools
import hashlib
from pathlib import Path

import cv2
import numpy as np

from custom.photos import list_photos, read_photo

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
