"""SVHN's digitStruct.mat: MATLAB's v7.3, which is HDF5, with a reference for every name and every number.

/digitStruct/name  (M, 1) references to text, one UTF-16 code a cell
/digitStruct/bbox  (M, 1) references to groups with label, left, top, width and height: a number where the photo
                   shows one digit, else (D, 1) references to numbers
"""

import os
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from tqdm import tqdm

from ...utils.errors import UserError

COLUMNS = ('left', 'top', 'width', 'height', 'label')


class DigitStruct(NamedTuple):
    """M photos with K digits.

    Attributes:
        names: M file names.
        rows: int64 (K,), the index of each digit's photo.
        bboxes: float64 (K, 4), xywh in pixels, as they stand in the file: some reach over the edge.
        labels: int64 (K,), the digit; the file says 10 for 0.
    """

    names: list[str]
    rows: np.ndarray
    bboxes: np.ndarray
    labels: np.ndarray


def read_digit_struct(path: str | os.PathLike) -> DigitStruct:
    """Read a digitStruct.mat; a terminal shows a bar when that takes over 2 s.

    Raises:
        UserError: it is not there, no such file, or damaged.
    """
    if not Path(path).is_file():
        raise UserError(f'{path}: no such file; it comes with the photos, in the archives of full numbers')
    try:
        with h5py.File(path, 'r') as file:
            names, columns = _read(file, path)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise UserError(
            f'{path}: is no digitStruct.mat of the full numbers, or is damaged ({error}); unpack or download it again'
        ) from error
    counts = [photo.shape[1] for photo in columns]
    table = np.concatenate([np.zeros((5, 0)), *columns], axis=1)
    labels = table[4].astype(np.int64)
    if not np.isfinite(table).all() or ((labels < 1) | (labels > 10)).any() or (labels != table[4]).any():
        raise UserError(f'{path}: has labels that are not 1 to 10, or boxes that are no numbers; download it again')
    return DigitStruct(names, np.repeat(np.arange(len(names)), counts), table[:4].T.copy(), labels % 10)


def _read(file: h5py.File, path: str | os.PathLike) -> tuple[list[str], list[np.ndarray]]:
    """The name of each photo, and COLUMNS by its digits, (5, D)."""
    struct = file['digitStruct']
    name_refs, box_refs = struct['name'][:].ravel(), struct['bbox'][:].ravel()
    if len(name_refs) != len(box_refs):
        raise ValueError(f'{len(name_refs)} names, but {len(box_refs)} entries in bbox')
    names, columns = [], []
    bar = tqdm(name_refs, f'reading {path}', unit=' photos', delay=2, leave=False, disable=None)
    for name_ref, box_ref in zip(bar, box_refs, strict=True):
        names.append(file[name_ref][:].astype(np.uint16).tobytes().decode('utf-16'))
        group = file[box_ref]
        columns.append(_columns(group, file) if isinstance(group, h5py.Group) else np.zeros((5, 0)))
    return names, columns


def _columns(group: h5py.Group, file: h5py.File) -> np.ndarray:
    columns = []
    for name in COLUMNS:
        values = group[name][:].ravel()
        if values.dtype == h5py.ref_dtype:
            values = [file[ref][:].item() for ref in values]
        columns.append(np.array(values, np.float64))
        if len(columns[-1]) != len(columns[0]):
            raise ValueError(f'{len(columns[-1])} values of {name} on a photo with {len(columns[0])} digits')
    return np.stack(columns)
