"""Boxes on one photo: doubles, sizes, gaps, rows and reading order. All boxes are xyxy in pixels."""

import math
from itertools import accumulate
from statistics import median

import numpy as np

STEEPEST = 0.8  # rise per run of a slanted line of digits: 39 degrees


def xywh_to_xyxy(bboxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) xywh as (N, 4) xyxy.

    Example:
        >>> xywh_to_xyxy(np.array([[2, 3, 10, 20]])).tolist()
        [[2, 3, 12, 23]]
    """
    return np.hstack([bboxes[:, :2], bboxes[:, :2] + bboxes[:, 2:]])


def left_to_right(lefts: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Indices (N,) that sort boxes by left edge, and by centre where left edges tie; both inputs (N,) in pixels."""
    return np.lexsort((lefts + widths / 2, lefts))


def suppress_doubles(
    bboxes: np.ndarray, scores: np.ndarray, iou_thr: float, photos: np.ndarray | None = None
) -> np.ndarray:
    """Greedy, class-agnostic non-maximum suppression.

    Args:
        bboxes: (N, 4) xyxy in pixels.
        scores: (N,); of equal scores the earlier box wins.
        iou_thr: a box is dropped when its IoU with a better, kept box of the same photo is above this.
        photos: (N,) the photo of each box, a number. Defaults to None, all are of one.

    Returns:
        (D,) int64, indices of the boxes kept, photo by photo, each best first.

    Example:
        >>> boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10.0]])
        >>> suppress_doubles(boxes, np.array([0.6, 0.9, 0.7]), iou_thr=0.5).tolist()
        [1, 2]
    """
    if photos is None:
        photos = np.zeros(len(bboxes), dtype=np.int64)
    order = np.lexsort((-scores, photos))
    bboxes, photos = bboxes[order], photos[order]
    left_top, right_bottom = bboxes[:, :2], bboxes[:, 2:]
    areas = (right_bottom - left_top).clip(0).prod(axis=1)
    # `best` is the box of each photo that suppresses next, `waiting` are all that come after it and still stand
    firsts = np.flatnonzero(_starts(photos))
    kept, waiting = [firsts], np.delete(np.arange(len(order)), firsts)
    while waiting.size:
        best = kept[-1][np.searchsorted(photos[kept[-1]], photos[waiting])]
        sides = np.minimum(right_bottom[best], right_bottom[waiting]) - np.maximum(left_top[best], left_top[waiting])
        overlap = sides.clip(0).prod(axis=1)
        # IoU > iou_thr without the division: boxes of no area do not suppress one another
        waiting = waiting[overlap <= iou_thr * (areas[best] + areas[waiting] - overlap)]
        first = _starts(photos[waiting])
        kept.append(waiting[first])
        waiting = waiting[~first]
    return order[np.sort(np.concatenate(kept))]


def _starts(photos: np.ndarray) -> np.ndarray:
    return np.diff(photos, prepend=photos[:1] - 1) != 0  # whether a box is the first one of its photo


def ious(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU of boxes (..., 4) and (..., 4) xyxy, which are broadcast; 0 where neither has an area.

    Example:
        >>> ious(np.array([0, 0, 4, 4]), np.array([[2, 0, 4, 4], [9, 9, 9, 9.0]])).tolist()
        [0.5, 0.0]
    """
    sides = np.minimum(some[..., 2:], others[..., 2:]) - np.maximum(some[..., :2], others[..., :2])
    overlap = sides.clip(0).prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).clip(0).prod(axis=-1) for boxes in (some, others)]
    return overlap / np.maximum(areas[0] + areas[1] - overlap, np.finfo(float).tiny)


def pairs_of_a_group(groups: np.ndarray, sorted_groups: np.ndarray) -> np.ndarray:
    """(2, P) indices of every element of `groups` and every one of `sorted_groups` that is the same number.

    Example:
        >>> pairs_of_a_group(np.array([7, 2]), np.array([2, 2, 5, 7])).tolist()
        [[0, 1, 1], [3, 0, 1]]
    """
    starts = np.searchsorted(sorted_groups, groups, 'left')
    counts = np.searchsorted(sorted_groups, groups, 'right') - starts
    one = np.repeat(np.arange(len(groups)), counts)
    return np.stack([one, np.arange(len(one)) + np.repeat(starts - np.cumsum(counts) + counts, counts)])


def typical_height(bboxes: np.ndarray, scores: np.ndarray) -> float:
    """Score-weighted median height, in pixels, of at least one box; bboxes (N, 4) xyxy, scores (N,)."""
    half = scores.sum() / 2
    heights = sorted(zip((bboxes[:, 3] - bboxes[:, 1]).tolist(), scores.tolist(), strict=True))
    weights = accumulate(score for _, score in heights)
    return next(height for (height, _), weight in zip(heights, weights, strict=True) if weight >= half)


def of_one_size(bboxes: np.ndarray, height: float, ratio: float) -> np.ndarray:
    """(N,) bool: whether the height of a box is within a factor `ratio` of `height`, in pixels."""
    heights = bboxes[:, 3] - bboxes[:, 1]
    return (heights <= height * ratio) & (heights * ratio >= height)


def best_group(bboxes: np.ndarray, scores: np.ndarray, max_gap: float) -> np.ndarray:
    """The boxes that stand together with the best summed score.

    Args:
        bboxes: (N, 4) xyxy in pixels, N at least 1.
        scores: (N,).
        max_gap: boxes are apart where the gap between them, edge to edge, across or down, is above this; in pixels.

    Returns:
        (D,) their indices, in rising order.

    Example:
        >>> boxes = np.array([[0, 0, 6, 10], [8, 0, 14, 10], [40, 0, 46, 10.0]])
        >>> best_group(boxes, np.array([0.5, 0.6, 0.9]), max_gap=10).tolist()
        [0, 1]
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


def row_by_row(bboxes: np.ndarray) -> np.ndarray:
    """Indices (N,) that sort boxes (N, 4) by text row from top to bottom, and from left to right within a row.

    Two boxes, one under the other, are of two rows when they overlap by less than half the smaller height; a slanted
    line is straightened first.

    Example:
        >>> row_by_row(np.array([[9, 20, 15, 30], [0, 21, 6, 31], [5, 0, 11, 10.0]])).tolist()
        [2, 1, 0]
    """
    heights = bboxes[:, 3] - bboxes[:, 1]
    x, y = (bboxes[:, :2] + bboxes[:, 2:]).T / 2
    y = y - _slant(x, y) * x
    down = y.argsort(kind='stable')
    upper, lower = down[:-1], down[1:]
    halves = heights / 2
    smaller = np.minimum(heights[upper], heights[lower])
    overlap = (halves[upper] + halves[lower] - (y[lower] - y[upper])).clip(max=smaller)
    rows = np.zeros(len(bboxes), dtype=np.int64)
    rows[lower] = (overlap < smaller / 2).cumsum()
    return np.lexsort((x, bboxes[:, 0], rows))


def _slant(x: np.ndarray, y: np.ndarray) -> float:
    """Median rise per run from each centre to the nearest one on its right that is not too steep; 0 without any."""
    run, rise = x - x[:, None], y - y[:, None]
    distance = np.where((run > 0) & (abs(rise) <= STEEPEST * run), run * run + rise * rise, np.inf)
    nearest = distance.argmin(axis=1)
    slopes = [rise[i, j] / run[i, j] for i, j in enumerate(nearest.tolist()) if distance[i, j] < np.inf]
    return median(slopes) if slopes else 0.0
