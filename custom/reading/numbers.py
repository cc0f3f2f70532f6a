"""From boxes, scores and digits to the number on a photo.

Of boxes that are doubles of one another, whatever their digits, the best is a place where a digit may be
(`find_candidates`). The places that pass the score threshold, and the rules that `ReaderConfig` sets, are read. Nothing
here needs a model: pred.json can be read again with other settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..structures.digits import DIGITS
from ..structures.geometry import ious, nms, pairs_of_a_group, xywh_to_xyxy
from .calibration import calibrated
from .rules import of_one_size, typical_height, use_boxes
from .settings import DEFAULTS, ReaderConfig

if TYPE_CHECKING:
    from ..structures.detections import Detections

NOISE = 0.05  # boxes that score less say nothing about the number
SAME_DIGIT_IOU = 0.6  # boxes that overlap by more are taken for sights of one digit, whatever they take it for


def find_candidates(
    bboxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou_thr: float, photos: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The places on each photo, and their scores.

    A blurred digit is a 3 to 0.4 and a 5 to 0.5: which it is may be doubtful, that there is one is not. So the score of
    a place is the mean of two: that of its best box, and the sum over the digits, each with its best box of NOISE or
    more there, at most 1. docs/accuracy.md has what that gains.

    Args:
        bboxes: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        iou_thr: of boxes of one photo whose IoU is above this only the best is a place.
        photos: (N,) the photo of each box, a number.

    Returns:
        (P,) int64, the index of the best box of each place, photo by photo, the best place of each first; and (P,) the
        scores of the places.

    Example:
        >>> boxes = np.array([[0, 0, 10, 20], [1, 0, 11, 20], [12, 0, 22, 20.0]])
        >>> places, scores = find_candidates(boxes, np.array([0.5, 0.4, 0.6]), np.array([5, 3, 1]), 0.3, np.zeros(3))
        >>> places.tolist(), scores.tolist()
        ([0, 2], [0.7, 0.6])
    """
    kept = nms(bboxes, scores, iou_thr, photos)
    own = scores[kept].clip(max=1)
    best = np.zeros((len(kept), len(DIGITS)))  # of each digit at each place, the best score
    told = np.flatnonzero(scores >= NOISE)
    box, place = pairs_of_a_group(photos[told], photos[kept])
    box = told[box]
    overlaps = ious(bboxes[box], bboxes[kept[place]])
    near = np.flatnonzero(overlaps > SAME_DIGIT_IOU)
    near = near[np.lexsort((-place[near], overlaps[near], box[near]))]
    near = near[np.diff(box[near], append=-1) != 0]  # of each box, the place of most overlap, of equal ones the best
    np.maximum.at(best, (place[near], labels[box[near]]), scores[box[near]])
    best[np.arange(len(kept)), labels[kept]] = own
    means = (own + best.sum(axis=1).clip(max=1)) / 2
    order = np.lexsort((-means, photos[kept]))
    return kept[order], means[order]


class Reading(NamedTuple):
    """The number read from one photo.

    Attributes:
        number: the digits in reading order, leading zeros kept; '' where none was found.
        confidence: how likely the answer is right, 0..1, calibrated where the config says so. Raw, it is the product of
            the scores of the boxes used, times 1 - score of the best box of every other place that the rules on size
            and gap would let join; where there is no number, that product over all places.
        used: (D,) int64, indices of the boxes used, in reading order.
    """

    number: str
    confidence: float
    used: np.ndarray


def _raw_confidence(bboxes: np.ndarray, scores: np.ndarray, used: np.ndarray, config: ReaderConfig) -> float:
    """See `Reading`; all places are of one photo."""
    others = np.ones(len(bboxes), dtype=bool)
    others[used] = False
    if not used.size:
        return float((1 - scores).prod())
    if others.any() and (config.size_ratio is not None or config.max_gap is not None):
        boxes, height = bboxes[used], typical_height(bboxes[used], scores[used])
        if config.size_ratio is not None:
            others &= of_one_size(bboxes, height, config.size_ratio)
        if config.max_gap is not None:
            gaps = np.maximum(boxes[:, :2].min(axis=0) - bboxes[:, 2:], bboxes[:, :2] - boxes[:, 2:].max(axis=0))
            others &= (gaps <= config.max_gap * height).all(axis=1)
    return float(scores[used].prod() * (1 - scores[others]).prod())


