"""Labelled photos of any source become a data set in this project's layout."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..structures.annotations import subset
from ..structures.photos import photo_path
from ..utils.errors import UserError
from ..utils.files import building
from ..utils.messages import one_line
from .coco_reading import read_annotations
from .formats.coco import photo_folder
from .formats.labels import ClassMap, SourcePhoto, gather
from .layout import SPLITS, Imported, require_free, write_layout
from .photo_scan import scan_photos
from .splits import DealRule, assign_splits, read_labelled


def import_photos(
    source: Path, photos: Sequence[SourcePhoto], out: Path, classes: ClassMap, rule: DealRule, skip_bad: bool = False
) -> Imported:
    """Write a data set from what a format's reader gave.

    Photos that nobody has labelled go to test where the source puts them there, and are left out elsewhere.

    Args:
        source: what messages call it.
        photos: the photos, with their labels.
        out: a folder that is not there yet, or is empty.
        classes: the digit that a label means, see `custom.data.formats.labels.gather`.
        rule: how photos are dealt to train and valid where the source does not say.
        skip_bad: whether photos with a mistake are left out. Defaults to False, they are refused.

    Raises:
        UserError: mistakes in photos or labels, `out` holds something, or it cannot be written to.
    """
    require_free(out)
    truth, splits, labelled, signatures, notes = gather(source, photos, classes, skip_bad)
    is_test = np.array([split == 'test' for split in splits])
    if count := int((~labelled & ~is_test).sum()):
        first = truth.file_names[int(np.flatnonzero(~labelled & ~is_test)[0])]
        notes.append(f'{count} × photo without labels, left out; first: {one_line(first)}')
    kept = labelled | is_test
    truth, signatures = subset(truth, kept), signatures[kept]
    if not (labelled & ~is_test).any():
        raise UserError(f'{source}: no labelled photo is left for train and valid')
    own = [split for split, keep in zip(splits, kept.tolist(), strict=True) if keep]
    split_of, said = assign_splits(truth, own, signatures, rule)
    known = SPLITS if labelled[is_test].all() else SPLITS[:2]
    with building(out) as folder:
        notes += said + write_layout(folder, truth, split_of, known)
    return Imported(dict(Counter(split_of.tolist())), notes)


def split_photos(folder: Path, out: Path, rule: DealRule, ann: Path | None = None) -> Imported:
    """Write a data set from one labelled folder: photos and a json, or a data set to be dealt anew.

    Args:
        folder: holds one COCO json of digits, and its photos; or train.json and valid.json.
        out: a folder that is not there yet, or is empty.
        rule: how photos are dealt.
        ann: the json. Defaults to None, the only one in the folder.

    Raises:
        UserError: mistakes in photos or labels, `out` holds something, or it cannot be written to.
    """
    require_free(out)
    if ann is None and (folder / 'train.json').is_file() and (folder / 'valid.json').is_file():
        truth, photos = read_labelled(folder), folder
    else:
        labels = ann or _only_json(folder)
        photos = photo_folder(labels, read_annotations(labels).file_names)
        truth = read_annotations(labels, photos)
    paths = [photo_path(photos, name) for name in truth.file_names]
    truth = dataclasses.replace(truth, file_names=list(map(str, paths)))
    signatures = scan_photos(paths).signatures
    split_of, notes = assign_splits(truth, [None] * len(paths), signatures, rule)
    with building(out) as beside:
        notes += write_layout(beside, truth, split_of)
    if ann is None and (folder / 'test').is_dir():
        notes.append(f'{folder / "test"} is not copied: only labelled photos are split')
    return Imported(dict(Counter(split_of.tolist())), truth.notes + notes)


def _only_json(folder: Path) -> Path:
    try:
        found = sorted(folder.glob('*.json'))
    except OSError as error:
        raise UserError(f'{folder}: cannot be read ({error.strerror}); check its permissions') from None
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the one that holds the photos and their json')
    if len(found) != 1:
        there = ', '.join(path.name for path in found) or 'none'
        raise UserError(f'{folder}: holds {there}, not one json; name the one that labels the photos, with --ann JSON')
    return found[0]
