"""Regions of a photo that may hold a number, and crops of them, scaled to a digit height.

After Najibi, Singh and Davis, "AutoFocus: Efficient Multi-Scale Inference", ICCV 2019. AutoFocus predicts the regions
by a network; here the boxes of the first views give them. A crop costs less than a view of the whole photo.
"""

from typing import NamedTuple

import numpy as np

from ..structures.geometry import nms
from ..structures.resize import fit
from .rules import typical_height

LEAST, CLEAR = 0.1, 0.2  # scores of boxes that count, and of those that a region should not lack
IOU = 0.3  # of the class-agnostic NMS
GAP, SIZE_RATIO = 1.0, 2.0  # neighbours: gap in heights, edge to edge, and ratio of the heights; looser than a reader's
BESIDE, ABOVE = 1.0, 0.7  # margins of a crop, in heights of its digits
SAME_SIZE = 1.6  # ratio of digit heights up to which one crop serves two regions
LONGEST = 12  # longest side of a crop, in heights of a digit; hardly any number is longer


class Region(NamedTuple):
    """Neighbouring boxes of similar height.

    Attributes:
        xyxy: box around them, in pixels of the photo.
        digit_height: score-weighted median height in pixels.
        least_score: lowest score of those that score CLEAR; 0 if none does.
        digits: number of those that score CLEAR.
    """

    xyxy: tuple[float, float, float, float]
    digit_height: float
    least_score: float
    digits: int

    def with_margin(self, beside: float = BESIDE) -> tuple[float, float, float, float]:
        """Return xyxy with margins of `beside` and ABOVE digit heights, perhaps beyond the photo."""
        left, top, right, bottom = self.xyxy
        x, y = beside * self.digit_height, ABOVE * self.digit_height
        return left - x, top - y, right + x, bottom + y


def find_regions(bboxes: np.ndarray, scores: np.ndarray, most: int) -> list[Region]:
    """Find the regions that may hold a number.

    Boxes that are neighbours, directly or by others, form a region. A region's score is the sum of its boxes' squared
    scores. A region of about the same digit height in the middle of a better one's crop is left out.

    Args:
        bboxes: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1; boxes below LEAST do not count.
        most: number of regions.

    Returns:
        The regions, best first.

    Example:
        >>> boxes = np.array([[40, 20, 50, 40], [52, 20, 62, 40], [190, 20, 199, 40.0]])
        >>> for region in find_regions(boxes, np.array([0.9, 0.8, 0.15]), 4):
        ...     print(region.xyxy, region.digit_height, region.least_score, region.digits)
        (40.0, 20.0, 62.0, 40.0) 20.0 0.8 2
        (190.0, 20.0, 199.0, 40.0) 20.0 0.0 0
    """
    counted = np.flatnonzero((scores >= LEAST) & (bboxes[:, 3] > bboxes[:, 1]))
    kept = counted[nms(bboxes[counted], scores[counted], IOU)] if counted.size else counted
    bboxes, scores = bboxes[kept], scores[kept]
    groups = _neighbours(bboxes)
    totals = np.bincount(groups, scores**2, len(scores))
    regions: list[Region] = []
    for group in np.argsort(-totals, kind='stable')[: np.count_nonzero(totals)].tolist():
        own, own_scores = bboxes[groups == group], scores[groups == group]
        clear = own_scores[own_scores >= CLEAR]
        around = *own[:, :2].min(axis=0).tolist(), *own[:, 2:].max(axis=0).tolist()
        least = float(clear.min()) if clear.size else 0.0
        region = Region(around, typical_height(own, own_scores), least, len(clear))
        if not any(_serves(better, region) for better in regions):
            regions.append(region)
        if len(regions) == most:
            break
    return regions


def _neighbours(bboxes: np.ndarray) -> np.ndarray:
    """Return (N,) int64, the group of each box (N, 4) xyxy: the index of its first box."""
    heights = bboxes[:, 3] - bboxes[:, 1]
    starts, ends = bboxes[:, None, :2], bboxes[:, None, 2:]
    gaps = (np.maximum(starts, starts.swapaxes(0, 1)) - np.minimum(ends, ends.swapaxes(0, 1))).max(axis=-1)
    one, other = heights[:, None], heights
    near = (gaps <= GAP * np.sqrt(one * other)) & (np.maximum(one, other) <= SIZE_RATIO * np.minimum(one, other))
    groups = np.arange(len(bboxes))
    while True:
        least = np.where(near, groups, len(groups)).min(axis=1, initial=len(groups))
        if (least == groups).all():
            return groups
        groups = least


def _serves(better: Region, region: Region) -> bool:
    left, top, right, bottom = better.with_margin()
    x, y = (region.xyxy[0] + region.xyxy[2]) / 2, (region.xyxy[1] + region.xyxy[3]) / 2
    ratio = region.digit_height / better.digit_height
    return left <= x <= right and top <= y <= bottom and 1 / SAME_SIZE <= ratio <= SAME_SIZE


def scaled_crop(
    photo: np.ndarray, xyxy: tuple[int, int, int, int], digit_height: float, wanted_height: float
) -> np.ndarray:
    """Resize a part of a photo (H, W, 3), uint8, so that digits of `digit_height` pixels get `wanted_height` pixels.

    A part longer than LONGEST digit heights is scaled to that length instead.
    """
    left, top, right, bottom = xyxy
    sides = np.array([right - left, bottom - top])
    factor = min(wanted_height / digit_height, LONGEST * wanted_height / sides.max())
    width, height = (int(side) for side in np.maximum(np.round(sides * factor), 1))
    return fit(photo[top:bottom, left:right], width, height)
