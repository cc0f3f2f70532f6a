"""Size, signature and readability of every photo of a list."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ..structures.photos import read_photo
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.messages import one_line
from .near_duplicates import SIDE, signature


class Scan(NamedTuple):
    """Sizes and signatures of M photos.

    Attributes:
        sizes: int64 (M, 2), width and height in pixels; 0 for an unreadable photo.
        signatures: float32 (M, 256), see `custom.data.near_duplicates.signature`; 0 for an unreadable photo.
        faults: the reason for each unreadable photo, by its index.
    """

    sizes: np.ndarray
    signatures: np.ndarray
    faults: dict[int, str]


def scan_photos(paths: Sequence[Path], source: object = None) -> Scan:
    """Decode each photo once; a terminal shows a bar after 2 s.

    Args:
        paths: M files.
        source: name of the photos in the error. Defaults to None, unreadable photos are no error.

    Raises:
        UserError: `source` is given and a photo is unreadable.
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
