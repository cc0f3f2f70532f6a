"""Import of labelled photos into the layout of a data set."""

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path

import numpy as np

from ..structures.annotations import subset
from ..structures.photos import photo_path
from ..utils.errors import UserError
from ..utils.files import building
from ..utils.messages import one_line
from .coco_reading import Findings, read_annotations, read_json
from .formats.coco import photo_folder
from .formats.labels import ClassMap, SourcePhoto, check_labels
from .layout import LABELLED_SPLITS, SPLITS, Imported, require_free, write_layout
from .near_duplicates import scan_photos
from .splits import SplitRule, assign_splits, read_labelled
from .summary import unlisted_notes


def import_photos(
    source: Path,
    photos: Sequence[SourcePhoto],
    out: Path,
    classes: ClassMap,
    rule: SplitRule,
    skip_bad: bool = False,
    found: Findings | None = None,
) -> Imported:
    """Write a data set of the photos of a source.

    An unlabelled photo is kept only in the test split of the source, and only if no photo of that split is labelled.

    Args:
        source: name of the photos in messages.
        photos: the photos with their labels, from a module of `custom.data.formats`.
        out: a new or empty folder.
        classes: the digit of each label, see `custom.data.formats.labels.parse_classes`.
        rule: settings of the random split, for a source without a valid split.
        skip_bad: whether photos with a fault are left out. Defaults to False, they are refused.
        found: what the reader passed over or changed; begins the notes. Defaults to None.

    Raises:
        UserError: a photo or label has a fault, or `out` is in use or cannot be written to.
    """
    require_free(out)
    truth, checked, signatures = check_labels(source, photos, classes, skip_bad, found)
    notes = list(truth.notes)
    labelled = np.array([photo.boxes is not None for photo in checked])
    in_test = np.array([photo.split == 'test' for photo in checked])
    truth_of_test = bool((labelled & in_test).any())
    kept = labelled if truth_of_test else labelled | in_test
    for left_out, where in ((~kept & ~in_test, ''), (~kept & in_test, ' in a test split that has labels')):
        if left_out.any():
            first = one_line(truth.file_names[left_out.argmax()])
            notes.append(f'{left_out.sum()} × photo without labels{where}, left out; first: {first}')
    splits = [photo.split for photo, keep in zip(checked, kept, strict=True) if keep]
    if set(splits) == {'test'}:
        raise UserError(f'{source}: no labelled photo is left for train and valid')
    truth = subset(truth, kept)
    if any(splits) and 'valid' not in splits:
        notes.append('the source has no labelled photo in a valid split: valid is drawn from train at random')
    elif any(splits) and None in splits:
        first = one_line(truth.file_names[splits.index(None)])
        notes.append(f'{splits.count(None)} × photo in no split of the source, put into train; first: {first}')
    groups = [_groups(key, [photo.groups for photo in compress(checked, kept.tolist())]) for key in rule.group_by]
    split_of, split_notes = assign_splits(truth, splits, signatures[kept], rule, groups)
    with_json = SPLITS if truth_of_test else LABELLED_SPLITS
    with building(out) as folder:
        notes += split_notes + write_layout(folder, truth, split_of, with_json)
    return Imported(dict(Counter(split_of.tolist())), notes)


def _groups(key: str, photos: Sequence[Mapping[str, str]]) -> np.ndarray:
    """Number (M,) the values of a key; a photo without the key is a group of its own."""
    values = [(photo[key],) if key in photo else (i, None) for i, photo in enumerate(photos)]
    number_of = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([number_of[value] for value in values])


def split_photos(folder: Path, out: Path, rule: SplitRule, ann: Path | None = None) -> Imported:
    """Write a data set with a random split of the labelled photos of one folder.

    Args:
        folder: holds photos and one COCO json of digits; or is a data set, to be split again.
        out: a new or empty folder.
        rule: settings of the random split.
        ann: the json. Defaults to None, the only one in the folder.

    Raises:
        UserError: a photo or label has a fault, or `out` is in use or cannot be written to.
    """
    require_free(out)
    is_root = ann is None and (folder / 'train.json').is_file() and (folder / 'valid.json').is_file()
    if is_root:
        truth, photos = read_labelled(folder), folder
    else:
        labels = ann or _only_json(folder)
        photos = photo_folder(labels, [str(image.get('file_name')) for image in read_json(labels, True)['images']])
        truth = read_annotations(labels, photos)
    paths = [photo_path(photos, name) for name in truth.file_names]
    beside_json = []
    for part in LABELLED_SPLITS if is_root else ('',):
        listed = [os.path.relpath(path, photos / part) for path in paths]
        beside_json += unlisted_notes(photos / part, listed, f'{part}.json' if is_root else labels.name)
    truth = dataclasses.replace(truth, file_names=list(map(str, paths)))
    split_of, notes = assign_splits(truth, [None] * len(paths), scan_photos(paths, photos).signatures, rule)
    with building(out) as beside:
        notes += write_layout(beside, truth, split_of)
    if ann is None and (folder / 'test').is_dir():
        notes.append(f'{folder / "test"} is not copied: only labelled photos are split')
    return Imported(dict(Counter(split_of.tolist())), truth.notes + beside_json + notes)


def _only_json(folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the one that holds the photos and their json')
    jsons = sorted(folder.glob('*.json'))
    if len(jsons) != 1:
        names = ', '.join(path.name for path in jsons) or 'none'
        raise UserError(
            f'{folder}: holds {names}, not one json; name the json of the photos with --ann JSON, or import a folder '
            'of jsons by `prepare_data.py coco`'
        )
    return jsons[0]
