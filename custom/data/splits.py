"""Splits of labelled photos: folds for cross-validation, train and valid."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..structures.annotations import DigitAnnotations, subset, true_numbers
from ..structures.photos import photo_path
from ..utils.errors import UserError
from ..utils.files import parse_json, read_file, replacing
from .coco_reading import read_annotations
from .coco_writing import annotations_json
from .layout import LABELLED_SPLITS, renumber
from .near_duplicates import near_duplicate_groups, scan_photos

MAX_FOLDS = 100  # a share of valid is rounded to a fraction with no larger denominator


def join_annotations(parts: Sequence[DigitAnnotations]) -> DigitAnnotations:
    """Concatenate annotations; image ids that clash are all replaced, counted from 1."""
    image_ids = np.concatenate([part.image_ids for part in parts])
    if len(np.unique(image_ids)) < len(image_ids):
        starts = np.cumsum([1, *(len(part.image_ids) for part in parts)])
        parts = [
            renumber(part, start + np.arange(len(part.image_ids))) for part, start in zip(parts, starts, strict=False)
        ]
    arrays = ('image_ids', 'sizes', 'box_image_ids', 'bboxes', 'labels', 'iscrowd')
    return DigitAnnotations(
        file_names=[name for part in parts for name in part.file_names],
        notes=[note for part in parts for note in part.notes],
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays},
    )


def read_labelled(root: str | os.PathLike) -> DigitAnnotations:
    """Read ROOT/train.json and ROOT/valid.json as one set; file names are relative to ROOT (`train/1.png`).

    Raises:
        UserError: a json is missing, or has a fault in itself or its photos.
    """
    parts = []
    for split in LABELLED_SPLITS:
        part = read_annotations(Path(root, f'{split}.json'), Path(root, split))
        names = [f'{split}/{name}' for name in part.file_names]
        notes = [f'{split}.json: {note}' for note in part.notes]
        parts.append(dataclasses.replace(part, file_names=names, notes=notes))
    return join_annotations(parts)


def photo_groups(truth: DigitAnnotations, root: str | os.PathLike) -> np.ndarray:
    """Number (M,) the groups of near-duplicates among the photos.

    Raises:
        UserError: a photo cannot be read.
    """
    return near_duplicate_groups(scan_photos([photo_path(root, name) for name in truth.file_names], root).signatures)


def assign_folds(lengths: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Assign shuffled photos to folds, stratified by number length; a group stays in one fold.

    If each photo is a group of its own, the folds differ by at most one photo, of each length and in all.

    Args:
        lengths: (M,) digits of the number on each photo.
        groups: (M,) group of each photo.
        folds: number of folds.
        seed: seed of the shuffle.

    Returns:
        (M,) fold of each photo, from 0.

    Raises:
        UserError: there are under 2 folds, or more folds than groups.

    Example:
        >>> assign_folds(np.array([1, 1, 2, 2]), np.arange(4), folds=2, seed=0)
        array([0, 1, 0, 1])
    """
    _, firsts, group_of, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    if not 2 <= folds <= len(firsts):
        raise UserError(f'{folds} folds of {len(firsts)} different photos: give from 2 to {len(firsts)}')
    order = np.random.default_rng(seed).permutation(len(firsts))
    order = order[np.lexsort((lengths[firsts[order]], -sizes[order]))]  # large groups first, then length by length
    assigned, counts = np.zeros(len(firsts), np.int64), np.zeros((folds, lengths.max() + 1), np.int64)
    for group in order:
        fewest = np.lexsort((counts.sum(axis=1), counts[:, lengths[firsts[group]]]))[0]
        assigned[group] = fewest
        counts[fewest] += np.bincount(lengths[group_of == group], minlength=counts.shape[1])
    return assigned[group_of]


def write_folds(work_dir: Path, truth: DigitAnnotations, fold_of: np.ndarray, made_of: Mapping[str, Any]) -> list[Path]:
    """Write all.json, and fold_K/train.json and fold_K/valid.json of each fold, unless they exist.

    Args:
        work_dir: the folder to write to.
        truth: M photos.
        fold_of: (M,) fold of each photo, from 0.
        made_of: other settings of the run; folds.json keeps them, and a later call with others is refused.

    Returns:
        The folder of each fold.

    Raises:
        UserError: the work dir holds folds of other settings or cannot be written to.
    """
    text, path = annotations_json(truth), work_dir / 'folds.json'
    labels = hashlib.sha256(text.encode()).hexdigest()[:16]
    folders = [work_dir / f'fold_{number}' for number in range(1, fold_of.max() + 2)]
    record = {**made_of, 'folds': len(folders), 'photos': len(fold_of), 'labels': labels}
    if path.is_file():
        try:
            old = dict(parse_json(read_file(path)))
        except (OSError, ValueError, TypeError) as error:
            way = 'remove the folder, or choose another --work-dir'
            raise UserError(f'{path}: cannot be read ({error}); {way}') from error
        differ = [f'{name} {old.get(name)}, not {value}' for name, value in record.items() if old.get(name) != value]
        if differ:
            way = 'choose another --work-dir, or repeat the settings to go on'
            raise UserError(f'{work_dir}: its folds were made with {"; ".join(differ)}: {way}')
        return folders
    contents = {work_dir / 'all.json': text}
    for fold, folder in enumerate(folders):
        contents[folder / 'train.json'] = annotations_json(subset(truth, fold_of != fold))
        contents[folder / 'valid.json'] = annotations_json(subset(truth, fold_of == fold))
    contents[path] = json.dumps(record, indent=2) + '\n'  # the last one: a stopped run is started anew
    for target, content in contents.items():
        with replacing(target) as beside:
            beside.write_text(content)
    return folders


