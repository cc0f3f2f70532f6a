"""Photos with known numbers and no boxes: CSV lists with the columns file and number, and their split."""

import codecs
import csv
import io
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..structures.annotations import true_numbers
from ..structures.photos import free_names, photo_path, stays_inside
from ..utils.errors import UserError
from ..utils.files import MOST_TEXT, building, decode_utf8, read_file
from ..utils.messages import one_line
from ..utils.tables import plain, write_csv
from .coco_reading import read_annotations
from .layout import LABELLED_SPLITS, Imported, copy_photo, require_free
from .near_duplicates import near_duplicate_groups, scan_photos
from .splits import SplitRule, choose_valid, join_groups

FILE, NUMBER = 'file', 'number'  # columns of the list
SEPARATOR = ';'  # between the numbers of one photo


class NumberedPhoto(NamedTuple):
    """A row of the list.

    Attributes:
        file: name of the photo, relative to the folder of the photos.
        numbers: the numbers on the photo, leading zeros kept; none for a photo without a number.
        row: all columns, as in the file.
    """

    file: str
    numbers: tuple[str, ...]
    row: dict[str, str]


def read_numbers_csv(path: str | os.PathLike) -> list[NumberedPhoto]:
    """Read a list of photos with their numbers; several numbers of one photo are separated by `;`.

    Raises:
        UserError: the file cannot be read, lacks a column, or has a row with a fault (the first one is named).
    """
    try:
        text = decode_utf8(read_file(path, MOST_TEXT).removeprefix(codecs.BOM_UTF8), path)  # Excel writes the mark
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror}); give a CSV with the columns file,number') from None
    reader = csv.DictReader(io.StringIO(text, newline=''))
    photos: dict[str, NumberedPhoto] = {}
    try:
        if missing := [name for name in (FILE, NUMBER) if name not in (reader.fieldnames or ())]:
            raise UserError(f'{path}: has no column {missing[0]}; its first line must name file and number')
        for row in reader:
            where = f'{path}, line {reader.line_num}'
            if None in row or None in row.values():
                raise UserError(f'{where}: has another number of columns than the first line')
            row = {column: plain(cell) for column, cell in row.items()}
            name, numbers = row[FILE], tuple(part.strip() for part in row[NUMBER].split(SEPARATOR) if part.strip())
            for number in numbers:
                if not (number.isascii() and number.isdigit()):
                    raise UserError(f'{where}: number {one_line(number)!r}: give digits only; "12{SEPARATOR}7" is two')
            if not name or not stays_inside(name):
                raise UserError(f'{where}: file {one_line(name)!r}: give a name inside the folder of the photos')
            if name in photos:
                raise UserError(f'{where}: {one_line(name)} is there twice; remove one of the rows')
            photos[name] = NumberedPhoto(name, numbers, row)
    except csv.Error as error:
        raise UserError(f'{path}, line {reader.line_num}: is no CSV ({error})') from None
    if not photos:
        raise UserError(f'{path}: lists no photo')
    return list(photos.values())


def numbers_by_split(root: Path) -> dict[str, str]:
    """Map each number of ROOT/train.json and ROOT/valid.json to its split, and a number of both to ''.

    Raises:
        UserError: a json is missing or has a fault.
    """
    split_of: dict[str, str] = {}
    for split in LABELLED_SPLITS:
        for number in set(true_numbers(read_annotations(root / f'{split}.json')).values()) - {''}:
            split_of[number] = '' if number in split_of else split
    return split_of


def split_numbers(source: Path, images: Path, out: Path, rule: SplitRule, like: Path | None = None) -> Imported:
    """Write photos with numbers to OUT/train and OUT/valid, with train.csv and valid.csv; one number is in one split.

    Args:
        source: the list.
        images: folder of the photos.
        out: a new or empty folder.
        rule: settings of the random split.
        like: a data set; its numbers are in the same split here. Defaults to None.

    Raises:
        UserError: list or photos have a fault, there are no two different photos to split, or `out` is in use.
    """
    require_free(out)
    photos = read_numbers_csv(source)
    paths = [photo_path(images, photo.file) for photo in photos]
    groups = near_duplicate_groups(scan_photos(paths, images).signatures)
    for number in {number for photo in photos for number in photo.numbers}:
        shared = np.array([number in photo.numbers for photo in photos])
        groups = join_groups(groups, np.where(shared, -1, np.arange(len(photos))))
    known = numbers_by_split(like) if like else {}
    split_of = np.full(len(photos), '', dtype='<U5')
    notes, left_out = [], np.zeros(len(photos), bool)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        sides = {known[number] for row in rows for number in photos[row].numbers if number in known}
        left_out[rows] = len(sides) > 1 or '' in sides
        if len(sides) == 1:
            split_of[rows] = sides.pop()
    if left_out.any():
        first = one_line(photos[left_out.argmax()].file)
        notes.append(f'{left_out.sum()} × photo whose numbers are in both splits of {like}, left out; first: {first}')
    open_rows = np.flatnonzero((split_of == '') & ~left_out)
    if len(np.unique(groups[open_rows])) > 1 or not like:
        lengths = np.array([sum(map(len, photos[row].numbers)) for row in open_rows])
        in_valid = choose_valid(lengths, groups[open_rows], rule)
        split_of[open_rows] = np.where(in_valid, 'valid', 'train')
    else:
        split_of[open_rows] = 'train'
    if like:
        notes.append(f'{len(open_rows)} × photo with a number that {like} lacks, split at random by number')
    with building(out) as folder:
        for split in LABELLED_SPLITS:
            rows = np.flatnonzero((split_of == split) & ~left_out)
            if not rows.size:
                continue
            (folder / split).mkdir()
            names = free_names([paths[row] for row in rows])
            own = []
            for row, name in zip(rows, names, strict=True):
                copy_photo(paths[row], folder / split / name)
                own.append(photos[row]._replace(row={**photos[row].row, FILE: name}))
            write_csv(folder / f'{split}.csv', list(own[0].row), (photo.row.values() for photo in own))
    return Imported(dict(Counter(split_of[~left_out].tolist())), notes)
