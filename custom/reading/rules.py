"""Rules on size, gap and order that make a number of candidate digits."""

import math
from itertools import accumulate
from statistics import median

import numpy as np

from ..structures.geometry import left_to_right
from .settings import ReaderConfig

STEEPEST = 0.8  # rise per run of a slanted line of digits: 39 degrees


def typical_height(bboxes: np.ndarray, scores: np.ndarray) -> float:
    """Return the score-weighted median height, in pixels, of N >= 1 boxes (N, 4) xyxy; scores (N,)."""
    half = scores.sum() / 2
    heights = sorted(zip((bboxes[:, 3] - bboxes[:, 1]).tolist(), scores.tolist(), strict=True))
    weights = accumulate(score for _, score in heights)
    return next(height for (height, _), weight in zip(heights, weights, strict=True) if weight >= half)


def of_one_size(bboxes: np.ndarray, height: float, ratio: float) -> np.ndarray:
    """Return (N,) bool: the height of the box (N, 4) xyxy is within a factor `ratio` of `height`, in pixels."""
    heights = bboxes[:, 3] - bboxes[:, 1]
    return (heights <= height * ratio) & (heights * ratio >= height)


def best_group(bboxes: np.ndarray, scores: np.ndarray, max_gap: float) -> np.ndarray:
    """Find the group of neighbouring boxes with the best summed score.

    Args:
        bboxes: (N, 4) xyxy in pixels, N at least 1.
        scores: (N,).
        max_gap: groups are separated by more than this, edge to edge, horizontally or vertically; in pixels.

    Returns:
        (D,) their indices, ascending.

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
    """Return indices (N,) that sort boxes (N, 4) xyxy by text row, top to bottom, and left to right within a row.

    Vertical neighbours are in two rows if they overlap by less than half the smaller height. The slant of a line is
    removed first.

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
    """Return the median rise per run from each centre to its nearest right neighbour within STEEPEST; 0 without any."""
    run, rise = x - x[:, None], y - y[:, None]
    distance = np.where((run > 0) & (abs(rise) <= STEEPEST * run), run * run + rise * rise, np.inf)
    nearest = distance.argmin(axis=1)
    slopes = [rise[i, j] / run[i, j] for i, j in enumerate(nearest.tolist()) if distance[i, j] < np.inf]
    return median(slopes) if slopes else 0.0


def use_boxes(bboxes: np.ndarray, scores: np.ndarray, config: ReaderConfig) -> np.ndarray:
    """Apply the rules on size, gap and length, then sort.

    Args:
        bboxes: (N, 4) xyxy in pixels, best first, above the score threshold.
        scores: (N,).
        config: the rules; its thresholds are ignored.

    Returns:
        (D,) int64, indices of the boxes used, in reading order.
    """
    used: np.ndarray = np.arange(len(bboxes))
    if used.size < 2:
        return used
    if config.size_ratio is not None:
        used = used[of_one_size(bboxes, typical_height(bboxes, scores), config.size_ratio)]
    if config.max_gap is not None:
        used = used[best_group(bboxes[used], scores[used], config.max_gap * typical_height(bboxes, scores))]
    used = used[: config.max_digits]
    boxes = bboxes[used]
    by_row = config.layout == 'rows'
    return used[row_by_row(boxes) if by_row else left_to_right(boxes[:, 0], boxes[:, 2] - boxes[:, 0])]
