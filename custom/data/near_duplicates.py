"""Near-duplicate search, which keeps the photos to test on out of training."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from ..structures.photos import read_photo
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.messages import one_line

SIDE = 16
# The product of the signatures of an SVHN photo and of its copy is above this threshold for all of 320 photos: as JPEG
# of quality 50, at twice the size, a fifth brighter, with a fifth less contrast. At half the size it is for 99 %. Of
# 800,000 pairs of different photos the highest product is 0.883.
SIMILARITY_THR = 0.9
BLOCK = 256  # photos compared with all others at a time; bounds the memory


class Scan(NamedTuple):
    """Sizes and signatures of M photos, both 0 for an unreadable photo."""

    sizes: np.ndarray  # int64 (M, 2), width and height in pixels
    signatures: np.ndarray  # float32 (M, 256)
    faults: dict[int, str]  # the reason for each unreadable photo, by its index


def scan_photos(paths: Sequence[Path], source: object = None) -> Scan:
    """Decode each photo once; a terminal shows a bar after 2 s.

    Raises:
        UserError: a photo is unreadable, and `source` is given, the name of the photos in messages.
    """
    scan = Scan(np.zeros((len(paths), 2), np.int64), np.zeros((len(paths), SIDE * SIDE), np.float32), {})

    def measure(i: int) -> None:
        try:
            pixels = read_photo(paths[i])
        except UserError as error:
            scan.faults[i] = one_line(error)
            return
        scan.sizes[i] = pixels.shape[1::-1]
        scan.signatures[i] = signature(pixels)

    with ThreadPoolExecutor(usable_cores()) as pool:
        done = pool.map(measure, range(len(paths)))
        list(tqdm(done, 'reading photos', len(paths), delay=2, unit=' photos', leave=False, disable=None))
    if scan.faults and source is not None:
        first = scan.faults[min(scan.faults)]
        raise UserError(f'{source}: {len(scan.faults)} of {len(paths)} photos cannot be read; first: {first}')
    return scan


def signature(photo: np.ndarray) -> np.ndarray:
    """Measure the change of brightness of a photo, (H, W, 3) uint8 RGB, from cell to cell in rows of a 16 x 17 grid.

    Returns:
        (256,) float32 of length 1, or 0 for a uniform photo. The product of two signatures is the similarity of the
        photos, up to 1; it does not depend on size, brightness and contrast.
    """
    grid = Image.fromarray(photo).convert('L').resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    changes = np.diff(np.asarray(grid, dtype=np.float32), axis=1).ravel()
    return changes / max(float(np.linalg.norm(changes)), 1.0)


def _similarities(some: np.ndarray, others: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first row of each block of `some`, and the similarities (B, Q) of the block and `others`."""
    for start in tqdm(range(0, len(some), BLOCK), 'comparing photos', delay=2, leave=False, disable=None):
        yield start, some[start : start + BLOCK] @ others.T


def nearest_duplicates(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Match photos of signatures (P, 256) with their nearest near-duplicate among those of signatures (Q, 256).

    Returns:
        (P,) index in `others` of the most similar photo, -1 for a photo without a near-duplicate.
    """
    matches = np.full(len(some), -1)
    for start, similarities in _similarities(some, others) if len(others) else ():
        best = similarities.argmax(axis=1)
        near = similarities[np.arange(len(best)), best] > SIMILARITY_THR
        matches[start : start + BLOCK] = np.where(near, best, -1)
    return matches


def near_duplicate_groups(signatures: np.ndarray) -> np.ndarray:
    """Number (P,) the groups of photos, of signatures (P, 256), that chains of near-duplicates connect."""
    groups = np.arange(len(signatures))
    for start, similarities in _similarities(signatures, signatures):
        for row, near in enumerate(similarities > SIMILARITY_THR, start):
            joined = np.unique(groups[near])
            if len(joined) > 1:
                groups[np.isin(groups, joined)] = groups[row]
    return groups
