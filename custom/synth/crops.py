"""Photos of single digits with their labels, from a folder of `images/` and `labels.csv` (columns file, number)."""

import csv
import functools
import hashlib
import os.path as osp
from pathlib import Path

from ..data.formats.labels import read_text
from ..structures.digits import DIGITS
from ..utils.errors import UserError
from ..utils.messages import one_line


@functools.lru_cache(maxsize=4)
def digit_crops(folder: str) -> tuple[tuple[str, int], ...]:
    """Read the labels of a folder: path and digit of each photo, in the order of the file.

    Raises:
        UserError: labels.csv is missing or has no row, lacks a column, or names a file that `images` does not have or
            a number that is no digit.
    """
    labels = osp.join(folder, 'labels.csv')
    if not osp.isfile(labels):
        raise UserError(f'{labels}: no such file; digit crops are a folder with labels.csv (file,number) and images/')
    rows = csv.DictReader(read_text(Path(labels)).splitlines())
    crops = []
    for row in rows:
        name, digit = row.get('file'), row.get('number')
        if not name or not digit:
            raise UserError(f'{labels}: line {rows.line_num} has no file or no number; the columns are file,number')
        path = osp.join(folder, 'images', name)
        if osp.basename(name) != name or not osp.isfile(path):
            raise UserError(f'{labels}: line {rows.line_num}: no file {one_line(name)!r} in images; remove the line')
        if digit not in DIGITS:
            raise UserError(f'{labels}: line {rows.line_num}: number {one_line(digit)!r} is no digit from 0 to 9')
        crops.append((path, int(digit)))
    if not crops:
        raise UserError(f'{labels}: has no row; the columns are file,number')
    return tuple(crops)


def describe_digit_crops(folder: str) -> dict:
    """Return the number of photos in a folder, and a hash of their names and digits; raise as `digit_crops` does."""
    crops = digit_crops(folder)
    names = ''.join(f'{osp.basename(path)},{digit}\n' for path, digit in crops)
    return {'photos': len(crops), 'sha256': hashlib.sha256(names.encode()).hexdigest()[:16]}
