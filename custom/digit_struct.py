"""SVHN's digitStruct.mat: MATLAB's v7.3, which is HDF5, with a reference for every name and every number.

    /digitStruct/name  (M, 1) references to text, one UTF-16 code a cell
    /digitStruct/bbox  (M, 1) references to groups with label, left, top, width and height: a number where the photo
                       shows one digit, else (D, 1) references to numbers

The training file has some 600,000 objects behind references. Opening each by h5py's own classes takes 4.5 ms a photo;
the layer below them, with the types of the numbers given, takes 1.1 ms: 40 s for 33,402 photos.
"""

import os
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from h5py import h5d, h5g, h5r, h5s, h5t
from tqdm import tqdm

from custom.errors import UserError

COLUMNS = (b'left', b'top', b'width', b'height', b'label')
ONE = h5s.create_simple((1,))
REFERENCE = h5t.py_create(h5py.ref_dtype)


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
    pairs = zip(name_refs, box_refs, strict=True)
    for name_ref, box_ref in tqdm(
        pairs, f'reading {path}', len(name_refs), unit=' photos', delay=2, leave=False, disable=None
    ):
        names.append(_text(h5r.dereference(name_ref, file.id)))
        group = h5r.dereference(box_ref, file.id)
        columns.append(_columns(group, file) if isinstance(group, h5g.GroupID) else np.zeros((5, 0)))
    return names, columns


def _text(dataset: h5d.DatasetID) -> str:
    codes = np.empty(dataset.get_space().get_simple_extent_npoints(), np.uint16)
    dataset.read(h5s.ALL, h5s.ALL, codes, h5t.NATIVE_UINT16)
    return codes.tobytes().decode('utf-16')


def _columns(group: h5g.GroupID, file: h5py.File) -> np.ndarray:
    table = np.zeros((0, 0))
    for row, name in enumerate(COLUMNS):
        dataset = h5d.open(group, name)
        count = dataset.get_space().get_simple_extent_npoints()
        if row == 0:
            table = np.empty((len(COLUMNS), count))
        if table.shape[1] != count:
            raise ValueError(f'{count} values of {name.decode()} on a photo with {table.shape[1]} digits')
        if dataset.get_type().get_class() != h5t.REFERENCE:
            dataset.read(h5s.ALL, h5s.ALL, table[row], h5t.NATIVE_DOUBLE)
            continue
        refs = np.empty(count, h5py.ref_dtype)
        dataset.read(h5s.ALL, h5s.ALL, refs, REFERENCE)
        for i, ref in enumerate(refs):
            h5r.dereference(ref, file.id).read(ONE, h5s.ALL, table[row, i : i + 1], h5t.NATIVE_DOUBLE)
    return table
