"""Which boxes are right, as pycocotools says, kept so that the photos can be weighed afterwards."""

import contextlib
import io
from typing import NamedTuple

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from custom.annotations import DigitAnnotations
from custom.errors import UserError
from custom.predictions import Detections

RECALLS = np.linspace(0, 1, 101)
IOUS = 10  # thresholds: 0.50, 0.55 … 0.95


class DigitMatches(NamedTuple):
    """The boxes of one digit, best score first.

    Attributes:
        label: the digit.
        photos: int64 (D,), the photo of each box, as an index.
        right: bool (10, D), at each IoU threshold: the box of a digit that no better box has found.
        ignored: bool (10, D), on a crowd box: neither right nor wrong.
        wanted: int64 (M,), true boxes of this digit on each photo.
    """

    label: int
    photos: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    wanted: np.ndarray

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        """COCO's AP (R, 10) at each IoU threshold, of photos with weights (R, M); nan where no true box has weight.

        Precision has its peaks where a right box was found, so the curve is looked at there only.
        """
        wanted, hits = weights @ self.wanted, np.flatnonzero(self.right.any(axis=0))
        drawn = weights[:, self.photos[: hits[-1] + 1 if hits.size else 0]]
        seen, precisions = _sums_up_to(hits, drawn), np.zeros((len(weights), IOUS))
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
    """Compare the boxes found with the true ones, by pycocotools: all box sizes, the best 100 boxes a photo and digit.

    Args:
        detections: the boxes found, xywh in pixels; those on photos that are not in `truth.image_ids` do not count.
        truth: the photos to score, with their digits. Weights of photos go by the order of `truth.image_ids`.

    Raises:
        UserError: the truth has no digit at all, so that there is nothing to score against.
    """
    if not np.any(~truth.iscrowd & np.isin(truth.box_image_ids, truth.image_ids)):
        raise UserError(f'the annotations of {len(truth.image_ids)} photos hold no digit; nothing to score against')
    ids = truth.image_ids.tolist()
    crowd = truth.iscrowd.astype(np.int64)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints each step
        real = _coco(ids, _entries(truth.box_image_ids, truth.bboxes, truth.labels, iscrowd=crowd))
        none = np.zeros(len(detections), dtype=np.int64)
        columns = {'score': detections.scores, 'iscrowd': none}
        guess = _coco(ids, _entries(detections.image_ids, detections.bboxes, detections.labels, **columns))
        evaluation = COCOeval(real, guess, 'bbox')
        # one area range and one limit are all that is reported: the same figures in a quarter of the time
        evaluation.params.areaRng, evaluation.params.areaRngLbl = evaluation.params.areaRng[:1], ['all']
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
    order = np.argsort(truth.image_ids, kind='stable')  # pycocotools goes by image_id
    verdicts = [evaluation.evalImgs[start : start + len(ids)] for start in range(0, 10 * len(ids), len(ids))]
    digits = [_digit_matches(label, of_photos, order) for label, of_photos in enumerate(verdicts)]
    return Matches(len(ids), len(detections), [digit for digit in digits if digit.wanted.any()])


def _digit_matches(label: int, verdicts: list[dict | None], order: np.ndarray) -> DigitMatches:
    """What pycocotools keeps for one digit: a dict for each photo that has a box of it, true or found."""
    wanted = np.zeros(len(order), dtype=np.int64)
    # What a digit that is nowhere would leave without shape and type.
    scores, photos = [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    right, ignored = [np.zeros((IOUS, 0), dtype=bool)], [np.zeros((IOUS, 0), dtype=bool)]
    for photo, verdict in zip(order.tolist(), verdicts, strict=True):
        if verdict is not None:
            wanted[photo] = np.count_nonzero(np.equal(verdict['gtIgnore'], 0))
            scores.append(np.asarray(verdict['dtScores'], dtype=np.float64).reshape(-1))
            photos.append(np.full(len(scores[-1]), photo))
            ignored.append(verdict['dtIgnore'])
            right.append((verdict['dtMatches'] > 0) & ~ignored[-1])
    best = np.argsort(-np.concatenate(scores), kind='mergesort')
    right_by_score, ignored_by_score = (np.concatenate(parts, axis=1)[:, best] for parts in (right, ignored))
    return DigitMatches(label, np.concatenate(photos)[best], right_by_score, ignored_by_score, wanted)


def _coco(image_ids: list[int], annotations: list[dict]) -> COCO:
    coco = COCO()
    coco.dataset = {
        'images': [{'id': image_id} for image_id in image_ids],
        'annotations': annotations,
        'categories': [{'id': label + 1, 'name': str(label)} for label in range(10)],
    }
    coco.createIndex()
    return coco


def _entries(image_ids: np.ndarray, bboxes: np.ndarray, labels: np.ndarray, **columns: np.ndarray) -> list[dict]:
    # ids start at 1: COCOeval takes a match with id 0 for no match
    columns = {
        'id': np.arange(1, len(labels) + 1),
        'image_id': image_ids,
        'bbox': bboxes,
        'area': bboxes[:, 2] * bboxes[:, 3],
        'category_id': labels + 1,
        **columns,
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]
