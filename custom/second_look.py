"""A second look at the number that a first one found: its part of the photo alone, as large as digits are read best.

Digits of a third of the photo's height and digits that fill it come out alike, and little is computed beside them. The
idea is AutoFocus (Najibi, Singh and Davis, "AutoFocus: Efficient Multi-Scale Inference", ICCV 2019); the part worth it
is where the boxes of the first look are here, not what a network says.
"""

from typing import NamedTuple

import cv2
import numpy as np

from custom.geometry import typical_height
from custom.reading import ReaderConfig, read_number

# More than a reader would use: a digit that was hardly seen, too, should get its second look.
FIRST = ReaderConfig(score_thr=0.2, fallback_thrs=(0.05,), max_gap=1.0, size_ratio=2.0)
BESIDE, ABOVE = 1.0, 0.7  # what is shown around the number, in heights of its digits
LONGEST = 12  # sides of what is looked at, in heights of a digit; a number is hardly longer


class Region(NamedTuple):
    """A part of a photo.

    Attributes:
        xyxy: whole pixels, inside the photo.
        digit_height: of the digits in it, in pixels.
    """

    xyxy: tuple[int, int, int, int]
    digit_height: float


def number_region(bboxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, size: tuple[int, int]) -> Region | None:
    """Where the number is, with room around it.

    Args:
        bboxes: (N, 4) xyxy in pixels, what the first look found.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        size: width and height of the photo in pixels.

    Returns:
        None where no box scores 0.05, or what does is flat.

    Example:
        >>> boxes = np.array([[40, 20, 50, 40], [52, 20, 62, 40], [190, 20, 199, 40.0]])
        >>> number_region(boxes, np.array([0.9, 0.8, 0.1]), np.array([1, 2, 3]), (200, 60))
        Region(xyxy=(20, 6, 82, 54), digit_height=20.0)
    """
    used = read_number(bboxes, scores, labels, FIRST).used
    if not used.size:
        return None
    digits = bboxes[used]
    height = typical_height(digits, scores[used])
    room = np.array([BESIDE, ABOVE]) * height
    low = np.floor(digits[:, :2].min(axis=0) - room).clip(0)
    high = np.minimum(np.ceil(digits[:, 2:].max(axis=0) + room), size)
    if height < 1 or (high - low < 1).any():
        return None
    left, top, right, bottom = (int(side) for side in (*low, *high))
    return Region((left, top, right, bottom), height)


def look_closer(photo: np.ndarray, region: Region, digit_height: float) -> np.ndarray:
    """The region of a photo (H, W, C) at the size at which its digits are `digit_height` pixels high.

    Where a region is longer than any number, it is smaller than that.
    """
    left, top, right, bottom = region.xyxy
    sides = np.array([right - left, bottom - top])
    factor = min(digit_height / region.digit_height, LONGEST * digit_height / sides.max())
    width, height = (int(side) for side in np.maximum(np.round(sides * factor), 1))
    return cv2.resize(photo[top:bottom, left:right], (width, height), interpolation=cv2.INTER_LINEAR)
