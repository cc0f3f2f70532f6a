"""Search for a known number among the detections of a photo.

The known number is the check that score thresholds are without it. So low scores are enough: a digit may be a weak
second label at its place, and weak detections beside the number are dropped.
"""

import dataclasses
import math
from itertools import pairwise

import numpy as np

from ..structures.geometry import ious
from ..utils.validation import require_number

NOISE = 0.02  # boxes with a lower score are ignored
SAME_DIGIT_IOU = 0.6  # boxes with a higher IoU are detections of one digit, whatever their labels
OVERLAP = 0.5  # share of the smaller box that two neighbouring digits may have in common
SIZE_RATIO = 1.7  # largest ratio of the heights of neighbouring digits
MAX_GAP = 1.5  # largest gap between neighbouring digits, edge to edge, in heights: register wheels have frames
RISE = 0.8  # rise per run of a slanted number: 39 degrees


@dataclasses.dataclass(frozen=True)
class KnownNumberRule:
    """Score thresholds, 0..1; another value is a UserError."""

    min_score: float = 0.3  # lowest sum, over the labels, of the scores at the place of a digit
    max_other: float = 0.5  # highest score of a box that overlaps no digit of the number

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            require_number(name, value, 0, 1)


DEFAULT_RULE = KnownNumberRule()


def evidence(bboxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Sum, over the labels, the best score at the place of each box.

    Args:
        bboxes: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1.
        labels: (N,) the digit.

    Returns:
        (N,) the sums, at most 1.
    """
    near = ious(bboxes[:, None], bboxes[None]) > SAME_DIGIT_IOU
    best = [np.where(near & (labels == label), scores, 0).max(axis=1, initial=0) for label in np.unique(labels)]
    return np.minimum(np.sum(best, axis=0), 1) if best else np.zeros(len(bboxes))


def _follows(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (N, M) bool: box (M, 4) may be the digit to the right of box (N, 4), both xyxy."""
    left, right = left[:, None], right[None]
    heights = left[..., 3] - left[..., 1], right[..., 3] - right[..., 1]
    low, high = np.minimum(*heights), np.maximum(*heights)
    run, rise = ((right[..., :2] + right[..., 2:] - left[..., :2] - left[..., 2:]) / 2).transpose(2, 0, 1)
    sides = np.minimum(left[..., 2:], right[..., 2:]) - np.maximum(left[..., :2], right[..., :2])
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (left, right)]
    apart = sides.clip(0).prod(axis=-1) <= OVERLAP * np.minimum(*areas)
    in_line = np.abs(rise) <= np.maximum(RISE * run, low / 4)
    near = right[..., 0] - left[..., 2] <= MAX_GAP * high
    return (run > 0) & apart & in_line & near & (high <= SIZE_RATIO * low)


def spell(
    bboxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, number: str, min_score: float
) -> np.ndarray | None:
    """Find the boxes that show a number, from left to right, with the highest product of scores.

    Args:
        bboxes: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1.
        labels: (N,) the digit.
        number: at least one digit.
        min_score: lowest `evidence` of each box.

    Returns:
        (D,) their indices in reading order; None if the boxes do not show the number.

    Example:
        >>> boxes = np.array([[0, 0, 8, 12], [9, 0, 17, 12], [9, 0, 17, 12.0]])
        >>> spell(boxes, np.array([0.9, 0.7, 0.2]), np.array([4, 1, 7]), '47', 0.3).tolist()
        [0, 2]
    """
    strong = np.flatnonzero(scores >= NOISE)
    strong = strong[evidence(bboxes[strong], scores[strong], labels[strong]) >= min_score]
    places = [strong[labels[strong] == int(digit)] for digit in number]
    if not all(place.size for place in places):
        return None
    totals, came_from = np.log(scores[places[0]]), []
    for before, place in pairwise(places):
        ways = np.where(_follows(bboxes[before], bboxes[place]), totals[:, None], -math.inf)
        came_from.append(ways.argmax(axis=0))
        totals = ways.max(axis=0) + np.log(scores[place])
    if totals.max() == -math.inf:
        return None
    rows = [int(totals.argmax())]
    for back in reversed(came_from):
        rows.append(int(back[rows[-1]]))
    return np.array([place[row] for place, row in zip(places, reversed(rows), strict=True)])


def others(bboxes: np.ndarray, scores: np.ndarray, used: np.ndarray, max_other: float) -> np.ndarray:
    """Return the indices of the boxes above `max_other` that lie, by at least half, beside all boxes of `used`."""
    strong = np.setdiff1d(np.flatnonzero(scores > max_other), used)
    one, digit = bboxes[strong][:, None], bboxes[used][None]
    sides = np.minimum(one[..., 2:], digit[..., 2:]) - np.maximum(one[..., :2], digit[..., :2])
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (one, digit)]
    shares = sides.clip(0).prod(axis=-1) / np.maximum(np.minimum(*areas), np.finfo(float).tiny)
    return strong[shares.max(axis=1, initial=0) < OVERLAP]
