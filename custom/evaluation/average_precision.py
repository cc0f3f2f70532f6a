"""Which boxes are right, as pycocotools says, kept so that the photos can be weighed afterwards."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections
from ..structures.geometry import pairs_of_a_group
from ..utils.errors import UserError
from .bootstrap import point

IOUS = np.linspace(0.5, 0.95, 10)  # the thresholds: 0.50, 0.55 … 0.95
LEAST = np.minimum(IOUS, 1 - 1e-10)  # what pycocotools asks for
BEST = 100  # boxes of each photo and digit that count


class Overlaps(NamedTuple):
    """The boxes found, D of them, sorted by digit and then the best score first, beside the true ones, K of them.

    Attributes:
        photos: int64 (D,), the photo of each box, as an index into the truth's.
        labels: int64 (D,), the digit.
        areas: float64 (D,), square pixels.
        nth: int64 (D,), how many boxes of the same photo and digit score better.
        true_photos: int64 (K,), as an index into the truth's.
        true_labels: int64 (K,), the digit.
        true_areas: float64 (K,), square pixels.
        crowd: bool (K,), whether the box stands for several that scoring leaves out.
        pairs: int64 (2, P), indices of a box found and of a true one, of the same photo and digit, that overlap by at
            least the least threshold.
        ious: float64 (P,), by how much; of a crowd, the share of the box found that it covers.
    """

    photos: np.ndarray
    labels: np.ndarray
    areas: np.ndarray
    nth: np.ndarray
    true_photos: np.ndarray
    true_labels: np.ndarray
    true_areas: np.ndarray
    crowd: np.ndarray
    pairs: np.ndarray
    ious: np.ndarray


def find_overlaps(detections: Detections, truth: DigitAnnotations) -> Overlaps:
    """Set the boxes found beside the true ones; those on photos that are not in `truth.image_ids` do not count.

    Raises:
        UserError: the truth has no digit at all, so that there is nothing to score against.
    """
    if not np.any(~truth.iscrowd & np.isin(truth.box_image_ids, truth.image_ids)):
        raise UserError(f'the annotations of {len(truth.image_ids)} photos hold no digit; nothing to score against')
    by_id = np.argsort(truth.image_ids, kind='stable')
    known, places = _places(detections.image_ids, truth.image_ids[by_id])
    # Where scores tie the photo with the lower id goes first, and of one photo the box that is given first.
    order = np.lexsort((places, -detections.scores[known], detections.labels[known]))
    rows, places = known[order], places[order]
    groups = places * 10 + detections.labels[rows]
    nth = _nth(groups)
    counted = nth < BEST
    rows, places, groups, nth = rows[counted], places[counted], groups[counted], nth[counted]

    true_rows, true_places = _places(truth.box_image_ids, truth.image_ids[by_id])
    true_groups = true_places * 10 + truth.labels[true_rows]
    order = np.argsort(true_groups, kind='stable')
    true_rows, true_places, true_groups = true_rows[order], true_places[order], true_groups[order]

    bboxes, true, crowd = detections.bboxes[rows], truth.bboxes[true_rows], truth.iscrowd[true_rows]
    pairs = pairs_of_a_group(groups, true_groups)
    ious = _ious(bboxes[pairs[0]], true[pairs[1]], crowd[pairs[1]])
    near = ious >= LEAST[0]
    return Overlaps(
        photos=by_id[places],
        labels=detections.labels[rows],
        areas=bboxes[:, 2] * bboxes[:, 3],
        nth=nth,
        true_photos=by_id[true_places],
        true_labels=truth.labels[true_rows],
        true_areas=true[:, 2] * true[:, 3],
        crowd=crowd,
        pairs=pairs[:, near],
        ious=ious[near],
    )


def _places(image_ids: np.ndarray, sorted_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the image ids are among the sorted ones, and where they are there."""
    places = np.searchsorted(sorted_ids, image_ids).clip(max=len(sorted_ids) - 1)
    known = np.flatnonzero(sorted_ids[places] == image_ids)
    return known, places[known]


