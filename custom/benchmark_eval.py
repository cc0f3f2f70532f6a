"""Benchmark: COCO's evaluation of the boxes found on as many photos as SVHN has to test on."""

import contextlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from custom.benchmark import Prepared, Settings

if TYPE_CHECKING:
    import numpy as np

    from custom.annotations import DigitAnnotations
    from custom.predictions import Detections

UNIT = 'photos'
RIVALS = {
    'ours': 'custom.scoring.coco_summary, from arrays of boxes to the twelve figures',
    'pycocotools': 'COCOeval.evaluate, accumulate and summarize, from COCO objects to the same figures',
}
FIGURES = ('AP', 'AP50', 'AP75', 'APs', 'APm', 'APl', 'AR1', 'AR10', 'AR100', 'ARs', 'ARm', 'ARl')
AGREE = dict.fromkeys(FIGURES, 1e-12)
PHOTOS, FEW = 13_068, 500  # the second in a short round


def prepare(rival: str, settings: Settings) -> Prepared:
    """Draw 100 boxes on each photo, and the truth; the same ones for all."""
    from custom.benchmark_boxes import draw

    truth, found = draw(FEW if settings.short else PHOTOS)
    detections = found.detections(truth.image_ids)
    evaluate = {'ours': _ours, 'pycocotools': _pycocotools}[rival](detections, truth)
    figures: dict[str, float] = {}

    def run() -> int:
        figures.update(evaluate())
        return len(truth.image_ids)

    return Prepared(run, figures=lambda: figures)


def _ours(detections: 'Detections', truth: 'DigitAnnotations') -> Callable[[], dict[str, float]]:
    from custom.scoring import coco_summary

    return lambda: coco_summary(detections, truth)


def _pycocotools(detections: 'Detections', truth: 'DigitAnnotations') -> Callable[[], dict[str, float]]:
    from pycocotools.cocoeval import COCOeval

    true_columns = {'iscrowd': truth.iscrowd.astype(int)}
    real = _coco(truth, truth.box_image_ids, truth.bboxes, truth.labels, true_columns)
    columns = {'score': detections.scores, 'iscrowd': 0 * detections.labels}
    guess = _coco(truth, detections.image_ids, detections.bboxes, detections.labels, columns)

    def evaluate() -> dict[str, float]:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints each step
            evaluation = COCOeval(real, guess, 'bbox')
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return dict(zip(FIGURES, evaluation.stats.tolist(), strict=True))

    return evaluate


def _coco(
    truth: 'DigitAnnotations', ids: 'np.ndarray', bboxes: 'np.ndarray', labels: 'np.ndarray', more: 'dict[str, Any]'
) -> Any:
    """Boxes (N, 4), xywh in pixels, as pycocotools keeps them."""
    from pycocotools.coco import COCO

    columns = {'image_id': ids, 'bbox': bboxes, 'area': bboxes[:, 2] * bboxes[:, 3], 'category_id': labels + 1, **more}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    made = COCO()
    made.dataset = {
        'images': [{'id': image_id} for image_id in truth.image_ids.tolist()],
        'annotations': [{'id': i, **dict(zip(columns, row, strict=True))} for i, row in enumerate(rows, start=1)],
        'categories': [{'id': label + 1} for label in range(10)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        made.createIndex()
    return made
