"""COCO average precision with a weight per photo, equal to pycocotools' to 1e-12."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections
from ..structures.geometry import pairs_of_a_group
from ..utils.errors import UserError
from ..utils.estimates import Estimate
from .bootstrap import affordable_resamples, estimates, point

IOUS = np.linspace(0.5, 0.95, 10)  # the thresholds: 0.50, 0.55 … 0.95
LEAST = np.minimum(IOUS, 1 - 1e-10)  # pycocotools' lower limits
RECALLS = np.linspace(0, 1, 101)
BEST = 100  # scored boxes per photo and digit
ALL_AREAS = (0.0, 1e10)  # square pixels


class Overlaps(NamedTuple):
    """D detections, sorted by digit and then by falling score, and K ground-truth boxes."""

    photos: np.ndarray  # int64 (D,), index of each detection's photo among the truth's
    labels: np.ndarray  # int64 (D,), the digit
    scores: np.ndarray  # float64 (D,), from 0 to 1
    areas: np.ndarray  # float64 (D,), square pixels
    rank: np.ndarray  # int64 (D,), number of better-scored boxes of the same photo and digit
    gt_photos: np.ndarray  # int64 (K,), index of each ground-truth box's photo
    gt_labels: np.ndarray  # int64 (K,), the digit
    gt_areas: np.ndarray  # float64 (K,), square pixels
    crowd: np.ndarray  # bool (K,), crowd regions, which scoring ignores
    pairs: np.ndarray  # int64 (2, P), detection and ground-truth box, of one photo and digit, of IoU 0.5 or more
    ious: np.ndarray  # float64 (P,), their IoU; for a crowd, the covered share of the detection


def find_overlaps(detections: Detections, truth: DigitAnnotations) -> Overlaps:
    """Compute the IoU of detections and ground truth; detections on other photos than `truth.image_ids` are dropped.

    Raises:
        UserError: the truth has no digit.
    """
    if not np.any(~truth.iscrowd & np.isin(truth.box_image_ids, truth.image_ids)):
        raise UserError(f'the annotations of {len(truth.image_ids)} photos hold no digit; nothing to score against')
    by_id = np.argsort(truth.image_ids, kind='stable')
    known, photos = _find_ids(detections.image_ids, truth.image_ids[by_id])
    # Ties in score are broken by the lower photo id, then by the order of the detections.
    order = np.lexsort((photos, -detections.scores[known], detections.labels[known]))
    rows, photos = known[order], photos[order]
    groups = photos * 10 + detections.labels[rows]
    rank = _ranks(groups)
    rows, photos, groups, rank = (column[rank < BEST] for column in (rows, photos, groups, rank))

    gt_rows, gt_photos = _find_ids(truth.box_image_ids, truth.image_ids[by_id])
    gt_groups = gt_photos * 10 + truth.labels[gt_rows]
    order = np.argsort(gt_groups, kind='stable')
    gt_rows, gt_photos, gt_groups = gt_rows[order], gt_photos[order], gt_groups[order]

    bboxes, gt_bboxes, crowd = detections.bboxes[rows], truth.bboxes[gt_rows], truth.iscrowd[gt_rows]
    pairs = pairs_of_a_group(groups, gt_groups)
    ious = _ious(bboxes[pairs[0]], gt_bboxes[pairs[1]], crowd[pairs[1]])
    near = ious >= LEAST[0]
    return Overlaps(
        photos=by_id[photos],
        labels=detections.labels[rows],
        scores=detections.scores[rows],
        areas=bboxes[:, 2] * bboxes[:, 3],
        rank=rank,
        gt_photos=by_id[gt_photos],
        gt_labels=truth.labels[gt_rows],
        gt_areas=gt_bboxes[:, 2] * gt_bboxes[:, 3],
        crowd=crowd,
        pairs=pairs[:, near],
        ious=ious[near],
    )


def _find_ids(image_ids: np.ndarray, sorted_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of `image_ids` that are in `sorted_ids`, and their indices there."""
    indices = np.searchsorted(sorted_ids, image_ids).clip(max=len(sorted_ids) - 1)
    known = np.flatnonzero(sorted_ids[indices] == image_ids)
    return known, indices[known]


