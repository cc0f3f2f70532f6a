"""Tuning of the reader settings on validation predictions, with cross-validated figures."""

import json
from dataclasses import replace
from typing import Any

import numpy as np

from ..evaluation.average_precision import average_precision
from ..evaluation.number_accuracy import NumberResults, reliability_curve
from ..reading.numbers import Reading, read_numbers
from ..reading.settings import DEFAULTS, BoxConfig, ReaderConfig, ReaderSettings, filter_boxes
from ..structures.annotations import DigitAnnotations, subset
from ..structures.detections import Detections
from ..utils.errors import UserError
from .calibration import fit_empty, fit_line
from .outcomes import THRESHOLDS, Outcomes
from .search import search

IOU_THRESHOLDS = (0.8, 0.65, 0.5)
PHOTOS = 300  # enough to choose an IoU threshold; the time grows with the photos
LEAST_GAIN = 0.001
FOLDS = 10
FIGURES = ('accuracy', 'ece', 'coverage_95', 'coverage_99')


def choose_boxes(detections: Detections, truth: DigitAnnotations) -> BoxConfig:
    """Choose the IoU threshold of the class-agnostic NMS of pred.json on up to 300 photos; boxes are xywh in pixels.

    NMS that does not raise the AP of both halves of the photos by 0.001 is left off. The score threshold stays: AP
    counts boxes of every score, so a higher one cannot raise it.
    """
    chosen = np.random.default_rng(0).permutation(truth.image_ids)[:PHOTOS]
    halves = [
        (detections[np.isin(detections.image_ids, own)], subset(truth, np.isin(truth.image_ids, own)))
        for own in (chosen[::2], chosen[1::2])
    ]
    if not all(np.any(~own.iscrowd) for _, own in halves):
        return BoxConfig()
    best, most = BoxConfig(), [average_precision(*half)['AP'] + LEAST_GAIN for half in halves]
    for iou_thr in IOU_THRESHOLDS:
        config = BoxConfig(iou_thr=iou_thr)
        gains = [average_precision(filter_boxes(boxes, config), own)['AP'] for boxes, own in halves]
        if all(gain > least for gain, least in zip(gains, most, strict=True)):
            best, most = config, gains
    return best


def tune_reader(detections: Detections, truth: DigitAnnotations, source: str = 'valid') -> ReaderSettings:
    """Choose thresholds and rules, calibrate the confidence, and measure both by cross-validation.

    Args:
        detections: of the validation photos, xywh in pixels, of all scores.
        truth: the photos and their digits.
        source: name of the photos in `tuned_on`. Defaults to 'valid'.

    Returns:
        The reader, without a fingerprint. Its `tuned_on` has, beside `source` and `photos`:

        - `number_accuracy_default`, `AP_default`: with the default settings;
        - `number_accuracy_chosen_here`, `AP_chosen_here`: with the chosen settings, on the same photos: optimistic;
        - `cross_validated`: figures of 10 folds, each read with settings chosen and calibrated on the others, the
          estimate for new photos: `accuracy`, `ece`, `coverage_95` and `coverage_99`, see `NumberResults.estimates`;
          `intervals` of 95 % for these; `reliability`, see `custom.evaluation.number_accuracy.reliability_curve`.

    Raises:
        UserError: there is no photo, no digit on any, or no box above the least threshold.
    """
    if not len(truth.image_ids):
        raise UserError(f'{source}: no photo to tune the reader on; give validation photos')
    if not truth.labelled:
        raise UserError(
            f'{source}: no digit on any of the {len(truth.image_ids)} photos; the reader needs labelled ones'
        )
    outcomes = Outcomes(detections, truth)
    if not len(outcomes.detections):
        raise UserError(f'{source}: no box on any of the {len(truth.image_ids)} photos scores {THRESHOLDS[0]} or more')
    config, boxes = _fit(outcomes, np.arange(len(outcomes.true))), choose_boxes(detections, truth)
    tuned_on = {
        'source': source,
        'photos': len(outcomes.true),
        'number_accuracy_default': outcomes.right(DEFAULTS).mean(),
        'number_accuracy_chosen_here': outcomes.right(config).mean(),
        'cross_validated': _cross_validate(outcomes),
        'AP_default': average_precision(detections, truth)['AP'],
        'AP_chosen_here': average_precision(filter_boxes(detections, boxes), truth)['AP'],
    }
    rounded = json.loads(json.dumps(tuned_on), parse_float=lambda text: round(float(text), 4))
    return ReaderSettings(config, boxes, tuned_on=rounded)


def _fit(outcomes: Outcomes, rows: np.ndarray) -> ReaderConfig:
    """Choose thresholds and rules on some of the photos, and calibrate the resulting confidence."""
    config = search(outcomes, rows)
    true = [outcomes.true[i] for i in rows]
    answers = list(zip(_read(outcomes, rows, config), true, strict=True))
    numbers = [(reading.confidence, reading.number == number) for reading, number in answers if reading.number]
    empty = [(reading.confidence, not number) for reading, number in answers if not reading.number]
    line = fit_line(*zip(*numbers, strict=True)) if numbers else None
    share = float(np.mean([not number for number in true])) if true else 0.0
    return replace(
        config,
        calibration=line and (round(line[0], 4), round(line[1], 4)),
        empty_right=round(fit_empty([raw for raw, _ in empty], [right for _, right in empty], share), 4),
    )


def _read(outcomes: Outcomes, rows: np.ndarray, config: ReaderConfig) -> list[Reading]:
    return list(read_numbers(outcomes.detections, outcomes.image_ids[rows], config).values())


def _cross_validate(outcomes: Outcomes) -> dict[str, Any]:
    shuffled = np.random.default_rng(0).permutation(len(outcomes.true))
    folds = min(FOLDS, len(shuffled))
    readings: dict[int, Reading] = {}
    for own in np.array_split(shuffled, folds):
        config = _fit(outcomes, np.setdiff1d(shuffled, own))
        readings.update(zip(own.tolist(), _read(outcomes, own, config), strict=True))
    results = NumberResults.of(readings, dict(enumerate(outcomes.true)))
    figures = results.estimates()
    return {
        'folds': folds,
        **{name: figures[name].value for name in FIGURES},
        'intervals': {name: figures[name][1:] for name in FIGURES},
        'reliability': reliability_curve(results.confidences, results.right),
    }
