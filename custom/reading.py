"""From boxes, scores and digits to the number on a photo.

The rule: boxes under a score threshold are left out, doubles are suppressed whatever their digit, and the rest is read
from left to right. Nothing here needs a model: pred.json can be read again with other thresholds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from custom.errors import UserError

if TYPE_CHECKING:
    from custom.submission import Detections


@dataclasses.dataclass(frozen=True)
class ReaderConfig:
    """How boxes become a number.

    Args:
        score_thr: a box is used when its score is at least this, 0..1. Defaults to 0.5.
        iou_thr: of two boxes whose IoU is above this, 0..1, only the better one is used. Defaults to 0.3.
            In 0.3 % of SVHN's training photos two digits overlap by more than that; one of them is then lost.

    Raises:
        UserError: a threshold is not a number from 0 to 1.
    """

    score_thr: float = 0.5
    iou_thr: float = 0.3

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
                raise UserError(f'{name}={value!r}: must be a number from 0 to 1')


class Reading(NamedTuple):
    """The number read from one photo.

    Attributes:
        number: the digits from left to right, leading zeros kept; '' where none was found.
        confidence: product of the scores used; 0.0 where none was found. First form, not calibrated.
        used: (D,) int64, indices of the boxes used, from left to right.
    """

    number: str
    confidence: float
    used: np.ndarray


def left_to_right(lefts: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Indices (N,) that sort boxes by left edge, and by centre where left edges tie; both inputs (N,) in pixels."""
    return np.lexsort((lefts + widths / 2, lefts))


def suppress_doubles(bboxes: np.ndarray, scores: np.ndarray, iou_thr: float) -> np.ndarray:
    """Greedy, class-agnostic non-maximum suppression.

    Args:
        bboxes: (N, 4) xyxy in pixels.
        scores: (N,); of equal scores the earlier box wins.
        iou_thr: a box is dropped when its IoU with a better, kept box is above this.

    Returns:
        (D,) int64, indices of the boxes kept, best first.

    Example:
        >>> boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10.0]])
        >>> suppress_doubles(boxes, np.array([0.6, 0.9, 0.7]), iou_thr=0.5).tolist()
        [1, 2]
    """
    left_top, right_bottom = bboxes[:, :2], bboxes[:, 2:]
    areas = (right_bottom - left_top).clip(0).prod(axis=1)
    waiting = np.argsort(-scores, kind='stable')
    kept = []
    while waiting.size:
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        sides = np.minimum(right_bottom[best], right_bottom[waiting]) - np.maximum(left_top[best], left_top[waiting])
        overlap = sides.clip(0).prod(axis=1)
        # IoU > iou_thr without the division: boxes of no area do not suppress one another
        waiting = waiting[overlap <= iou_thr * (areas[best] + areas[waiting] - overlap)]
    return np.array(kept, dtype=np.int64)


def read_number(
    bboxes_xyxy: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike,
    config: ReaderConfig = ReaderConfig(),
) -> Reading:
    """Read the number on one photo.

    Args:
        bboxes_xyxy: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        config: the thresholds. Defaults to ReaderConfig().

    Returns:
        The reading; its `used` points into the arrays given.

    Raises:
        ValueError: the three arrays do not describe the same N boxes.

    Example:
        >>> read_number([[9, 0, 15, 9], [2, 0, 8, 9]], [0.8, 0.5], [5, 0]).number
        '05'
    """
    bboxes = np.asarray(bboxes_xyxy, dtype=np.float64).reshape(-1, 4)
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if scores.shape != (len(bboxes),) or labels.shape != (len(bboxes),):
        raise ValueError(f'{len(bboxes)} boxes, scores of shape {scores.shape}, labels of shape {labels.shape}')
    above = np.flatnonzero(scores >= config.score_thr)
    if not above.size:
        return Reading('', 0.0, above)
    used = above[suppress_doubles(bboxes[above], scores[above], config.iou_thr)]
    used = used[left_to_right(bboxes[used, 0], bboxes[used, 2] - bboxes[used, 0])]
    return Reading(''.join(map(str, labels[used].tolist())), float(scores[used].prod()), used)


def read_numbers(
    detections: Detections,
    image_ids: Iterable[int],
    config: ReaderConfig = ReaderConfig(),
) -> dict[int, Reading]:
    """Read the number on every photo.

    Args:
        detections: the boxes of all photos, xywh in pixels, in any order.
        image_ids: the photos to read; those without a box get the number ''. Boxes of other photos are not read.
        config: the thresholds. Defaults to ReaderConfig().

    Returns:
        image_id to reading, in the order of `image_ids`; `used` points into `detections`.
    """
    above = np.flatnonzero(detections.scores >= config.score_thr)
    above = above[np.argsort(detections.image_ids[above], kind='stable')]
    found, starts = np.unique(detections.image_ids[above], return_index=True)
    rows_of = dict(zip(found.tolist(), np.split(above, starts[1:]), strict=False))  # split gives [[]] where none
    xyxy = np.hstack([detections.bboxes[:, :2], detections.bboxes[:, :2] + detections.bboxes[:, 2:]])
    readings = {}
    for image_id in map(int, image_ids):
        rows = rows_of.get(image_id, above[:0])
        reading = read_number(xyxy[rows], detections.scores[rows], detections.labels[rows], config)
        readings[image_id] = reading._replace(used=rows[reading.used])
    return readings
