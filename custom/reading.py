"""From boxes, scores and digits to the number on a photo.

Of boxes that are doubles of one another, whatever their digits, the best is a place where a digit may be
(`custom.places`). The places that pass the score threshold, and the rules that `ReaderConfig` sets, are read. Nothing
here needs a model: pred.json can be read again with other settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from custom.calibration import calibrated
from custom.digits import DIGITS
from custom.geometry import best_group, left_to_right, of_one_size, row_by_row, typical_height, xywh_to_xyxy
from custom.places import NOISE, find_places
from custom.reader_config import DEFAULTS, ReaderConfig

if TYPE_CHECKING:
    from custom.predictions import Detections


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


def use_boxes(bboxes: np.ndarray, scores: np.ndarray, config: ReaderConfig) -> np.ndarray:
    """Apply the rules on size, gap and length, and the order of reading, to boxes that the thresholds let pass.

    Args:
        bboxes: (N, 4) xyxy in pixels, best first.
        scores: (N,).
        config: the rules; its thresholds are not looked at.

    Returns:
        (D,) int64, indices of the boxes used, in reading order.
    """
    used: np.ndarray = np.arange(len(bboxes))
    if used.size > 1:
        if config.size_ratio is not None or config.max_gap is not None:
            height = typical_height(bboxes, scores)
            if config.size_ratio is not None:
                used = used[of_one_size(bboxes, height, config.size_ratio)]
            if config.max_gap is not None:
                used = used[best_group(bboxes[used], scores[used], config.max_gap * height)]
        used = used[: config.max_digits]
        boxes = bboxes[used]
        by_row = config.layout == 'rows'
        used = used[row_by_row(boxes) if by_row else left_to_right(boxes[:, 0], boxes[:, 2] - boxes[:, 0])]
    return used


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
    places, place_scores = find_places(bboxes[seen], scores[seen], labels[seen], config.iou_thr, photos[seen])
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
