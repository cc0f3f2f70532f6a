"""Check and statistics of a data set before training."""

import os
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..structures.annotations import DigitAnnotations, true_numbers
from ..structures.digits import DIGITS
from ..structures.photos import passed_over, photos_among
from ..utils.errors import UserError
from ..utils.messages import one_line
from .coco_reading import Findings, ids_and_names, read_annotations
from .formats.labels import files_below
from .layout import LABELLED_SPLITS, SPLITS
from .near_duplicates import nearest_duplicates, scan_photos


class Split(NamedTuple):
    """The photos of one split."""

    names: list[str]  # file names, relative to the folder of the split
    truth: DigitAnnotations | None  # None for an unlabelled split
    sizes: np.ndarray  # int64 (M, 2), width and height in pixels
    signatures: np.ndarray  # float32 (M, 256), see `custom.data.near_duplicates`
    notes: list[str]


def check_root(root: Path) -> dict[str, Split]:
    """Check the splits of a data set that exist; test needs no json.

    Raises:
        UserError: all faults of all splits, or there is no labelled split.
    """
    if not root.is_dir():
        raise UserError(f'{root}: no such folder; give the one that holds train.json and valid.json')
    splits, faults = {}, []
    for name in SPLITS:
        if (root / name).is_dir() or (root / f'{name}.json').is_file():
            try:
                splits[name] = _check_split(root, name)
            except UserError as error:
                faults.append(str(error))
    if faults:
        raise UserError('\n  '.join(faults))
    if not any(split.truth for split in splits.values()):
        if any((root / f'{name}.json').is_file() for name in LABELLED_SPLITS):
            raise UserError(f'{root}: no split has a digit that counts; all boxes are crowd or to be ignored')
        raise UserError(f'{root}: holds neither train.json nor valid.json; make them with `prepare_data.py split`')
    return splits


def _check_split(root: Path, name: str) -> Split:
    folder, json_file, truth = root / name, root / f'{name}.json', None
    if json_file.is_file() or name != 'test':
        truth = read_annotations(json_file, folder, need_boxes=name != 'test')
    names = ids_and_names(truth or folder)[1]
    scan = scan_photos([folder / name for name in names], folder)
    notes = list(truth.notes) + unlisted_notes(folder, names, json_file.name) if truth else []
    return Split(names, truth if truth and truth.labelled else None, scan.sizes, scan.signatures, notes)


def unlisted_notes(folder: Path, names: Iterable[str], json_name: str) -> list[str]:
    """Count the photos of a folder, at any depth, that its json does not list, and files that are no photo."""
    found = Findings()
    photos, others = photos_among(files_below(folder, found))
    listed = {os.path.normpath(name) for name in names}
    unlisted = [name for path in photos if (name := str(path.relative_to(folder))) not in listed]
    first = f'{len(unlisted)} × photo not in {json_name}, not used; first: {one_line(unlisted[0])}' if unlisted else ''
    return [line for line in (first, passed_over(others), *found.lines()) if line]


def near_duplicate_lines(splits: Mapping[str, Split]) -> list[str]:
    """Format a line for each two splits with near-duplicates; those in the later one inflate its scores."""
    lines = []
    for (one, first), (other, second) in combinations(splits.items(), 2):
        matches = nearest_duplicates(second.signatures, first.signatures)
        rows = np.flatnonzero(matches >= 0)
        if rows.size:
            pair = f'{other}/{second.names[rows[0]]} of {one}/{first.names[matches[rows[0]]]}'
            lines.append(
                f'near-duplicates: {rows.size} of the {len(matches)} photos of {other}; first: {one_line(pair)}'
            )
    return lines or [f'near-duplicates: none between {" and ".join(splits)}']


def describe(name: str, split: Split) -> str:
    """Format the statistics of a split, several lines.

    Example:
        >>> print(describe('valid', check_root(Path('ROOT'))['valid']))  # doctest: +SKIP
        valid: 56 photos, 122 digits
          photos: width 42 to 297 px (median 99), height 18 to 147 px (median 45)
          digits: width 4 to 52 px (median 14), height 11 to 94 px (median 30)
          digits per photo: 1 on 16 %, 2 on 52 %, 3 on 30 %, 4 on 2 %
          each digit: 0 × 12, 1 × 20, 2 × 15, 3 × 18, 4 × 10, 5 × 12, 6 × 9, 7 × 11, 8 × 6, 9 × 9
    """
    truth, photos = split.truth, len(split.names)
    counted = ~truth.iscrowd if truth else np.zeros(0, bool)
    digits = f'{counted.sum()} digits' if truth else 'no labels'
    lines = [f'{name}: {photos} photos, {digits}', f'  photos: {_sides(split.sizes)}']
    if truth:
        lines.append(f'  digits: {_sides(truth.bboxes[counted, 2:])}')
        numbers = np.array([len(number) for number in true_numbers(truth).values()])
        lengths, counts = np.unique(numbers, return_counts=True)
        shares = (f'{n} on {100 * k / photos:.0f} %' for n, k in zip(lengths.tolist(), counts.tolist(), strict=True))
        lines.append(f'  digits per photo: {", ".join(shares)}')
        by_digit = np.bincount(truth.labels[counted], minlength=10).tolist()
        lines.append(f'  each digit: {", ".join(f"{d} × {k}" for d, k in zip(DIGITS, by_digit, strict=True))}')
    return '\n'.join(lines + [f'  note: {note}' for note in split.notes])


def _sides(sides: np.ndarray) -> str:
    """Format the range and the median of widths and heights, (N, 2) in pixels."""
    lows, medians, highs = np.quantile(sides, [0, 0.5, 1], axis=0)
    figures = zip(('width', 'height'), lows, highs, medians, strict=True)
    return ', '.join(f'{name} {low:.0f} to {high:.0f} px (median {median:.0f})' for name, low, high, median in figures)
