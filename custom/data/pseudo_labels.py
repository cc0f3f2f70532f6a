"""Pseudo-labels: numbers that are read with high scores become labels of unlabelled photos.

A photo passes if each pred.json, of other scales or other models, has the same number at the same position, each digit
with a high score, and no other detection above a low score. Photos without a number do not pass: a model that detects
nothing is no proof of an empty photo. Where the number on a photo is known, the boxes that spell the number pass with
lower scores (`custom.data.known_numbers`).
"""

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..reading.numbers import read_numbers
from ..reading.settings import DEFAULTS, ReaderConfig
from ..structures.detections import Detections
from ..structures.geometry import ious, nms, xywh_to_xyxy
from ..structures.photos import Photo, list_photos
from ..utils.errors import UserError
from ..utils.messages import one_line
from ..utils.validation import require_number
from .known_numbers import DEFAULT_RULE, KnownNumberRule, others, spell
from .near_duplicates import nearest_duplicates, scan_photos

EMPTY, DIFFERENT, LOW_SCORE, OTHER, DUPLICATE = REASONS = (  # without known numbers
    'no number',
    'different readings',
    'digit with a low score',
    'another detection',
    'near-duplicate of an excluded photo',
)
UNKNOWN, NOT_SPELLED = 'without a known number', 'known number not detected'
KNOWN_REASONS = (UNKNOWN, NOT_SPELLED, DIFFERENT, OTHER, DUPLICATE)
MATCH_IOU = 0.3  # boxes of one digit in two files have an IoU above this


@dataclasses.dataclass(frozen=True)
class PseudoLabelRule:
    """Score thresholds of pseudo-labels, 0..1; another value is a UserError."""

    min_score: float = 0.75  # lowest score of each digit of the number
    max_other: float = 0.2  # highest score of a box that is neither a digit of the number nor a duplicate of one

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            require_number(name, value, 0, 1)


class SourceReading(NamedTuple):
    """The number that one pred.json gives for one photo."""

    number: str  # the digits in reading order; '' for none
    bboxes: np.ndarray  # (D, 4) xyxy in pixels, in the same order
    min_score: float  # the lowest score of the digits
    other: bool  # whether there is another detection


def read_source(
    detections: Detections, image_ids: Sequence[int], rule: PseudoLabelRule, config: ReaderConfig
) -> list[SourceReading]:
    """Read the number on each photo of `image_ids`."""
    readings = read_numbers(detections, image_ids, config)
    used = np.concatenate([np.empty(0, np.int64), *(reading.used for reading in readings.values())])
    xyxy = xywh_to_xyxy(detections.bboxes)
    scores = detections.scores.copy()
    scores[used] = np.inf  # NMS then removes the duplicates of the digits
    strong = np.flatnonzero(scores > rule.max_other)
    kept = strong[nms(xyxy[strong], scores[strong], config.iou_thr, detections.image_ids[strong])]
    other = set(detections.image_ids[np.setdiff1d(kept, used)].tolist())
    return [
        SourceReading(
            reading.number, xyxy[reading.used], detections.scores[reading.used].min(initial=1), image_id in other
        )
        for image_id, reading in readings.items()
    ]


def agree(readings: Sequence[SourceReading], rule: PseudoLabelRule) -> str | np.ndarray:
    """Return the mean boxes (D, 4) xyxy in pixels, in reading order, of the readings of a photo; or one of REASONS."""
    numbers = {reading.number for reading in readings}
    if numbers == {''}:
        return EMPTY
    first = readings[0].bboxes
    if len(numbers) > 1 or any((ious(first, reading.bboxes) <= MATCH_IOU).any() for reading in readings[1:]):
        return DIFFERENT
    if min(reading.min_score for reading in readings) < rule.min_score:
        return LOW_SCORE
    if any(reading.other for reading in readings):
        return OTHER
    return np.mean([reading.bboxes for reading in readings], axis=0)


def label_photos(
    folder: str | os.PathLike,
    sources: Sequence[Detections],
    rule: PseudoLabelRule = PseudoLabelRule(),
    config: ReaderConfig = DEFAULTS,
    exclude: Sequence[str | os.PathLike] = (),
) -> tuple[list[dict], Counter[str]]:
    """Label the photos of a folder with the numbers that are read; a terminal shows a bar after 2 s.

    Args:
        folder: the folder of the photos.
        sources: detections on the photos, of one or more pred.json.
        rule: score thresholds. Defaults to PseudoLabelRule().
        config: settings of the reader. Defaults to DEFAULTS.
        exclude: folders of photos that must not be labelled, nor near-duplicates of these. Defaults to none.

    Returns:
        The photos that pass, as `custom.data.coco_writing.coco_json` takes them, in natural order; and the number of
        photos that do not, for each of REASONS.

    Raises:
        UserError: a folder holds no photo, or a photo cannot be read.
    """
    listed = list_photos(folder)
    image_ids = [photo.image_id for photo in listed]
    by_photo = zip(*(read_source(source, image_ids, rule, config) for source in sources), strict=True)
    left_out, passed = Counter(dict.fromkeys(REASONS, 0)), []
    for entry, readings in zip(listed, by_photo, strict=True):
        result = agree(readings, rule)
        if isinstance(result, str):
            left_out[result] += 1
        else:
            passed.append((entry, result, readings[0].number))
    return _without_duplicates(folder, passed, exclude, left_out)


