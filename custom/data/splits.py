"""All labelled photos of a data root, dealt into folds for cross-validation."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..structures.annotations import DigitAnnotations, ground_truth_numbers, subset
from ..structures.photos import photo_path, read_photo
from ..utils.errors import UserError
from ..utils.files import parse_json, replacing
from .coco_reading import read_annotations
from .coco_writing import annotations_json
from .near_duplicates import copy_groups, signature

SPLITS = ('train', 'valid')


def read_labelled(root: str | os.PathLike) -> DigitAnnotations:
    """The photos of ROOT/train.json and ROOT/valid.json together; file names are relative to ROOT (`train/1.png`).

    Ids stay as they are, unless two photos share one: then all are numbered anew, from 1.

    Raises:
        UserError: one of the two is missing, or something is wrong with it or its photos.
    """
    parts = [read_annotations(Path(root, f'{split}.json'), Path(root, split)) for split in SPLITS]
    image_ids = np.concatenate([part.image_ids for part in parts])
    if len(np.unique(image_ids)) < len(image_ids):
        image_ids = np.arange(1, len(image_ids) + 1)
    box_image_ids, start = [], 0
    for part in parts:
        order = np.argsort(part.image_ids)
        rows = order[np.searchsorted(part.image_ids, part.box_image_ids, sorter=order)]
        box_image_ids.append(image_ids[start + rows])
        start += len(part.image_ids)
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ('sizes', 'bboxes', 'labels', 'iscrowd')
    }
    return DigitAnnotations(
        image_ids=image_ids,
        file_names=[f'{split}/{name}' for split, part in zip(SPLITS, parts, strict=True) for name in part.file_names],
        box_image_ids=np.concatenate(box_image_ids),
        notes=[f'{split}.json: {note}' for split, part in zip(SPLITS, parts, strict=True) for note in part.notes],
        **arrays,
    )


def near_copy_groups(truth: DigitAnnotations, root: str | os.PathLike) -> np.ndarray:
    """The group (M,) of each photo: the same for photos that are equal or nearly so, see `custom.data.near_duplicates`.

    Raises:
        UserError: a photo cannot be read.
    """
    names = tqdm(truth.file_names, 'looking for copies', unit=' photos', delay=2, leave=False, disable=None)
    return copy_groups(np.array([signature(read_photo(photo_path(root, name))) for name in names]))


def deal_folds(lengths: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Deal shuffled photos to folds, so that each number length is spread evenly and no group is torn apart.

    Where every photo is a group of its own, the folds differ by at most one photo, of each length and in all.

    Args:
        lengths: (M,) digits of the number on each photo.
        groups: (M,) photos of equal value go to one fold.
        folds: how many.
        seed: the same seed deals alike.

    Returns:
        (M,) the fold of each photo, from 0.

    Raises:
        UserError: there are under 2 folds, or more folds than groups.

    Example:
        >>> deal_folds(np.array([1, 1, 2, 2]), np.arange(4), folds=2, seed=0)
        array([0, 1, 0, 1])
    """
    _, firsts, group_of, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    if not 2 <= folds <= len(firsts):
        raise UserError(f'{folds} folds of {len(firsts)} different photos: give from 2 to {len(firsts)}')
    order = np.random.default_rng(seed).permutation(len(firsts))
    order = order[np.lexsort((lengths[firsts[order]], -sizes[order]))]  # large groups first, then length by length
    dealt, counts = np.zeros(len(firsts), np.int64), np.zeros((folds, lengths.max() + 1), np.int64)
    for group in order:
        fewest = np.lexsort((counts.sum(axis=1), counts[:, lengths[firsts[group]]]))[0]
        dealt[group] = fewest
        counts[fewest] += np.bincount(lengths[group_of == group], minlength=counts.shape[1])
    return dealt[group_of]


def write_folds(work_dir: Path, truth: DigitAnnotations, fold_of: np.ndarray, made_of: Mapping[str, Any]) -> list[Path]:
    """Write all.json and, for each fold, fold_K/train.json and fold_K/valid.json; or find them there.

    Args:
        work_dir: where to.
        truth: M photos.
        fold_of: (M,) the fold of each photo, from 0.
        made_of: what else a result depends on, by name. It is kept in folds.json, so that only the same goes on here.

    Returns:
        The folder of each fold.

    Raises:
        UserError: the work dir holds folds made of something else, or cannot be written to.
    """
    text, path = annotations_json(truth), work_dir / 'folds.json'
    labels = hashlib.sha256(text.encode()).hexdigest()[:16]
    folders = [work_dir / f'fold_{number}' for number in range(1, fold_of.max() + 2)]
    record = {**made_of, 'folds': len(folders), 'photos': len(fold_of), 'labels': labels}
    if path.is_file():
        _refuse_others(path, record)
        return folders
    for fold, folder in enumerate(folders):
        for split, chosen in zip(SPLITS, (fold_of != fold, fold_of == fold), strict=True):
            _write(folder / f'{split}.json', annotations_json(subset(truth, chosen)))
    _write(work_dir / 'all.json', text)
    _write(path, json.dumps(record, indent=2) + '\n')
    return folders


