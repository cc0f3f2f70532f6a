"""Crops around the number, scaled to a digit height.

After Najibi, Singh and Davis, "AutoFocus: Efficient Multi-Scale Inference", ICCV 2019. AutoFocus predicts the regions
by a network; here the boxes of the first views give them. A crop costs less than a view of the whole photo.
"""

from typing import NamedTuple

import numpy as np

from ..structures.resize import resize
from .numbers import read_number
from .rules import typical_height
from .settings import ReaderConfig

# Looser than a reader's settings: the crop includes digits with low scores.
FIRST = ReaderConfig(score_thr=0.2, fallback_thrs=(0.05,), max_gap=1.0, size_ratio=2.0)
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
    used = read_number(bboxes, scores, labels, FIRST).used
    if not used.size:
        return None
    digits, height = bboxes[used], typical_height(bboxes[used], scores[used])
    margin = np.array([BESIDE, ABOVE]) * height
    low = np.floor(digits[:, :2].min(axis=0) - margin).clip(0)
    high = np.minimum(np.ceil(digits[:, 2:].max(axis=0) + margin), size)
    if height < 1 or (high - low < 1).any():
        return None
    left, top, right, bottom = (int(side) for side in (*low, *high))
    return Region((left, top, right, bottom), height)


def scaled_crop(photo: np.ndarray, region: Region, digit_height: float) -> np.ndarray:
    """Resize the region of a photo (H, W, C), uint8, to digits of `digit_height` pixels.

    A region longer than LONGEST digit heights is scaled to that length instead.
    """
    left, top, right, bottom = region.xyxy
    sides = np.array([right - left, bottom - top])
    factor = min(digit_height / region.digit_height, LONGEST * digit_height / sides.max())
    width, height = (int(side) for side in np.maximum(np.round(sides * factor), 1))
    return resize(photo[top:bottom, left:right], width, height)
