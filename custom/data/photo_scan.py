"""Every photo of a list looked at once: can it be read, how large is it, what does it look like."""

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
    """What was seen of M photos.

    Attributes:
        sizes: int64 (M, 2), width and height in pixels; 0 where a photo cannot be read.
        signatures: float32 (M, 256), see `custom.data.near_duplicates.signature`; 0 where a photo cannot be read.
        faults: why the photos at some indices cannot be read.
    """

    sizes: np.ndarray
    signatures: np.ndarray
    faults: dict[int, str]


def scan_photos(paths: Sequence[Path]) -> Scan:
    """Decode all photos, each once; a terminal shows a bar when that takes over 2 s."""
    scan = Scan(np.zeros((len(paths), 2), np.int64), np.zeros((len(paths), SIDE * SIDE), np.float32), {})

    def look(i: int) -> None:
        try:
            pixels = read_photo(paths[i])
        except UserError as error:
            scan.faults[i] = one_line(error)
            return
        scan.sizes[i] = pixels.shape[1::-1]
        scan.signatures[i] = signature(pixels)

    with ThreadPoolExecutor(usable_cores()) as pool:
        seen = pool.map(look, range(len(paths)))
        for _ in tqdm(seen, 'reading photos', len(paths), delay=2, unit=' photos', leave=False, disable=None):
            pass
    return scan
