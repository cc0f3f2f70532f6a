"""Photos that are the same, or nearly, as photos of other folders: what is tested on must not be trained on."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from ..structures.photos import list_photos, read_photo

SIDE = 16
# All of 320 SVHN photos are more like their own copies than this: as JPEG of quality 50, at twice the size, a fifth
# brighter, with a fifth less contrast; 99 % are at half the size. Of 800,000 pairs of other photos none passes 0.883.
ALIKE = 0.9
BLOCK = 256  # photos compared with all others at a time: bounds the memory


def signature(photo: np.ndarray) -> np.ndarray:
    """How brightness changes from each cell of a 16 x 17 grid to the next on its right.

    Args:
        photo: (H, W, 3) uint8 RGB.

    Returns:
        (256,) float32 of length 1, or 0 where nothing changes; the product of two says how alike the photos are, up to
        1, whatever their size, brightness and contrast.
    """
    grid = Image.fromarray(photo).convert('L').resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    changes = np.diff(np.asarray(grid, dtype=np.float32), axis=1).ravel()
    return changes / max(float(np.linalg.norm(changes)), 1.0)


def signatures(folders: Iterable[str | os.PathLike]) -> np.ndarray:
    """The signatures (P, 256) of all photos of some folders; a terminal shows a bar when that takes over 2 s.

    Raises:
        UserError: a folder holds no photo, or a photo cannot be read.
    """
    paths = [Path(folder, photo.file_name) for folder in folders for photo in list_photos(folder)]
    bar = tqdm(paths, 'looking at other photos', unit=' photos', delay=2, leave=False, disable=None)
    return np.array([signature(read_photo(path)) for path in bar], dtype=np.float32).reshape(-1, SIDE * SIDE)


def is_near_copy(photo: np.ndarray, known: np.ndarray) -> bool:
    """Whether a photo, (H, W, 3) uint8 RGB, is nearly one of those whose signatures (P, 256) are known."""
    return bool((known @ signature(photo) > ALIKE).any())


def _blocks(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The first row of each block of `one`, and how alike (B, Q) its photos and those of `other` are."""
    for start in tqdm(range(0, len(one), BLOCK), 'comparing photos', delay=2, leave=False, disable=None):
        yield start, one[start : start + BLOCK] @ other.T


def near_copy_of(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of which of other photos each photo is nearly a copy.

    Args:
        one: the signatures (P, 256) of the photos.
        other: the signatures (Q, 256) of those that they are compared with.

    Returns:
        (P,) the index of the photo of `other` that is most alike, or -1 where none is near.
    """
    found = np.full(len(one), -1)
    for start, alike in _blocks(one, other) if len(other) else ():
        best = alike.argmax(axis=1)
        found[start : start + BLOCK] = np.where(alike[np.arange(len(best)), best] > ALIKE, best, -1)
    return found


def copy_groups(seen: np.ndarray) -> np.ndarray:
    """The group (P,) of each photo whose signatures are (P, 256): the same for photos that are equal or nearly so."""
    groups = np.arange(len(seen))
    for start, alike in _blocks(seen, seen):
        for row, near in enumerate(alike > ALIKE, start):
            joined = np.unique(groups[near])
            if len(joined) > 1:
                groups[np.isin(groups, joined)] = groups[row]
    return groups