def _read_places(
    bboxes: np.ndarray, scores: np.ndarray, place_scores: np.ndarray, config: ReaderConfig
) -> tuple[np.ndarray, float]:
    """Indices of the places used, in reading order, and the raw confidence; all places are of one photo, best first."""
    count = next((n for thr in config.steps if (n := np.count_nonzero(place_scores >= thr))), 0)
    used = use_boxes(bboxes[:count], place_scores[:count], config)
    return used, _raw_confidence(bboxes, scores, used, config)


def _calibrate(readings: list[Reading], config: ReaderConfig) -> list[Reading]:
    raw = np.array([reading.confidence for reading in readings])
    sure = calibrated(raw, config.calibration) if config.calibration else raw
    empty = np.array([not reading.number for reading in readings], dtype=bool)
    final = np.where(empty, raw * config.empty_right, sure).tolist()
    return [reading._replace(confidence=value) for reading, value in zip(readings, final, strict=True)]


def _read(
    bboxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    photos: np.ndarray,
    wanted: list[int],
    config: ReaderConfig,
) -> list[Reading]:
    """The reading of each photo wanted; bboxes (N, 4) xyxy in pixels, the photo of each in `photos` (N,)."""
    seen = np.flatnonzero(scores >= min(NOISE, config.steps[-1]))
    places, place_scores = find_candidates(bboxes[seen], scores[seen], labels[seen], config.iou_thr, photos[seen])
    places = seen[places]
    bboxes, scores = bboxes[places], scores[places].clip(max=1)
    cuts = np.searchsorted(photos[places], wanted, 'left'), np.searchsorted(photos[places], wanted, 'right')
    readings = []
    for start, stop in zip(*(cut.tolist() for cut in cuts), strict=True):
        own = slice(start, stop)
        used, confidence = _read_places(bboxes[own], scores[own], place_scores[own], config)
        used = places[own][used]
        readings.append(Reading(''.join(map(str, labels[used].tolist())), confidence, used))
    return _calibrate(readings, config)


def read_number(
    bboxes_xyxy: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike,
    config: ReaderConfig = DEFAULTS,
) -> Reading:
    """Read the number on one photo.

    Args:
        bboxes_xyxy: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        config: thresholds and rules. Defaults to DEFAULTS, as ReaderConfig().

    Returns:
        The reading; its `used` points into the arrays given.

    Raises:
        ValueError: the three arrays do not describe the same N boxes, or a label is no digit.

    Example:
        >>> read_number([[9, 0, 15, 9], [2, 0, 8, 9]], [0.8, 0.5], [5, 0]).number
        '05'
    """
    bboxes = np.asarray(bboxes_xyxy, dtype=np.float64).reshape(-1, 4)
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if scores.shape != (len(bboxes),) or labels.shape != (len(bboxes),):
        raise ValueError(f'{len(bboxes)} boxes, scores of shape {scores.shape}, labels of shape {labels.shape}')
    if not np.isin(labels, range(len(DIGITS))).all():
        raise ValueError(f'labels {sorted(set(labels.tolist()))}: must be 0 to 9')
    return _read(bboxes, scores, labels, np.zeros(len(bboxes), dtype=np.int64), [0], config)[0]


def read_numbers(
    detections: Detections,
    image_ids: Iterable[int],
    config: ReaderConfig = DEFAULTS,
) -> dict[int, Reading]:
    """Read the number on every photo.

    Args:
        detections: the boxes of all photos, xywh in pixels, in any order.
        image_ids: the photos to read; those without a box get the number ''. Boxes of other photos are not read.
        config: thresholds and rules. Defaults to DEFAULTS, as ReaderConfig().

    Returns:
        image_id to reading, in the order of `image_ids`; `used` points into `detections`.
    """
    wanted = [int(image_id) for image_id in image_ids]
    xyxy = xywh_to_xyxy(detections.bboxes)
    readings = _read(xyxy, detections.scores, detections.labels, detections.image_ids, wanted, config)
    return dict(zip(wanted, readings, strict=True))