def _nth(groups: np.ndarray) -> np.ndarray:
    """How many elements before each one are of the same group."""
    order = np.argsort(groups, kind='stable')
    _, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    nth = np.empty(len(groups), dtype=np.int64)
    nth[order] = np.arange(len(groups)) - np.repeat(first, counts)
    return nth


def _ious(found: np.ndarray, true: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """(P,) of boxes (P, 4), xywh in pixels, computed in pycocotools' order, so that no last digit differs."""
    ends = np.minimum(found[:, 2:] + found[:, :2], true[:, 2:] + true[:, :2])
    sides = ends - np.maximum(found[:, :2], true[:, :2])
    overlap, area = sides[:, 0] * sides[:, 1], found[:, 2] * found[:, 3]
    union = np.where(crowd, area, area + true[:, 2] * true[:, 3] - overlap)
    return np.divide(overlap, union, out=np.zeros(len(overlap)), where=(sides > 0).all(axis=1))


def choose(overlaps: Overlaps, left_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At each threshold, let the boxes found choose true ones, the best scores first.

    A box takes the true one it overlaps most that none has taken yet; one that is left out only where there is no
    other. A crowd can be taken again and again.

    Args:
        overlaps: D boxes found beside K true ones.
        left_out: bool (K,), the true boxes that need not be found.

    Returns:
        right: bool (10, D), the box has found a true one that counts.
        wasted: bool (10, D), it has found one that is left out.
    """
    found, true = overlaps.pairs
    # Within a box found, the pair it likes best is the last one; steps come one after another.
    step = overlaps.nth[found]
    order = np.lexsort((true, overlaps.ious, ~left_out[true], found, step))
    found, true, step = found[order], true[order], step[order]
    enough = overlaps.ious[order] >= LEAST[:, None]  # (10, P)
    right, wasted = (np.zeros((len(IOUS), len(overlaps.labels)), dtype=bool) for _ in range(2))
    taken = np.zeros((len(IOUS), len(left_out)), dtype=bool)
    for start, stop in pairwise(np.flatnonzero(np.diff(step, prepend=-1, append=-1)).tolist()):
        firsts = np.flatnonzero(np.diff(found[start:stop], prepend=-1))
        free = enough[:, start:stop] & ~(taken[:, true[start:stop]] & ~overlaps.crowd[true[start:stop]])
        liked = np.maximum.reduceat(np.where(free, np.arange(start, stop), -1), firsts, axis=1)
        at, which = np.nonzero(liked >= 0)
        pair = liked[at, which]
        taken[at, true[pair]] = True
        right[at, found[pair]] = ~left_out[true[pair]]
        wasted[at, found[pair]] = left_out[true[pair]]
    return right, wasted


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
            name to (R,): `AP`, `AP50`, `AP75` and `AP_0` … `AP_9`, see `average_precision`.
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


def average_precision(detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
    """COCO's average precision as pycocotools has it, over all box sizes and the best 100 boxes a photo and digit.

    Args:
        detections: the boxes found, xywh in pixels; those on photos that are not in `truth.image_ids` do not count.
        truth: the photos to score, with their digits.

    Returns:
        `AP` (mean over IoU 0.50, 0.55 … 0.95), `AP50` and `AP75` (mean over the digits at that IoU) and `AP_0` … `AP_9`
        (one digit, mean over IoU), each from 0 to 1 and unrounded. A digit without a box in `truth` has no key.
        With nothing detected all of them are 0.

    Raises:
        UserError: the truth has no digit at all, so that there is nothing to score against.

    Example:
        >>> average_precision(read_pred_json('pred.json'), read_annotations('valid.json'))['AP50']  # doctest: +SKIP
        0.91
    """
    matches = match_boxes(detections, truth)
    return point(matches.figures, matches.photos)
