"""Benchmark: COCO's evaluation of the boxes found on as many photos as SVHN has to test on."""

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from ..evaluation.average_precision import ALL_AREAS, BEST, find_overlaps, matches_of
from ..evaluation.bootstrap import point
from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections
from .compare import Prepared, Settings

UNIT = 'photos'
RIVALS = {
    'ours': 'custom.benchmark.task_eval.coco_summary, from arrays of boxes to the twelve figures',
    'pycocotools': 'COCOeval.evaluate, accumulate and summarize, from COCO objects to the same figures',
}
FIGURES = ('AP', 'AP50', 'AP75', 'APs', 'APm', 'APl', 'AR1', 'AR10', 'AR100', 'ARs', 'ARm', 'ARl')
AGREE = dict.fromkeys(FIGURES, 1e-12)
PHOTOS, FEW = 13_068, 500  # the second in a short round


def prepare(rival: str, settings: Settings) -> Prepared:
    """Draw 100 boxes on each photo, and the truth; the same ones for all."""
    from .boxes import draw

    truth, found = draw(FEW if settings.short else PHOTOS)
    detections = found.detections(truth.image_ids)
    evaluate = {'ours': _ours, 'pycocotools': _pycocotools}[rival](detections, truth)
    figures: dict[str, float] = {}

    def run() -> int:
        figures.update(evaluate())
        return len(truth.image_ids)

    return Prepared(run, figures=lambda: figures)


def _ours(detections: 'Detections', truth: 'DigitAnnotations') -> Callable[[], dict[str, float]]:

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


# Square pixels, as COCO defines them; most digits of house numbers are small.
SIZES = {'s': (0.0, 32.0**2), 'm': (32.0**2, 96.0**2), 'l': (96.0**2, ALL_AREAS[1])}
NONE = -1.0  # what pycocotools says where there is nothing to find


def coco_summary(detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
    """The twelve figures that pycocotools prints, in its order.

    Args:
        detections: the boxes found, xywh in pixels; those on photos that are not in `truth.image_ids` do not count.
        truth: the photos to score, with their digits.

    Returns:
        `AP`, `AP50`, `AP75`; `APs`, `APm`, `APl` of small, medium and large boxes; the recalls `AR1`, `AR10` and
        `AR100` of the best so many boxes of each photo and digit, and `ARs`, `ARm`, `ARl`; each a mean over the digits
        from 0 to 1, and -1 where the truth has no box of that size.

    Raises:
        UserError: the truth has no digit at all, so that there is nothing to score against.
    """
    overlaps, counts = find_overlaps(detections, truth), (len(truth.image_ids), len(detections))
    matches = {size: matches_of(overlaps, *counts, areas) for size, areas in {'': ALL_AREAS, **SIZES}.items()}
    precision = {size: point(of.figures, of.photos) if of.digits else {'AP': NONE} for size, of in matches.items()}

    def recall(size: str, best: int = BEST) -> float:
        found = [digit.recall(best) for digit in matches[size].digits]
        return float(np.mean(found)) if found else NONE

    return {
        **{name: precision[''][name] for name in ('AP', 'AP50', 'AP75')},
        **{f'AP{size}': precision[size]['AP'] for size in SIZES},
        **{f'AR{best}': recall('', best) for best in (1, 10, BEST)},
        **{f'AR{size}': recall(size) for size in SIZES},
    }
