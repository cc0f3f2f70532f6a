"""Predictions and truth to figures: COCO's average precision and whole-number accuracy."""

import contextlib
import io
from collections.abc import Mapping

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from custom.annotations import DigitAnnotations
from custom.errors import UserError
from custom.reading import left_to_right
from custom.submission import Detections


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


def average_precision(detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
    """COCO's average precision, computed by pycocotools, over all box sizes and the best 100 boxes a photo and digit.

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
        evaluation.accumulate()
    # (IoU thresholds, recalls, digits); -1 for digits without truth
    precision = evaluation.eval['precision'][..., 0, 0]
    present = [label for label in range(10) if (precision[:, :, label] > -1).all()]
    precision = precision[:, :, present]
    return {
        'AP': float(precision.mean()),
        'AP50': float(precision[0].mean()),
        'AP75': float(precision[5].mean()),
        **{f'AP_{label}': float(precision[:, :, i].mean()) for i, label in enumerate(present)},
    }


def true_numbers(truth: DigitAnnotations) -> dict[int, str]:
    """The number on each photo: its digits by left edge (by centre where edges tie), crowd boxes left out.

    Returns:
        image_id to number for every photo, in the order of `truth.image_ids`; '' for a photo without a digit.
    """
    numbers = dict.fromkeys(truth.image_ids.tolist(), '')
    order = left_to_right(truth.bboxes[:, 0], truth.bboxes[:, 2])
    order = order[~truth.iscrowd[order]]
    for image_id, label in zip(truth.box_image_ids[order].tolist(), truth.labels[order].tolist(), strict=True):
        numbers[image_id] += str(label)
    return numbers


def number_accuracy(numbers: Mapping[int, str], true: Mapping[int, str]) -> float:
    """Share of the photos whose whole number is right, 0 to 1.

    Args:
        numbers: image_id to the number read, '' where none. A photo that is missing here counts as wrong.
        true: image_id to the true number; these are the photos that count.

    Raises:
        UserError: there is no photo to score.

    Example:
        >>> number_accuracy({1: '05', 2: '7'}, {1: '05', 2: '71', 3: ''})
        0.3333333333333333
    """
    if not true:
        raise UserError('no photo to score: the list of true numbers is empty')
    return sum(numbers.get(image_id) == number for image_id, number in true.items()) / len(true)


def format_figures(figures: Mapping[str, float], photos: int) -> str:
    """The figures as a person reads them.

    Args:
        figures: as `average_precision` gives them, with `number_accuracy`; keys may have a prefix up to a slash.
        photos: how many photos they were measured on.

    Example:
        >>> print(format_figures({'number_accuracy': 0.5, 'AP': 0.25, 'AP50': 0.5, 'AP75': 0.25, 'AP_7': 0.25}, 4))
        number accuracy 0.500 (2 of 4 photos)
        AP 0.250 | AP50 0.500 | AP75 0.250 (COCO, mean over the digits)
        AP by digit: 7 0.250
    """
    plain = {key.split('/')[-1]: value for key, value in figures.items()}
    if not plain:
        return f'no truth for these {photos} photos: nothing to score'
    accuracy = plain['number_accuracy']
    by_digit = '  '.join(f'{key[3:]} {value:.3f}' for key, value in plain.items() if key.startswith('AP_'))
    return (
        f'number accuracy {accuracy:.3f} ({round(accuracy * photos)} of {photos} photos)\n'
        f'AP {plain["AP"]:.3f} | AP50 {plain["AP50"]:.3f} | AP75 {plain["AP75"]:.3f} (COCO, mean over the digits)\n'
        f'AP by digit: {by_digit}'
    )
