"""Sets of labelled predictions from files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data.coco_reading import read_annotations
from ..data.numbers import read_numbers_csv
from ..reading.settings import ReaderSettings
from ..structures.photos import image_id_of
from ..submission.pred_json import read_pred_json
from ..utils.errors import UserError
from .outcomes import LabelledSet


def read_sets(pairs: Sequence[tuple[Path, Path]]) -> tuple[list[LabelledSet], list[str]]:
    """Read pairs of a pred.json and the labels of its photos: a COCO json, or a CSV with the columns file and number.

    The image id of a photo of a CSV is that of its name, as in the pred.json of `tools/test.py --images`. Predictions
    on photos that the CSV does not list are ignored.

    Returns:
        The sets, each with a name of its own, and notes on what is ignored, a line each.

    Raises:
        UserError: a file cannot be read, or predictions and labels are not of the same photos.
    """
    sets, notes, names = [], list[str](), _names([ann for _, ann in pairs])
    for (pred_json, ann), name in zip(pairs, names, strict=True):
        if ann.suffix.lower() != '.csv':
            truth = read_annotations(ann)
            sets.append(LabelledSet.of_boxes(name, read_pred_json(pred_json, truth.image_ids), truth))
            continue
        numbers: dict[int, tuple[str, ...]] = {}
        for photo in read_numbers_csv(ann):
            image_id = image_id_of(Path(photo.file).name)
            if image_id in numbers:
                raise UserError(f'{ann}: {photo.file} and another photo share one image id; rename one of them')
            numbers[image_id] = photo.numbers or ('',)
        detections = read_pred_json(pred_json)
        others = np.setdiff1d(detections.image_ids, list(numbers))
        if len(detections) and not np.isin(detections.image_ids, list(numbers)).any():
            raise UserError(f'{pred_json}: none of its photos is in {ann}; give the list of the same photos')
        if others.size:
            notes.append(f'{pred_json}: {others.size} × photo that {ann} does not list, ignored; first: {others[0]}')
        sets.append(LabelledSet(name, detections, numbers))
    return sets, notes


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the file names, or with their folders if two are alike, or whole paths."""
    for names in ([path.name for path in paths], [str(Path(path.parent.name, path.name)) for path in paths]):
        if len(set(names)) == len(names):
            return names
    return [f'{i}: {path}' for i, path in enumerate(paths, start=1)]


def common_origin(readers: Sequence[tuple[Path, ReaderSettings]]) -> tuple[ReaderSettings, list[str]]:
    """Return the reader beside the first pred.json, whose views and fingerprint are those of the predictions.

    The notes name each pred.json that is of other weights or views.
    """
    first, made = readers[0]
    differ = [
        f'{path}: made by other weights or views than {first}; the reader is stored for those of {first}'
        for path, other in readers[1:]
        if (other.fingerprint, other.views) != (made.fingerprint, made.views)
    ]
    return made, differ
