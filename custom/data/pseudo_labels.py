"""Unlabelled photos whose number the reader is sure of become labelled ones.

A photo passes when every pred.json - of several scales, say, or several models - gives the same number at the same
places, each of its digits with a high score, and nothing else with more than a low one. Photos that show no number do
not pass: that nothing was found does not say that nothing is there.
"""

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ..reading.numbers import read_numbers
from ..reading.settings import DEFAULTS, ReaderConfig
from ..structures.detections import Detections
from ..structures.geometry import ious, nms, xywh_to_xyxy
from ..structures.photos import list_photos, photo_size, read_photo
from ..utils.validation import require_number
from .near_duplicates import is_near_copy, signatures

NO_NUMBER, DIFFER, UNSURE, OTHER, COPY = REASONS = (
    'no number',
    'readings differ',
    'unsure of a digit',
    'something else seen',
    'copy of an excluded photo',
)
SAME_PLACE = 0.3  # IoU of two sights of one digit is above it


@dataclasses.dataclass(frozen=True)
class SureRule:
    """When a reading is sure.

    Args:
        min_score: least score of each digit of the number, 0..1. Defaults to 0.75.
        max_other: highest score, 0..1, of a box that is neither a digit of the number nor a double of one.
            Defaults to 0.2.

    Raises:
        UserError: a value is not a number from 0 to 1.
    """

    min_score: float = 0.75
    max_other: float = 0.2

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            require_number(name, value, 0, 1)


class Sight(NamedTuple):
    """What one pred.json says of one photo.

    Attributes:
        number: the digits in reading order; '' where none was found.
        bboxes: (D, 4) xyxy in pixels, in the same order.
        lowest: the lowest score of them.
        other: whether something else was seen.
    """

    number: str
    bboxes: np.ndarray
    lowest: float
    other: bool


class PseudoLabels(NamedTuple):
    """What became of the photos of a folder.

    Attributes:
        photos: those that passed, as `custom.data.coco_writing.coco_json` takes them, in natural order.
        left_out: how many did not, for each of REASONS.
    """

    photos: list[dict]
    left_out: Counter[str]


def look(detections: Detections, image_ids: Sequence[int], rule: SureRule, config: ReaderConfig) -> list[Sight]:
    """What a pred.json says of each photo of `image_ids`."""
    readings = read_numbers(detections, image_ids, config)
    used = np.concatenate([np.empty(0, np.int64), *(reading.used for reading in readings.values())])
    xyxy = xywh_to_xyxy(detections.bboxes)
    ranks = detections.scores.copy()
    ranks[used] = np.inf  # first in their places, so that they suppress all their doubles
    seen = np.flatnonzero(ranks > rule.max_other)
    places = seen[nms(xyxy[seen], ranks[seen], config.iou_thr, detections.image_ids[seen])]
    other = set(detections.image_ids[np.setdiff1d(places, used)].tolist())
    return [
        Sight(number, xyxy[used], detections.scores[used].min(initial=1), image_id in other)
        for image_id, (number, _, used) in readings.items()
    ]


def agree(sights: Sequence[Sight], rule: SureRule) -> str | np.ndarray:
    """Compare what several pred.json say of one photo.

    Args:
        sights: one of each file.
        rule: when a reading is sure.

    Returns:
        The mean boxes (D, 4) xyxy in pixels, in reading order; or the reason why the photo does not pass.
    """
    numbers = {sight.number for sight in sights}
    if numbers == {''}:
        return NO_NUMBER
    first = sights[0].bboxes
    if len(numbers) > 1 or any((ious(first, sight.bboxes) <= SAME_PLACE).any() for sight in sights[1:]):
        return DIFFER
    if min(sight.lowest for sight in sights) < rule.min_score:
        return UNSURE
    if any(sight.other for sight in sights):
        return OTHER
    return np.mean([sight.bboxes for sight in sights], axis=0)


def inside(xyxy: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes (D, 4) xyxy as xywh inside the photo, at least 1 px wide and high, to 3 decimals.

    Example:
        >>> inside(np.array([[-2, 4, 6.5, 30], [39.5, 0, 44, 9]]), width=40, height=20).tolist()
        [[0.0, 4.0, 6.5, 16.0], [39.0, 0.0, 1.0, 9.0]]
    """
    size = np.array([width, height])
    start = xyxy[:, :2].round(3).clip(0, size - 1)
    end = np.maximum(xyxy[:, 2:].round(3), start + 1).clip(max=size)
    return np.hstack([start, (end - start).round(3)])


def label_photos(
    folder: str | os.PathLike,
    sources: Sequence[Detections],
    rule: SureRule = SureRule(),
    config: ReaderConfig = DEFAULTS,
    exclude: Sequence[str | os.PathLike] = (),
) -> PseudoLabels:
    """Label the photos of a folder whose number is sure; a terminal shows a bar when that takes over 2 s.

    Args:
        folder: where the photos lie.
        sources: what was found on them, one or more pred.json.
        rule: when a reading is sure. Defaults to SureRule().
        config: how numbers are read. Defaults to DEFAULTS, as ReaderConfig().
        exclude: folders whose photos, and near copies of them, are not to be labelled. Defaults to none.

    Raises:
        UserError: a folder holds no photo, or a photo cannot be read.
    """
    listed = list_photos(folder)
    image_ids = [photo.image_id for photo in listed]
    known = signatures(exclude)
    views = zip(*(look(source, image_ids, rule, config) for source in sources), strict=True)
    photos, left_out = [], Counter(dict.fromkeys(REASONS, 0))
    bar = tqdm(
        zip(listed, views, strict=True), 'labelling', len(listed), unit=' photos', delay=2, leave=False, disable=None
    )
    for (image_id, file_name), sights in bar:
        found, path = agree(sights, rule), Path(folder, file_name)
        if not isinstance(found, str) and len(known) and is_near_copy(read_photo(path), known):
            found = COPY
        if isinstance(found, str):
            left_out[found] += 1
            continue
        width, height = photo_size(path)
        bboxes, labels = inside(found, width, height).tolist(), [int(digit) for digit in sights[0].number]
        photo = {'id': image_id, 'file_name': file_name, 'width': width, 'height': height}
        photos.append({**photo, 'bboxes': bboxes, 'labels': labels})
    return PseudoLabels(photos, left_out)
