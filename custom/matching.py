"""Which boxes are right, as pycocotools says, kept so that the photos can be weighed afterwards."""

from typing import NamedTuple

import numpy as np

from custom.annotations import DigitAnnotations
from custom.overlaps import IOUS, Overlaps, choose, find_overlaps
from custom.predictions import Detections

RECALLS = np.linspace(0, 1, 101)
ALL_AREAS = (0.0, 1e10)  # square pixels


class DigitMatches(NamedTuple):
    """The boxes of one digit, best score first.

    Attributes:
        label: the digit.
        photos: int64 (D,), the photo of each box, as an index.
        right: bool (10, D), at each IoU threshold: the box of a digit that no better box has found.
        ignored: bool (10, D), on a crowd box: neither right nor wrong.
        wanted: int64 (M,), true boxes of this digit on each photo.
        nth: int64 (D,), how many boxes of this digit on the photo score better.
    """

    label: int
    photos: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    wanted: np.ndarray
    nth: np.ndarray

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        """COCO's AP (R, 10) at each IoU threshold, of photos with weights (R, M); nan where no true box has weight.

        Precision has its peaks where a right box was found, so the curve is looked at there only.
        """
        wanted, hits = weights @ self.wanted, np.flatnonzero(self.right.any(axis=0))
        drawn = weights[:, self.photos[: hits[-1] + 1 if hits.size else 0]]
        seen, precisions = _sums_up_to(hits, drawn), np.zeros((len(weights), len(IOUS)))
        for i, (right, ignored) in enumerate(zip(self.right, self.ignored, strict=True)):
            counted = seen - _sums_up_to(hits, drawn * ignored[: drawn.shape[1]]) if ignored.any() else seen
            own = right[hits]
            found = np.cumsum(drawn[:, hits[own]], axis=1)
            precision = found / (counted[:, own] + np.spacing(1))
            peak = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            with np.errstate(invalid='ignore'):  # 0 / 0 where none is wanted
                recall = found / wanted[:, None]
            reached = np.searchsorted(RECALLS, recall, side='right')
            precisions[:, i] = (peak * np.diff(reached, axis=1, prepend=0)).sum(axis=1) / len(RECALLS)
        return np.where(wanted[:, None] > 0, precisions, np.nan)

    def recall(self, best: int) -> np.ndarray:
        """(10,) the share of the true boxes that the best so many boxes of each photo find, at each IoU threshold."""
        return np.count_nonzero(self.right[:, self.nth < best], axis=1) / self.wanted.sum()


def _sums_up_to(ends: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums (R, E) of values (R, D) from the first up to each of the rising indices `ends` (E,), that one included."""
    starts = np.append(0, ends + 1)[: len(ends)]
    return np.cumsum(np.add.reduceat(values, starts, axis=1), axis=1) if len(ends) else values[:, :0]


class Matches(NamedTuple):
    """The verdict on all boxes of M photos.

    Attributes:
        photos: M.
        boxes: how many were found.
        digits: those that have a true box.
    """

    photos: int
    boxes: int
    digits: list[DigitMatches]

    def figures(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """COCO's average precision for each row of weights (R, M), how often each photo counts.

        Returns:
            name to (R,): `AP`, `AP50`, `AP75` and `AP_0` … `AP_9`, see `custom.scoring.average_precision`.
        """
        by_digit = np.stack([digit.average_precision(weights) for digit in self.digits])  # (K, R, 10)
        present = ~np.isnan(by_digit)
        with np.errstate(invalid='ignore'):  # 0 / 0 where none is present: nan
            by_iou = np.where(present, by_digit, 0).sum(axis=0) / present.sum(axis=0)
        return {
            'AP': by_iou.mean(axis=1),
            'AP50': by_iou[:, 0],
            'AP75': by_iou[:, 5],
            **{f'AP_{d.label}': values.mean(axis=1) for d, values in zip(self.digits, by_digit, strict=True)},
        }


def match_boxes(detections: Detections, truth: DigitAnnotations) -> Matches:
    """Compare the boxes found with the true ones, as pycocotools does: all sizes, the best 100 boxes a photo and digit.

    Args:
        detections: the boxes found, xywh in pixels; those on photos that are not in `truth.image_ids` do not count.
        truth: the photos to score, with their digits. Weights of photos go by the order of `truth.image_ids`.

    Raises:
        UserError: the truth has no digit at all, so that there is nothing to score against.
    """
    return matches_of(find_overlaps(detections, truth), len(truth.image_ids), len(detections))


def matches_of(overlaps: Overlaps, photos: int, boxes: int, areas: tuple[float, float] = ALL_AREAS) -> Matches:
    """The verdict on boxes of some size: true ones of another one need not be found, and others found do not count.

    Args:
        overlaps: the boxes found beside the true ones.
        photos: how many there are.
        boxes: how many were found.
        areas: least and greatest area, square pixels. Defaults to ALL_AREAS, any.
    """
    wanted = _within(overlaps.true_areas, areas) & ~overlaps.crowd
    right, wasted = choose(overlaps, ~wanted)
    ignored = wasted | (~right & ~_within(overlaps.areas, areas))
    cuts, digits = np.searchsorted(overlaps.labels, np.arange(11)), []
    for label in np.unique(overlaps.true_labels[wanted]).tolist():
        part, own = slice(*cuts[label : label + 2]), wanted & (overlaps.true_labels == label)
        counts = np.bincount(overlaps.true_photos[own], minlength=photos)
        columns = overlaps.photos[part], right[:, part], ignored[:, part], counts, overlaps.nth[part]
        digits.append(DigitMatches(label, *columns))
    return Matches(photos, boxes, digits)


def _within(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (values >= limits[0]) & (values <= limits[1])
