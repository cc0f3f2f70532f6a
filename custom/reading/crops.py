"""Crops around the number, scaled to a digit height.

After Najibi, Singh and Davis, "AutoFocus: Efficient Multi-Scale Inference", ICCV 2019. AutoFocus predicts the regions
by a network; here the boxes of the first views give them. A crop costs less than a view of the whole photo.
"""

import math
from typing import NamedTuple

import numpy as np

from ..structures.resize import resize
from .numbers import find_candidates
from .rules import of_one_size, typical_height

# Looser than the rules of reading: the crop includes digits with low scores, and rows above and below.
SCORES = (0.2, 0.05)  # the second threshold applies where no candidate passes the first one
IOU, SIZE_RATIO, GAP = 0.3, 2.0, 1.0
BESIDE, ABOVE = 1.0, 0.7  # margins of the crop, in heights of its digits
LONGEST = 12  # longest side of a crop, in heights of a digit; hardly any number is longer


class Region(NamedTuple):
    """Part of a photo: xyxy in whole pixels, inside the photo, and the height of its digits in pixels."""

    xyxy: tuple[int, int, int, int]
    digit_height: float


def number_region(bboxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, size: tuple[int, int]) -> Region | None:
    """Find the region of the number, with a margin.

    Args:
        bboxes: (N, 4) xyxy in pixels, fused from the first views.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        size: width and height of the photo in pixels.

    Returns:
        None if no box scores 0.05, or those that do are less than a pixel high.

    Example:
        >>> boxes = np.array([[40, 20, 50, 40], [52, 20, 62, 40], [190, 20, 199, 40.0]])
        >>> number_region(boxes, np.array([0.9, 0.8, 0.1]), np.array([1, 2, 3]), (200, 60))
        Region(xyxy=(20, 6, 82, 54), digit_height=20.0)
    """
    rows, candidate_scores = find_candidates(bboxes, scores, labels, IOU, np.zeros(len(bboxes)))
    count = next(filter(None, (np.count_nonzero(candidate_scores >= threshold) for threshold in SCORES)), 0)
    if not count:
        return None
    height = typical_height(bboxes[rows[:count]], candidate_scores[:count])
    sized = of_one_size(bboxes[rows[:count]], height, SIZE_RATIO)
    used = rows[:count][sized][_best_group(bboxes[rows[:count][sized]], candidate_scores[:count][sized], GAP * height)]
    digits, height = bboxes[used], typical_height(bboxes[used], scores[used])
    margin = np.array([BESIDE, ABOVE]) * height
    low = np.floor(digits[:, :2].min(axis=0) - margin).clip(0)
    high = np.minimum(np.ceil(digits[:, 2:].max(axis=0) + margin), size)
    if height < 1 or (high - low < 1).any():
        return None
    left, top, right, bottom = (int(side) for side in (*low, *high))
    return Region((left, top, right, bottom), height)


def _best_group(bboxes: np.ndarray, scores: np.ndarray, max_gap: float) -> np.ndarray:
    """Return the indices of the group of neighbouring boxes (N, 4) xyxy with the best summed score.

    Groups are separated by more than `max_gap` pixels, edge to edge, horizontally or vertically.
    """
    kept, weights = list(range(len(bboxes))), scores.tolist()
    for axis in (0, 1):
        starts, ends = bboxes[:, axis].tolist(), bboxes[:, axis + 2].tolist()
        groups: list[list[int]] = []
        end = -math.inf
        for i in sorted(kept, key=starts.__getitem__):
            if starts[i] - end > max_gap:
                groups.append([])
            groups[-1].append(i)
            end = max(end, ends[i])
        kept = max(groups, key=lambda group: sum(weights[i] for i in group))
    return np.array(sorted(kept))


def scaled_crop(photo: np.ndarray, region: Region, digit_height: float) -> np.ndarray:
    """Resize the region of a photo (H, W, C), uint8, to digits of `digit_height` pixels.

    A region longer than LONGEST digit heights is scaled to that length instead.
    """
    left, top, right, bottom = region.xyxy
    sides = np.array([right - left, bottom - top])
    factor = min(digit_height / region.digit_height, LONGEST * digit_height / sides.max())
    width, height = (int(side) for side in np.maximum(np.round(sides * factor), 1))
    return resize(photo[top:bottom, left:right], width, height)