def _ranks(groups: np.ndarray) -> np.ndarray:
    """Count the earlier elements of the same group, for each element."""
    order = np.argsort(groups, kind='stable')
    ranks = np.empty(len(groups), dtype=np.int64)
    ranks[order] = np.arange(len(groups)) - np.searchsorted(groups[order], groups[order])
    return ranks


def _ious(bboxes: np.ndarray, gt_bboxes: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Compute (P,) IoU of boxes (P, 4), xywh in pixels, in pycocotools' order of operations, equal to the last bit."""
    ends = np.minimum(bboxes[:, 2:] + bboxes[:, :2], gt_bboxes[:, 2:] + gt_bboxes[:, :2])
    sides = ends - np.maximum(bboxes[:, :2], gt_bboxes[:, :2])
    overlap, area = sides[:, 0] * sides[:, 1], bboxes[:, 2] * bboxes[:, 3]
    union = np.where(crowd, area, area + gt_bboxes[:, 2] * gt_bboxes[:, 3] - overlap)
    return np.divide(overlap, union, out=np.zeros(len(overlap)), where=(sides > 0).all(axis=1))


def match_greedily(overlaps: Overlaps, left_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match detections to ground truth at each threshold, by falling score, as pycocotools does.

    A detection takes the free ground-truth box of the highest IoU. A left-out box is taken only where no other one is
    free. A crowd can be taken repeatedly.

    Args:
        overlaps: D detections and K ground-truth boxes.
        left_out: bool (K,), ground-truth boxes that do not count.

    Returns:
        right: bool (10, D), detections matched to a box that counts.
        wasted: bool (10, D), detections matched to a left-out box.
    """
    rows, gt = overlaps.pairs
    # The pairs of a detection are sorted by preference, the best one last. Ranks follow one another.
    rank = overlaps.rank[rows]
    order = np.lexsort((gt, overlaps.ious, ~left_out[gt], rows, rank))
    rows, gt, rank = rows[order], gt[order], rank[order]
    enough = overlaps.ious[order] >= LEAST[:, None]  # (10, P)
    right, wasted = (np.zeros((len(IOUS), len(overlaps.labels)), dtype=bool) for _ in range(2))
    taken = np.zeros((len(IOUS), len(left_out)), dtype=bool)
    for start, stop in pairwise(np.flatnonzero(np.diff(rank, prepend=-1, append=-1)).tolist()):
        firsts = np.flatnonzero(np.diff(rows[start:stop], prepend=-1))
        free = enough[:, start:stop] & ~(taken[:, gt[start:stop]] & ~overlaps.crowd[gt[start:stop]])
        best = np.maximum.reduceat(np.where(free, np.arange(start, stop), -1), firsts, axis=1)
        at, which = np.nonzero(best >= 0)
        pair = best[at, which]
        taken[at, gt[pair]] = True
        right[at, rows[pair]] = ~left_out[gt[pair]]
        wasted[at, rows[pair]] = left_out[gt[pair]]
    return right, wasted


class DigitMatches(NamedTuple):
    """D detections of one digit on M photos, by falling score."""

    label: int  # the digit
    photos: np.ndarray  # int64 (D,), index of each detection's photo
    right: np.ndarray  # bool (10, D), true positives at each IoU threshold
    ignored: np.ndarray  # bool (10, D), detections that are neither true nor false positives
    n_ground_truth: np.ndarray  # int64 (M,), ground-truth boxes of this digit per photo
    rank: np.ndarray  # int64 (D,), number of better-scored boxes of this digit on the photo
    scores: np.ndarray  # float64 (D,), from 0 to 1

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        """Compute COCO's AP (R, 10) per IoU threshold, for weights (R, M); nan where no ground truth has weight."""
        n_ground_truth, hits = weights @ self.n_ground_truth, np.flatnonzero(self.right.any(axis=0))
        drawn = weights[:, self.photos[: hits[-1] + 1 if hits.size else 0]]
        # Precision peaks at true positives, so the curve is evaluated there only.
        seen, precisions = _sums_up_to(hits, drawn), np.zeros((len(weights), len(IOUS)))
        for i, (right, ignored) in enumerate(zip(self.right, self.ignored, strict=True)):
            counted = seen - _sums_up_to(hits, drawn * ignored[: drawn.shape[1]]) if ignored.any() else seen
            own = right[hits]
            true_positives = np.cumsum(drawn[:, hits[own]], axis=1)
            precision = true_positives / (counted[:, own] + np.spacing(1))
            peak = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            with np.errstate(invalid='ignore'):  # 0 / 0 where no ground truth has weight
                recall = true_positives / n_ground_truth[:, None]
            reached = np.searchsorted(RECALLS, recall, side='right')
            precisions[:, i] = (peak * np.diff(reached, axis=1, prepend=0)).sum(axis=1) / len(RECALLS)
        return np.where(n_ground_truth[:, None] > 0, precisions, np.nan)

    def recall(self, best: int) -> np.ndarray:
        """Compute (10,) recall per IoU threshold of the `best` highest scores per photo."""
        return np.count_nonzero(self.right[:, self.rank < best], axis=1) / self.n_ground_truth.sum()


def _sums_up_to(ends: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum values (R, D) from the first up to each of the rising indices `ends` (E,), inclusive; returns (R, E)."""
    starts = np.append(0, ends + 1)[: len(ends)]
    return np.cumsum(np.add.reduceat(values, starts, axis=1), axis=1) if len(ends) else values[:, :0]


class Matches(NamedTuple):
    """Matched detections of M photos."""

    photos: int  # M
    boxes: int  # number of detections
    digits: list[DigitMatches]  # matches of each digit that has ground truth

    def figures(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Compute COCO's average precision for each row of photo weights (R, M).

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

    def estimates(self) -> dict[str, Estimate]:
        """Compute the figures with their 95 % intervals."""
        return estimates(self.figures, self.photos, affordable_resamples(self.boxes), 'boxes')


def match_boxes(detections: Detections, truth: DigitAnnotations) -> Matches:
    """Match detections, xywh in pixels, to ground truth: boxes of all sizes, 100 per photo and digit by falling score.

    Detections on other photos than `truth.image_ids` are dropped. Photo weights follow the order of `truth.image_ids`.

    Raises:
        UserError: the truth has no digit.
    """
    return matches_of(find_overlaps(detections, truth), len(truth.image_ids), len(detections))


def matches_of(overlaps: Overlaps, photos: int, boxes: int, areas: tuple[float, float] = ALL_AREAS) -> Matches:
    """Match boxes whose area is in a range, in square pixels; other ground truth and unmatched detections are ignored.

    `photos` and `boxes` are the numbers of photos and detections.
    """
    counts = _within(overlaps.gt_areas, areas) & ~overlaps.crowd
    right, wasted = match_greedily(overlaps, ~counts)
    ignored = wasted | (~right & ~_within(overlaps.areas, areas))
    cuts, digits = np.searchsorted(overlaps.labels, np.arange(11)), []
    for label in np.unique(overlaps.gt_labels[counts]).tolist():
        part, own = slice(*cuts[label : label + 2]), counts & (overlaps.gt_labels == label)
        n_ground_truth = np.bincount(overlaps.gt_photos[own], minlength=photos)
        columns = overlaps.photos[part], right[:, part], ignored[:, part], n_ground_truth, overlaps.rank[part]
        digits.append(DigitMatches(label, *columns, overlaps.scores[part]))
    return Matches(photos, boxes, digits)


def _within(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (values >= limits[0]) & (values <= limits[1])


def average_precision(detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
    """Compute COCO's average precision over boxes of all sizes; arguments and errors as in `match_boxes`.

    Returns:
        `AP` (mean over IoU 0.50, 0.55 … 0.95), `AP50` and `AP75` (mean over the digits at that IoU) and `AP_0` … `AP_9`
        (one digit, mean over IoU), each from 0 to 1 and unrounded. A digit without ground truth has no key.
    """
    matches = match_boxes(detections, truth)
    return point(matches.figures, matches.photos)
