"""SVHN's digitStruct.mat: MATLAB's v7.3 format, which is HDF5, with a reference to each name and number.

/digitStruct/name  (M, 1) references to text, one UTF-16 code a cell
/digitStruct/bbox  (M, 1) references to groups with label, left, top, width and height: a number for a photo with one
                   digit, else (D, 1) references to numbers
"""

import os
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from tqdm import tqdm

from ...utils.errors import UserError

MOST_PHOTOS, MOST_DIGITS, LONGEST_NAME = 10**6, 1000, 1000  # of the file, of a photo, of a name
COLUMNS = ('left', 'top', 'width', 'height', 'label')


class DigitStruct(NamedTuple):
    """M photos with K digits."""

    names: list[str]  # M file names
    rows: np.ndarray  # int64 (K,), the index of each digit's photo
    bboxes: np.ndarray  # float64 (K, 4), xywh in pixels; some reach over the edge of the photo
    labels: np.ndarray  # int64 (K,), the digit; 0 is 10 in the file


def read_digit_struct(path: str | os.PathLike) -> DigitStruct:
    """Read a digitStruct.mat; a terminal shows a bar after 2 s.

    Raises:
        UserError: the file is missing, of another kind, or damaged.
    """
    if not Path(path).is_file():
        raise UserError(f'{path}: no such file; it comes with the photos, in the archives of full numbers')
    try:
        with h5py.File(path, 'r') as file:
            names, digits = _read(file, path)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, MemoryError) as error:
        kind = 'is no digitStruct.mat of the full numbers, or is damaged'
        raise UserError(f'{path}: {kind} ({error}); unpack or download it again') from error
    counts = [columns.shape[1] for columns in digits]
    table = np.concatenate([np.zeros((5, 0)), *digits], axis=1)
    labels = table[4].astype(np.int64)
    if not np.isfinite(table).all() or ((labels < 1) | (labels > 10)).any() or (labels != table[4]).any():
        raise UserError(f'{path}: has labels that are not 1 to 10, or boxes that are no numbers; download it again')
    return DigitStruct(names, np.repeat(np.arange(len(names)), counts), table[:4].T.copy(), labels % 10)


def _values(group: h5py.Group, key: str, most: int) -> np.ndarray:
    """Read a data set of a group, with one axis, that has at most `most` values and lies in the file itself."""
    if not isinstance(group.get(key, getlink=True), h5py.HardLink):  # others may lead to another file
        raise ValueError(f'{key} is missing, or in another file')
    return _checked(group[key], most)[:].ravel()


def _group(file: h5py.File) -> h5py.Group:
    if not isinstance(file.get('digitStruct', getlink=True), h5py.HardLink):
        raise ValueError('it has no digitStruct')
    return file['digitStruct']


def _checked(values: h5py.Dataset, most: int) -> h5py.Dataset:
    if values.size > most or values.external:  # a header of some bytes may claim any size
        raise ValueError(f'{values.name} has {values.size} values, or values in another file')
    return values


def _read(file: h5py.File, path: str | os.PathLike) -> tuple[list[str], list[np.ndarray]]:
    """Read the name of each photo, and COLUMNS of its digits, (5, D)."""
    name_refs, box_refs = (_values(_group(file), key, MOST_PHOTOS) for key in ('name', 'bbox'))
    if len(name_refs) != len(box_refs):
        raise ValueError(f'{len(name_refs)} names, but {len(box_refs)} entries in bbox')
    names, digits = [], []
    bar = tqdm(name_refs, f'reading {path}', unit=' photos', delay=2, leave=False, disable=None)
    for name_ref, box_ref in zip(bar, box_refs, strict=True):
        names.append(_checked(file[name_ref], LONGEST_NAME)[:].astype(np.uint16).tobytes().decode('utf-16'))
        group, columns = file[box_ref], []
        for column in COLUMNS if isinstance(group, h5py.Group) else ():  # MATLAB saves an empty list as an array
            values = _values(group, column, MOST_DIGITS)
            if values.dtype == h5py.ref_dtype:
                values = np.array([_checked(file[ref], 1)[:].item() for ref in values])
            columns.append(values.astype(np.float64))
            if len(columns[-1]) != len(columns[0]):
                raise ValueError(f'{len(columns[-1])} values of {column} on a photo with {len(columns[0])} digits')
        digits.append(np.stack(columns) if columns else np.zeros((5, 0)))
    return names, digits
