"""From boxes, scores and labels to the number on a photo.

Class-agnostic NMS leaves candidate digits (`find_candidates`). Candidates above the score threshold that pass the rules
of `ReaderConfig` form the number. No model is needed: pred.json can be read again with other settings.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..structures.detections import Detections
from ..structures.digits import DIGITS
from ..structures.geometry import ious, nms, pairs_of_a_group, xywh_to_xyxy
from .calibration import calibrated
from .rules import of_one_size, typical_height, use_boxes
from .settings import DEFAULTS, ReaderConfig

NOISE = 0.05  # boxes with a lower score are no evidence
SAME_DIGIT_IOU = 0.6  # boxes that overlap by more are detections of one digit, whatever their labels


def find_candidates(
    bboxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou_thr: float, photos: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the candidate digits of each photo and score them.

    A blurred digit may score 0.4 as 3 and 0.5 as 5: its class is uncertain, its presence is not. The score of a
    candidate is therefore the mean of the score of its best box and of the sum over the labels, at most 1. Each label
    adds its best box of NOISE or more there. docs/accuracy.md has the gain.

    Args:
        bboxes: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        iou_thr: for the NMS of the boxes of one photo.
        photos: (N,) the photo of each box, a number.

    Returns:
        (C,) int64 index of the best box of each candidate, photo by photo, best candidate first; (C,) their scores.

    Example:
        >>> boxes = np.array([[0, 0, 10, 20], [1, 0, 11, 20], [12, 0, 22, 20.0]])
        >>> indices, scores = find_candidates(boxes, np.array([0.5, 0.4, 0.6]), np.array([5, 3, 1]), 0.3, np.zeros(3))
        >>> indices.tolist(), scores.tolist()
        ([0, 2], [0.7, 0.6])
    """
    kept = nms(bboxes, scores, iou_thr, photos)
    own = scores[kept].clip(max=1)
    best = np.zeros((len(kept), len(DIGITS)))  # best score of each label at each candidate
    evidence = np.flatnonzero(scores >= NOISE)
    box, candidate = pairs_of_a_group(photos[evidence], photos[kept])
    box = evidence[box]
    overlaps = ious(bboxes[box], bboxes[kept[candidate]])
    near = np.flatnonzero(overlaps > SAME_DIGIT_IOU)
    near = near[np.lexsort((-candidate[near], overlaps[near], box[near]))]
    near = near[np.diff(box[near], append=-1) != 0]  # the candidate with the greatest overlap; of equal ones the best
    np.maximum.at(best, (candidate[near], labels[box[near]]), scores[box[near]])
    best[np.arange(len(kept)), labels[kept]] = own
    means = (own + best.sum(axis=1).clip(max=1)) / 2
    order = np.lexsort((-means, photos[kept]))
    return kept[order], means[order]


class Reading(NamedTuple):
    """Number read from one photo.

    Attributes:
        number: the digits in reading order, leading zeros kept; '' without any.
        confidence: probability that the answer is right, 0..1, calibrated if the config has a calibration. Raw: the
            product of the scores of the boxes used, times 1 - score of the best box of every other candidate that the
            rules on size and gap would accept. Without a number: that product over all candidates.
        used: (D,) int64, indices of the boxes used, in reading order.
    """

    number: str
    confidence: float
    used: np.ndarray


def _raw_confidence(bboxes: np.ndarray, scores: np.ndarray, used: np.ndarray, config: ReaderConfig) -> float:
    """Compute the raw confidence, see `Reading`, from the candidates of one photo."""
    others = np.ones(len(bboxes), dtype=bool)
    others[used] = False
    if not used.size:
        return float((1 - scores).prod())
    boxes = bboxes[used]
    if others.any() and config.size_ratio is not None:
        others &= of_one_size(bboxes, typical_height(boxes, scores[used]), config.size_ratio)
    if others.any() and config.max_gap is not None:
        gaps = np.maximum(boxes[:, :2].min(axis=0) - bboxes[:, 2:], bboxes[:, :2] - boxes[:, 2:].max(axis=0))
        others &= (gaps <= config.max_gap * typical_height(boxes, scores[used])).all(axis=1)
    return float(scores[used].prod() * (1 - scores[others]).prod())


def _read(
    bboxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, photos: np.ndarray, ids: list[int], config: ReaderConfig
) -> list[Reading]:
    """Read each photo of `ids`; bboxes (N, 4) xyxy in pixels, the photo of each in `photos` (N,)."""
    kept = np.flatnonzero(scores >= min(NOISE, config.steps[-1]))
    rows, candidate_scores = find_candidates(bboxes[kept], scores[kept], labels[kept], config.iou_thr, photos[kept])
    rows = kept[rows]
    bboxes, scores = bboxes[rows], scores[rows].clip(max=1)
    starts, stops = (np.searchsorted(photos[rows], ids, side).tolist() for side in ('left', 'right'))
    numbers, raw, used_rows = list[str](), list[float](), list[np.ndarray]()
    for own in map(slice, starts, stops):
        passing = (np.count_nonzero(candidate_scores[own] >= threshold) for threshold in config.steps)
        count = next(filter(None, passing), 0)
        used = use_boxes(bboxes[own][:count], candidate_scores[own][:count], config)
        raw.append(_raw_confidence(bboxes[own], scores[own], used, config))
        used_rows.append(rows[own][used])
        numbers.append(''.join(map(str, labels[used_rows[-1]].tolist())))
    confidences = calibrated(raw, config.calibration) if config.calibration else np.array(raw)
    empty = np.array([not number for number in numbers], dtype=bool)
    confidences = np.where(empty, np.array(raw) * config.empty_right, confidences)
    return list(map(Reading, numbers, confidences.tolist(), used_rows))


def read_number(
    bboxes_xyxy: ArrayLike, scores: ArrayLike, labels: ArrayLike, config: ReaderConfig = DEFAULTS
) -> Reading:
    """Read the number on one photo; `used` indexes the arrays given.

    Args:
        bboxes_xyxy: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        config: thresholds and rules. Defaults to DEFAULTS, as ReaderConfig().

    Raises:
        ValueError: the lengths of the arrays differ, or a label is no digit.

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
    detections: Detections, image_ids: Iterable[int], config: ReaderConfig = DEFAULTS
) -> dict[int, Reading]:
    """Read the number on every photo; return image_id to reading, whose `used` indexes `detections`.

    Args:
        detections: the boxes of all photos, xywh in pixels, in any order.
        image_ids: the photos to read; the number of one without a box is ''. Boxes of other photos are ignored.
        config: thresholds and rules. Defaults to DEFAULTS, as ReaderConfig().
    """
    ids, xyxy = list(map(int, image_ids)), xywh_to_xyxy(detections.bboxes)
    readings = _read(xyxy, detections.scores, detections.labels, detections.image_ids, ids, config)
    return dict(zip(ids, readings, strict=True))