def _write(path: Path, text: str) -> None:
    with replacing(path) as beside:
        beside.write_text(text)


def _refuse_others(path: Path, record: Mapping[str, Any]) -> None:
    try:
        there = dict(parse_json(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f'{path}: cannot be read ({error}); remove the folder, or choose another --work-dir') from error
    differ = [f'{name} {there.get(name)}, not {value}' for name, value in record.items() if there.get(name) != value]
    if differ:
        raise UserError(
            f'{path.parent}: its folds were made with {"; ".join(differ)}: '
            'choose another --work-dir, or repeat the settings to go on'
        )


MOST_FOLDS = 100  # a share of valid is rounded to a fraction with no larger denominator


@dataclass(frozen=True)
class DealRule:
    """How photos are dealt.

    Args:
        valid_fraction: share of the photos that go to valid, at least one photo. Defaults to 0.1.
        seed: the same seed deals alike. Defaults to 0.
        ignore_copies: whether near copies are dealt like other photos, as those of a fixed camera must be.
            Defaults to False, near copies stay together.

    Raises:
        UserError: a value is out of its range.
    """

    valid_fraction: float = 0.1
    seed: int = 0
    ignore_copies: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.valid_fraction < 1:
            raise UserError(f'--valid-fraction {self.valid_fraction}: must be between 0 and 1')
        if self.seed < 0:
            raise UserError(f'--seed {self.seed}: must be 0 or more')


def choose_valid(truth: DigitAnnotations, signatures: np.ndarray, rule: DealRule) -> tuple[np.ndarray, int]:
    """Which photos go to valid.

    Args:
        truth: M photos.
        signatures: float32 (M, 256), see `custom.data.near_duplicates`.
        rule: how to deal.

    Returns:
        bool (M,); and how many photos are near copies of others, and were dealt with them.

    Raises:
        UserError: there are no two photos that differ.
    """
    photos = len(truth.image_ids)
    groups = np.arange(photos) if rule.ignore_copies else copy_groups(signatures)
    different = len(np.unique(groups))
    if different < 2:
        reason = 'all are near copies of one another; deal them all the same with --ignore-copies'
        raise UserError(
            f'{photos} labelled photos cannot be split into train and valid: '
            f'{reason if photos > 1 else "label more photos"}'
        )
    share = Fraction(rule.valid_fraction).limit_denominator(min(MOST_FOLDS, different))
    if share in (0, 1):  # too few photos for that share: one of them makes the smaller side
        share = Fraction(1 if share == 0 else different - 1, different)
    lengths = np.array([len(number) for number in ground_truth_numbers(truth).values()])
    return deal_folds(lengths, groups, share.denominator, rule.seed) < share.numerator, photos - different


def assign_splits(
    truth: DigitAnnotations, splits: Sequence[str | None], signatures: np.ndarray, rule: DealRule
) -> tuple[np.ndarray, list[str]]:
    """The split of each photo: as the source says, or dealt where it names no photo for valid.

    Args:
        truth: M photos.
        splits: M times 'train', 'valid', 'test', or None where the source does not say.
        signatures: float32 (M, 256), see `custom.data.near_duplicates`.
        rule: how to deal.

    Returns:
        (M,) 'train', 'valid' or 'test'; and what is worth knowing, a line each.

    Raises:
        UserError: no labelled photo is left for train, or those that are to be dealt do not differ.
    """
    assigned = np.array([split or 'train' for split in splits], dtype='<U5')
    if not (assigned == 'train').any():
        raise UserError('no labelled photo is for train: all of them are in folders called valid or test')
    if (assigned == 'valid').any():
        return assigned, ['the split into train and valid is that of the source']
    dealt = assigned == 'train'
    chosen, copies = choose_valid(subset(truth, dealt), signatures[dealt], rule)
    assigned[np.flatnonzero(dealt)[chosen]] = 'valid'
    note = f'{copies} × near copy of another photo, on the same side as that one'
    return assigned, [note] if copies else []
