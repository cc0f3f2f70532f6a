"""Places where a digit may be: what is read of boxes that overlap, whatever their digits."""

import numpy as np

from custom.digits import DIGITS
from custom.geometry import ious, pairs_of_a_group, suppress_doubles

NOISE = 0.05  # boxes that score less say nothing about the number
SAME_DIGIT_IOU = 0.6  # boxes that overlap by more are taken for sights of one digit, whatever they take it for


def find_places(
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
        >>> places, scores = find_places(boxes, np.array([0.5, 0.4, 0.6]), np.array([5, 3, 1]), 0.3, np.zeros(3))
        >>> places.tolist(), scores.tolist()
        ([0, 2], [0.7, 0.6])
    """
    kept = suppress_doubles(bboxes, scores, iou_thr, photos)
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
