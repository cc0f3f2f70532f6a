"""Box geometry: conversion, order, NMS and IoU. Boxes are xyxy in pixels."""

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

STEEPEST = 0.8  # rise of a slanted line from a digit to the next one, in runs (39 degrees) or, if more, in heights


def xywh_to_xyxy(bboxes: np.ndarray) -> np.ndarray:
    """Convert boxes (N, 4) from xywh to xyxy."""
    return np.hstack([bboxes[:, :2], bboxes[:, :2] + bboxes[:, 2:]])


def around_turned(bbox: Sequence[float], degrees: float) -> list[float]:
    """Return the upright box, xywh in pixels, around a box that is turned about its centre."""
    x, y, w, h = bbox
    cos, sin = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    width, height = w * cos + h * sin, w * sin + h * cos
    return [x + (w - width) / 2, y + (h - height) / 2, width, height]


def left_to_right(lefts: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return indices (N,) that sort boxes by left edge, and by centre where left edges tie; inputs (N,) in pixels."""
    return np.lexsort((lefts + widths / 2, lefts))


def row_by_row(bboxes: np.ndarray, slanted: bool = True) -> np.ndarray:
    """Return indices (N,) that sort boxes (N, 4) xyxy by text row, top to bottom, and left to right within a row.

    Vertical neighbours are in two rows if they overlap by less than half the smaller height. The slant of a line
    is removed first, unless `slanted` is False.

    Example:
        >>> row_by_row(np.array([[9, 20, 15, 30], [0, 21, 6, 31], [5, 0, 11, 10.0]])).tolist()
        [2, 1, 0]
    """
    heights = bboxes[:, 3] - bboxes[:, 1]
    x, y = (bboxes[:, :2] + bboxes[:, 2:]).T / 2
    if slanted:
        y = y - _slant(x, y, heights) * x
    down = y.argsort(kind='stable')
    upper, lower = down[:-1], down[1:]
    halves = heights / 2
    smaller = np.minimum(heights[upper], heights[lower])
    overlap = (halves[upper] + halves[lower] - (y[lower] - y[upper])).clip(max=smaller)
    rows = np.zeros(len(bboxes), dtype=np.int64)
    rows[lower] = (overlap < smaller / 2).cumsum()
    return np.lexsort((x, bboxes[:, 0], rows))


def _slant(x: np.ndarray, y: np.ndarray, heights: np.ndarray) -> float:
    """Return the median rise per run from each centre to its nearest right neighbour within STEEPEST; 0 without any."""
    run, rise = x - x[:, None], y - y[:, None]
    near = (run > 0) & (abs(rise) <= STEEPEST * np.maximum(run, np.minimum(heights, heights[:, None])))
    distance = np.where(near, run * run + rise * rise, np.inf)
    nearest = distance.argmin(axis=1)
    slopes = [rise[i, j] / run[i, j] for i, j in enumerate(nearest.tolist()) if distance[i, j] < np.inf]
    return median(slopes) if slopes else 0.0


def nms(bboxes: np.ndarray, scores: np.ndarray, iou_thr: float, photos: np.ndarray | None = None) -> np.ndarray:
    """Apply greedy, class-agnostic NMS; return the indices (D,) int64 kept, photo by photo, best first.

    Args:
        bboxes: (N, 4) xyxy in pixels.
        scores: (N,); of equal scores the earlier box wins.
        iou_thr: a box is dropped if its IoU with a better, kept box of the same photo is above this.
        photos: (N,) the photo of each box, a number. Defaults to None, one photo.

    Example:
        >>> boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10.0]])
        >>> nms(boxes, np.array([0.6, 0.9, 0.7]), iou_thr=0.5).tolist()
        [1, 2]
    """
    if photos is None:
        photos = np.zeros(len(bboxes), dtype=np.int64)
    order = np.lexsort((-scores, photos))
    bboxes, photos = bboxes[order], photos[order]
    left_top, right_bottom = bboxes[:, :2], bboxes[:, 2:]
    areas = (right_bottom - left_top).clip(0).prod(axis=1)
    # `best` is the next box of each photo to suppress others, `waiting` are the candidates after it
    firsts = np.flatnonzero(_starts(photos))
    kept, waiting = [firsts], np.delete(np.arange(len(order)), firsts)
    while waiting.size:
        best = kept[-1][np.searchsorted(photos[kept[-1]], photos[waiting])]
        sides = np.minimum(right_bottom[best], right_bottom[waiting]) - np.maximum(left_top[best], left_top[waiting])
        overlap = sides.clip(0).prod(axis=1)
        # IoU > iou_thr without the division: boxes without area do not suppress one another
        waiting = waiting[overlap <= iou_thr * (areas[best] + areas[waiting] - overlap)]
        first = _starts(photos[waiting])
        kept.append(waiting[first])
        waiting = waiting[~first]
    return order[np.sort(np.concatenate(kept))]


def _starts(photos: np.ndarray) -> np.ndarray:
    return np.diff(photos, prepend=photos[:1] - 1) != 0  # (N,) bool: first box of its photo


def ious(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Compute the IoU of boxes (..., 4) and (..., 4) xyxy, with broadcasting; 0 if neither has an area.

    Example:
        >>> ious(np.array([0, 0, 4, 4]), np.array([[2, 0, 4, 4], [9, 9, 9, 9.0]])).tolist()
        [0.5, 0.0]
    """
    sides = np.minimum(some[..., 2:], others[..., 2:]) - np.maximum(some[..., :2], others[..., :2])
    overlap = sides.clip(0).prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).clip(0).prod(axis=-1) for boxes in (some, others)]
    return overlap / np.maximum(areas[0] + areas[1] - overlap, np.finfo(float).tiny)


def pairs_of_a_group(groups: np.ndarray, sorted_groups: np.ndarray) -> np.ndarray:
    """Return (2, P) indices of all pairs of equal numbers in `groups` and `sorted_groups`.

    Example:
        >>> pairs_of_a_group(np.array([7, 2]), np.array([2, 2, 5, 7])).tolist()
        [[0, 1, 1], [3, 0, 1]]
    """
    starts = np.searchsorted(sorted_groups, groups, 'left')
    counts = np.searchsorted(sorted_groups, groups, 'right') - starts
    one = np.repeat(np.arange(len(groups)), counts)
    return np.stack([one, np.arange(len(one)) + np.repeat(starts - np.cumsum(counts) + counts, counts)])