@dataclasses.dataclass(frozen=True)
class SplitRule:
    """Settings of a random split into train and valid; a value out of its range is a UserError."""

    valid_fraction: float = 0.1  # share of the photos in valid, at least one photo
    seed: int = 0  # seed of the shuffle
    ignore_copies: bool = False  # whether near-duplicates may be in different splits, as fixed-camera footage needs
    group_by: tuple[str, ...] = ()  # keys of `SourcePhoto.groups`; photos with one value of a key are in one split

    def __post_init__(self) -> None:
        if not 0 < self.valid_fraction < 1:
            raise UserError(f'--valid-fraction {self.valid_fraction}: must be between 0 and 1')
        if self.seed < 0:
            raise UserError(f'--seed {self.seed}: must be 0 or more')


def join_groups(groups: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Join the groups (P,) that share a group of `others`, (P,).

    Example:
        >>> join_groups(np.array([0, 1, 2, 3]), np.array([7, 8, 8, 9])).tolist()
        [0, 1, 1, 3]
    """
    groups = groups.copy()
    for other in np.unique(others):
        joined = np.unique(groups[others == other])
        if len(joined) > 1:
            groups[np.isin(groups, joined)] = joined[0]
    return groups


def choose_valid(lengths: np.ndarray, groups: np.ndarray, rule: SplitRule) -> np.ndarray:
    """Choose groups for valid at random, stratified by number length.

    Args:
        lengths: (P,) digits of the number on each photo.
        groups: (P,) group of each photo.
        rule: settings of the split.

    Returns:
        bool (P,), whether the photo is in valid; at least one group is, and at least one is not.

    Raises:
        UserError: there is one group, or none.
    """
    different = len(np.unique(groups))
    if different < 2:
        way = 'all are near-duplicates; allow them in different splits with --ignore-copies'
        way = 'all are in one group of --group-by; choose another key' if rule.group_by else way
        way = way if len(groups) > 1 else 'label more photos'
        raise UserError(f'{len(groups)} labelled photos cannot be split into train and valid: {way}')
    share = Fraction(rule.valid_fraction).limit_denominator(min(MAX_FOLDS, different))
    if share in (0, 1):  # too few photos for that share: the smaller side gets one photo
        share = Fraction(1 if share == 0 else different - 1, different)
    return assign_folds(lengths, groups, share.denominator, rule.seed) < share.numerator


def assign_splits(
    truth: DigitAnnotations,
    splits: Sequence[str | None],
    signatures: np.ndarray,
    rule: SplitRule,
    groups: Sequence[np.ndarray] = (),
) -> tuple[np.ndarray, list[str]]:
    """Assign each photo to the split of its source; without a valid split there, choose valid from train at random.

    Args:
        truth: M photos.
        splits: M of 'train', 'valid', 'test', or None where the source has no split.
        signatures: float32 (M, 256) of the photos.
        rule: settings of the random split.
        groups: for each key of `rule.group_by` the group (M,) of each photo. Defaults to none.

    Returns:
        (M,) 'train', 'valid' or 'test'; and notes, a line each.

    Raises:
        UserError: no labelled photo is left for train, or there are no two different photos to split.
    """
    assigned = np.array([split or 'train' for split in splits], dtype='<U5')
    train = assigned == 'train'
    if not train.any():
        raise UserError('no labelled photo is for train: all of them are in folders called valid or test')
    if (assigned == 'valid').any():
        unused = '; --group-by is not applied' if rule.group_by else ''
        return assigned, [f'the split into train and valid is that of the source{unused}']
    truth, photos = subset(truth, train), int(train.sum())
    group_of = np.arange(photos) if rule.ignore_copies else near_duplicate_groups(signatures[train])
    duplicates = photos - len(np.unique(group_of))
    for own in groups:
        group_of = join_groups(group_of, own[train])
    different = len(np.unique(group_of))
    lengths = np.array([len(number) for number in true_numbers(truth).values()])
    assigned[np.flatnonzero(train)[choose_valid(lengths, group_of, rule)]] = 'valid'
    notes = [f'{duplicates} × near-duplicate, in the split of the other photo'] if duplicates else []
    if rule.group_by:
        keys = ', '.join(rule.group_by)
        notes.append(f'{different} groups of {photos} photos with the same {keys}, each in one split')
    return assigned, notes
