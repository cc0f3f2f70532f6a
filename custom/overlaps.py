"""Which box finds which true one, by pycocotools' rules, for all photos at once.

Only a box that overlaps a true one of its photo and digit by half can be right, and such boxes are few. Boxes of
different photos or digits do not compete: the best box of every photo and digit chooses first, all at the same time,
then the second best, and so on.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from custom.errors import UserError
from custom.geometry import pairs_of_a_group

if TYPE_CHECKING:
    from custom.annotations import DigitAnnotations
    from custom.predictions import Detections

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
