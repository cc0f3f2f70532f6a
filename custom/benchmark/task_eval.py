"""Benchmark of the COCO evaluation of 100 boxes on each of as many photos as SVHN's test set has."""

import contextlib
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.average_precision import ALL_AREAS, BEST, find_overlaps, matches_of
from ..evaluation.bootstrap import point
from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections
from .boxes import TEST_PHOTOS, draw
from .candidate import Prepared, Settings

UNIT = 'photos'
CANDIDATES = {
    'ours': 'custom.benchmark.task_eval.coco_summary, from arrays of boxes to the twelve figures',
    'pycocotools': 'COCOeval.evaluate, accumulate and summarize, from COCO objects to the same figures',
    'hotcoco': 'the same of hotcoco, which is written in Rust',
}
FIGURES = ('AP', 'AP50', 'AP75', 'APs', 'APm', 'APl', 'AR1', 'AR10', 'AR100', 'ARs', 'ARm', 'ARl')
AGREE = dict.fromkeys(FIGURES, 1e-12)
FEW = 500  # photos in a short round
SIZES = {'s': (0.0, 32.0**2), 'm': (32.0**2, 96.0**2), 'l': (96.0**2, ALL_AREAS[1])}  # COCO's, in square pixels
NO_BOX = -1.0  # pycocotools' figure where there is no ground truth


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Draw the same predictions and ground truth for each candidate."""
    truth, predictions = draw(FEW if settings.short else TEST_PHOTOS)
    detections = predictions.detections(truth.image_ids)
    evaluate = {
        'ours': lambda: lambda: coco_summary(detections, truth),
        'pycocotools': lambda: _pycocotools(detections, truth),
        'hotcoco': lambda: _hotcoco(detections, truth),
    }[candidate]()
    figures: dict[str, float] = {}

    def run() -> int:
        figures.update(evaluate())
        return len(truth.image_ids)

    return Prepared(run, figures=lambda: figures)


def _pycocotools(detections: Detections, truth: DigitAnnotations) -> Callable[[], dict[str, float]]:
    from pycocotools.cocoeval import COCOeval

    more = {'iscrowd': truth.iscrowd.astype(int)}
    real = _coco(truth.image_ids, truth.box_image_ids, truth.bboxes, truth.labels, more)
    more = {'score': detections.scores, 'iscrowd': 0 * detections.labels}
    predicted = _coco(truth.image_ids, detections.image_ids, detections.bboxes, detections.labels, more)
    return lambda: _figures(COCOeval(real, predicted, 'bbox'))


def _hotcoco(detections: Detections, truth: DigitAnnotations) -> Callable[[], dict[str, float]]:
    from hotcoco import COCO, COCOeval

    more = {'iscrowd': truth.iscrowd.astype(int)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'truth.json')
        path.write_text(
            json.dumps(_coco(truth.image_ids, truth.box_image_ids, truth.bboxes, truth.labels, more).dataset)
        )
        real = COCO(str(path))
    columns = detections.image_ids, detections.bboxes, detections.scores, detections.labels + 1
    predicted = real.loadRes(np.column_stack(columns).astype(np.float64))
    return lambda: _figures(COCOeval(real, predicted, 'bbox'))


def _figures(evaluation: Any) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):  # each step prints
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(FIGURES, map(float, evaluation.stats), strict=True))


def _coco(photos: np.ndarray, ids: np.ndarray, bboxes: np.ndarray, labels: np.ndarray, more: dict[str, Any]) -> Any:
    """Convert boxes (N, 4), xywh in pixels, on photos `ids` (N,), to pycocotools' object."""
    from pycocotools.coco import COCO

    columns = {'image_id': ids, 'bbox': bboxes, 'area': bboxes[:, 2] * bboxes[:, 3], 'category_id': labels + 1, **more}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    coco = COCO()
    coco.dataset = {
        'images': [{'id': image_id} for image_id in photos.tolist()],
        'annotations': [{'id': i, **dict(zip(columns, row, strict=True))} for i, row in enumerate(rows, start=1)],
        'categories': [{'id': label + 1} for label in range(10)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def coco_summary(detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
    """Compute the twelve figures of pycocotools, in its order.

    Args:
        detections: boxes, xywh in pixels; those on photos that are not in `truth.image_ids` are ignored.
        truth: the photos to score, with their digits.

    Returns:
        `AP`, `AP50`, `AP75`; `APs`, `APm`, `APl` of small, medium and large boxes; the recalls `AR1`, `AR10` and
        `AR100` of the best-scored 1, 10 and 100 boxes per photo and digit, and `ARs`, `ARm`, `ARl`. Each is a mean over
        the digits from 0 to 1, and -1 where the ground truth has no box of that size.

    Raises:
        UserError: the ground truth has no digit at all.
    """
    overlaps, counts = find_overlaps(detections, truth), (len(truth.image_ids), len(detections))
    matches = {size: matches_of(overlaps, *counts, areas) for size, areas in {'': ALL_AREAS, **SIZES}.items()}
    precision = {size: point(of.figures, of.photos) if of.digits else {'AP': NO_BOX} for size, of in matches.items()}

    def recall(size: str, best: int = BEST) -> float:
        recalls = [digit.recall(best) for digit in matches[size].digits]
        return float(np.mean(recalls)) if recalls else NO_BOX

    return {
        **{name: precision[''][name] for name in ('AP', 'AP50', 'AP75')},
        **{f'AP{size}': precision[size]['AP'] for size in SIZES},
        **{f'AR{best}': recall('', best) for best in (1, 10, BEST)},
        **{f'AR{size}': recall(size) for size in SIZES},
    }