def label_known_numbers(
    folder: str | os.PathLike,
    sources: Sequence[Detections],
    numbers: Mapping[str, Sequence[str]],
    rule: KnownNumberRule = DEFAULT_RULE,
    exclude: Sequence[str | os.PathLike] = (),
) -> tuple[list[dict], Counter[str]]:
    """Label the photos of a folder whose number is known; a terminal shows a bar after 2 s.

    A photo passes if at least one source spells its number, and no other source spells it elsewhere.

    Args:
        folder: the folder of the photos.
        sources: detections on the photos, of one or more pred.json.
        numbers: file names to the numbers on the photo; a photo with none or with several is left out.
        rule: score thresholds. Defaults to DEFAULT_RULE.
        exclude: folders of photos that must not be labelled, nor near-duplicates of these. Defaults to none.

    Returns:
        As `label_photos`, with KNOWN_REASONS.

    Raises:
        UserError: a folder holds no photo, a photo cannot be read, or `numbers` has a name that the folder lacks.
    """
    listed = list_photos(folder)
    if missing := set(numbers) - {photo.file_name for photo in listed}:
        raise UserError(f'{folder}: {len(missing)} photos of the list are not there, first: {one_line(min(missing))}')
    left_out, passed = Counter(dict.fromkeys(KNOWN_REASONS, 0)), []
    own = [_by_photo(source) for source in sources]
    for entry in listed:
        if len(numbers.get(entry.file_name, ())) != 1:
            left_out[UNKNOWN] += 1
            continue
        (number,) = numbers[entry.file_name]
        rows = [one.get(entry.image_id, np.empty(0, np.int64)) for one in own]
        boxes = [source[of_photo] for source, of_photo in zip(sources, rows, strict=True)]
        result = _find(number, boxes, rule)
        if isinstance(result, str):
            left_out[result] += 1
        else:
            passed.append((entry, result, number))
    return _without_duplicates(folder, passed, exclude, left_out)


def _by_photo(detections: Detections) -> dict[int, np.ndarray]:
    """Map each image id to the rows of its detections."""
    order = np.argsort(detections.image_ids, kind='stable')
    ids, starts = np.unique(detections.image_ids[order], return_index=True)
    return dict(zip(ids.tolist(), np.split(order, starts[1:]), strict=bool(ids.size)))


def _find(number: str, sources: Sequence[Detections], rule: KnownNumberRule) -> str | np.ndarray:
    """Return the mean boxes (D, 4) xyxy of a known number on one photo, or one of KNOWN_REASONS."""
    found, other = list[np.ndarray](), False
    for boxes in sources:
        xyxy = xywh_to_xyxy(boxes.bboxes)
        used = spell(xyxy, boxes.scores, boxes.labels, number, rule.min_score)
        if used is None:
            continue
        if others(xyxy, boxes.scores, used, rule.max_other).size:
            other = True
        else:
            found.append(xyxy[used])
    if not found:
        return OTHER if other else NOT_SPELLED
    if any((ious(found[0], one) <= MATCH_IOU).any() for one in found[1:]):
        return DIFFERENT
    return np.mean(found, axis=0)


def _without_duplicates(
    folder: str | os.PathLike,
    passed: Sequence[tuple[Photo, np.ndarray, str]],
    exclude: Sequence[str | os.PathLike],
    left_out: Counter[str],
) -> tuple[list[dict], Counter[str]]:
    """Leave out near-duplicates of the photos of `exclude`; clip the boxes to their photo."""
    known = scan_photos(
        [Path(other, photo.file_name) for other in exclude for photo in list_photos(other)], '--exclude'
    )
    scan = scan_photos([Path(folder, entry.file_name) for entry, _, _ in passed], folder)
    is_duplicate = nearest_duplicates(scan.signatures, known.signatures) >= 0
    left_out[DUPLICATE] = int(is_duplicate.sum())
    photos = []
    for i in np.flatnonzero(~is_duplicate):
        (image_id, file_name), xyxy, number = passed[i]
        size = scan.sizes[i]
        start = xyxy[:, :2].round(3).clip(0, size - 1)
        end = np.maximum(xyxy[:, 2:].round(3), start + 1).clip(max=size)  # at least 1 px wide and high
        photo = {'id': image_id, 'file_name': file_name, 'width': int(size[0]), 'height': int(size[1])}
        bboxes, labels = np.hstack([start, (end - start).round(3)]).tolist(), [int(digit) for digit in number]
        photos.append({**photo, 'bboxes': bboxes, 'labels': labels})
    return photos, left_out
