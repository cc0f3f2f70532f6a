"""All labelled photos of a data root, dealt into folds for cross-validation."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from custom.annotations import DigitAnnotations, read_annotations
from custom.coco_writing import coco_json
from custom.errors import UserError
from custom.files import parse_json, replacing
from custom.near_copies import copy_groups, signature
from custom.photos import photo_path, read_photo

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
    """The group (M,) of each photo: the same for photos that are equal or nearly so, see `custom.near_copies`.

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


def subset(truth: DigitAnnotations, chosen: np.ndarray) -> DigitAnnotations:
    """The photos for which `chosen`, bool (M,), is true, with their boxes."""
    boxes = np.isin(truth.box_image_ids, truth.image_ids[chosen])
    return dataclasses.replace(
        truth,
        image_ids=truth.image_ids[chosen],
        file_names=[name for name, take in zip(truth.file_names, chosen.tolist(), strict=True) if take],
        sizes=truth.sizes[chosen],
        **{name: getattr(truth, name)[boxes] for name in ('box_image_ids', 'bboxes', 'labels', 'iscrowd')},
    )


def annotations_json(truth: DigitAnnotations) -> str:
    """Photos and boxes as the text of a COCO json, boxes photo by photo."""
    rows: dict[int, list[int]] = {image_id: [] for image_id in truth.image_ids.tolist()}
    for row, image_id in enumerate(truth.box_image_ids.tolist()):
        rows[image_id].append(row)
    content = coco_json(
        {
            'id': image_id,
            'file_name': name,
            'width': width,
            'height': height,
            'bboxes': truth.bboxes[own].tolist(),
            'labels': truth.labels[own].tolist(),
        }
        for (image_id, own), name, (width, height) in zip(
            rows.items(), truth.file_names, truth.sizes.tolist(), strict=True
        )
    )
    for entry, row in zip(content['annotations'], chain.from_iterable(rows.values()), strict=True):
        entry['iscrowd'] = int(truth.iscrowd[row])
    return json.dumps(content)


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
