"""A data set looked over before training: is it as DigitDataset wants it, and what is in it."""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..structures.annotations import DigitAnnotations, ground_truth_numbers
from ..structures.digits import DIGITS
from ..structures.photos import list_photos
from ..utils.errors import UserError
from ..utils.messages import one_line
from .coco_reading import ids_and_names, read_annotations
from .layout import SPLITS
from .near_duplicates import near_copy_of
from .photo_scan import scan_photos


class Split(NamedTuple):
    """The photos of one split.

    Attributes:
        names: file names, relative to the folder of the split.
        truth: the annotations; None where there are none.
        sizes: int64 (M, 2), width and height in pixels.
        signatures: float32 (M, 256), see `custom.data.near_duplicates`.
        notes: what is worth knowing, a line each.
    """

    names: list[str]
    truth: DigitAnnotations | None
    sizes: np.ndarray
    signatures: np.ndarray
    notes: list[str]


def check_root(root: Path) -> dict[str, Split]:
    """Check train, valid and test of a data set, as far as they are there: test needs no json.

    Raises:
        UserError: everything that is wrong with any of them, or there is nothing to check.
    """
    if not root.is_dir():
        raise UserError(f'{root}: no such folder; give the one that holds train.json and valid.json')
    splits: dict[str, Split] = {}
    wrong: list[str] = []
    for name in SPLITS:
        if (root / name).is_dir() or (root / f'{name}.json').is_file():
            try:
                splits[name] = _check_split(root, name)
            except UserError as error:
                wrong.append(str(error))
    if wrong:
        raise UserError('\n'.join(wrong))
    if not any(split.truth for split in splits.values()):
        raise UserError(
            f'{root}: holds neither train.json nor valid.json; `prepare_data.py split` makes them of one json'
        )
    return splits


def _check_split(root: Path, name: str) -> Split:
    folder, json_file = root / name, root / f'{name}.json'
    truth = None
    if json_file.is_file() or name != 'test':
        truth = read_annotations(json_file, folder, need_boxes=name != 'test')
    names = ids_and_names(truth or folder)[1]
    scan = scan_photos([folder / name for name in names])
    if scan.faults:
        first = scan.faults[min(scan.faults)]
        raise UserError(f'{folder}: {len(scan.faults)} of {len(names)} photos cannot be read; first: {first}')
    notes = list(truth.notes) if truth else []
    listed = set(names)
    if truth and (unlisted := [photo.file_name for photo in list_photos(folder) if photo.file_name not in listed]):
        notes.append(
            f'{len(unlisted)} × photo that {json_file.name} does not list, not used; first: {one_line(unlisted[0])}'
        )
    return Split(names, truth if truth and truth.labelled else None, scan.sizes, scan.signatures, notes)


def near_copy_lines(splits: Mapping[str, Split]) -> list[str]:
    """A line for each two splits that share photos, or nearly; the later one should not, being tested on."""
    lines = []
    for (one, first), (other, second) in combinations(splits.items(), 2):
        twin = near_copy_of(second.signatures, first.signatures)
        found = np.flatnonzero(twin >= 0)
        if found.size:
            pair = f'{other}/{second.names[found[0]]} of {one}/{first.names[twin[found[0]]]}'
            lines.append(f'near copies: {found.size} of the {len(twin)} photos of {other}; first: {one_line(pair)}')
    return lines or [f'near copies: none between {" and ".join(splits)}']


def describe(name: str, split: Split) -> str:
    """What is in a split, several lines.

    Example:
        >>> print(describe('valid', check_root(Path('ROOT'))['valid']))  # doctest: +SKIP
        valid: 56 photos, 122 digits
          photos: width 42 to 297 px (median 99), height 18 to 147 px (median 45)
          digits: width 4 to 52 px (median 14), height 11 to 94 px (median 30)
          digits a photo: 1 on 16 %, 2 on 52 %, 3 on 30 %, 4 on 2 %
          each digit: 0 × 12, 1 × 20, 2 × 15, 3 × 18, 4 × 10, 5 × 12, 6 × 9, 7 × 11, 8 × 6, 9 × 9
    """
    truth, photos = split.truth, len(split.names)
    lines = [f'{name}: {photos} photos, {f"{len(truth.labels)} digits" if truth else "no labels"}']
    lines.append(f'  photos: {_sides(split.sizes)}')
    if truth:
        lines.append(f'  digits: {_sides(truth.bboxes[:, 2:])}')
        numbers = np.array([len(number) for number in ground_truth_numbers(truth).values()])
        lengths, counts = np.unique(numbers, return_counts=True)
        spread = (f'{n} on {100 * k / photos:.0f} %' for n, k in zip(lengths.tolist(), counts.tolist(), strict=True))
        lines.append(f'  digits a photo: {", ".join(spread)}')
        by_digit = np.bincount(truth.labels, minlength=10).tolist()
        lines.append(f'  each digit: {", ".join(f"{d} × {k}" for d, k in zip(DIGITS, by_digit, strict=True))}')
    return '\n'.join(lines + [f'  note: {note}' for note in split.notes])


def _sides(sides: np.ndarray) -> str:
    """Range and median of widths and heights, (N, 2) in pixels."""
    low, middle, high = np.quantile(sides, [0, 0.5, 1], axis=0)
    return ', '.join(
        f'{name} {low[i]:.0f} to {high[i]:.0f} px (median {middle[i]:.0f})'
        for i, name in enumerate(('width', 'height'))
    )
