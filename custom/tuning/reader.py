"""Choose how boxes are read, on validation predictions, and say honestly how well that does."""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..evaluation.average_precision import average_precision
from ..evaluation.bootstrap import bootstrap_interval, point
from ..evaluation.number_accuracy import NumberResults, reliability_curve
from ..reading.numbers import Reading, read_numbers
from ..reading.settings import DEFAULTS, BoxConfig, ReaderConfig, ReaderSettings, filter_boxes
from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections
from ..utils.errors import UserError
from .calibration import fit_empty, fit_line
from .outcomes import THRESHOLDS, Outcomes
from .search import search

IOU_THRESHOLDS = (0.8, 0.65, 0.5)
PHOTOS = 300  # enough for the choice; the more there are, the longer it takes
LEAST_GAIN = 0.001


def choose_boxes(detections: Detections, truth: DigitAnnotations) -> BoxConfig:
    """Choose the IoU above which only the better box is kept, whatever the digits.

    It is chosen on up to 300 photos, dealt into two halves: suppression that does not raise the AP of both halves by
    0.001 is left off. The score threshold stays: AP counts boxes of every score, so that no higher one can raise it.

    Args:
        detections: the boxes found, xywh in pixels.
        truth: the photos and their digits.
    """
    chosen = np.random.default_rng(0).permutation(truth.image_ids)[:PHOTOS]
    halves = [part_of(detections, truth, own) for own in (chosen[::2], chosen[1::2])]
    if not all(np.any(~own.iscrowd) for _, own in halves):
        return BoxConfig()
    best, most = BoxConfig(), [average_precision(*half)['AP'] + LEAST_GAIN for half in halves]
    for iou_thr in IOU_THRESHOLDS:
        config = BoxConfig(iou_thr=iou_thr)
        gains = [average_precision(filter_boxes(found, config), own)['AP'] for found, own in halves]
        if all(gain > least for gain, least in zip(gains, most, strict=True)):
            best, most = config, gains
    return best


def part_of(
    detections: Detections, truth: DigitAnnotations, image_ids: np.ndarray
) -> tuple[Detections, DigitAnnotations]:
    """What was found and what is true on some of the photos."""
    rows = np.isin(detections.image_ids, image_ids)
    columns = {field.name: getattr(detections, field.name)[rows] for field in fields(detections)}
    boxes, photos = np.isin(truth.box_image_ids, image_ids), np.isin(truth.image_ids, image_ids)
    own = {name: getattr(truth, name)[boxes] for name in ('box_image_ids', 'bboxes', 'labels', 'iscrowd')}
    own |= {name: getattr(truth, name)[photos] for name in ('image_ids', 'sizes')}
    return Detections(**columns), replace(truth, file_names=[], **own)


FOLDS = 10
FIGURES = ('accuracy', 'ece', 'coverage_95', 'coverage_99')


def tune_reader(detections: Detections, truth: DigitAnnotations, source: str = 'valid') -> ReaderSettings:
    """Choose thresholds and rules, calibrate the confidence, and measure both by cross-validation.

    Args:
        detections: the boxes found on the validation photos, xywh in pixels, of all scores.
        truth: the photos and their digits.
        source: what `tuned_on` calls them. Defaults to 'valid'.

    Returns:
        The reader, without a fingerprint. Its `tuned_on` has, beside `source` and `photos`:

        - `number_accuracy_default`, `AP_default`: with the default settings;
        - `number_accuracy_chosen_here`, `AP_chosen_here`: with these, on the photos they were chosen on: too good;
        - `cross_validated`: each of 10 parts of the photos read as chosen and calibrated on the others, which is the
          honest figure: `accuracy`; `ece`, the calibration error; `coverage_95` and `coverage_99`, the share of the
          photos, the surest, of which so many are right; `intervals` of 95 % for these; `reliability`, see
          `custom.evaluation.number_accuracy.reliability_curve`.

    Raises:
        UserError: there is no photo, no digit on any, or no box that could be read.
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
    everyone = np.arange(len(outcomes.true))
    config, boxes = _fit(outcomes, everyone), choose_boxes(detections, truth)
    tuned_on = {
        'source': source,
        'photos': len(everyone),
        'number_accuracy_default': outcomes.right(DEFAULTS).mean(),
        'number_accuracy_chosen_here': outcomes.right(config).mean(),
        'cross_validated': _cross_validate(outcomes),
        'AP_default': average_precision(detections, truth)['AP'],
        'AP_chosen_here': average_precision(filter_boxes(detections, boxes), truth)['AP'],
    }
    return ReaderSettings(config, boxes, tuned_on=_rounded(tuned_on))


def _fit(outcomes: Outcomes, rows: np.ndarray) -> ReaderConfig:
    """Thresholds and rules, and the calibration of what they give, on some of the photos."""
    config = search(outcomes, rows)
    answers = [(reading, outcomes.true[i]) for i, reading in zip(rows, _read(outcomes, rows, config), strict=True)]
    numbers = [(reading.confidence, reading.number == true) for reading, true in answers if reading.number]
    empty = [(reading.confidence, not true) for reading, true in answers if not reading.number]
    line = fit_line(*zip(*numbers, strict=True)) if numbers else None
    share = np.mean([not outcomes.true[i] for i in rows]) if len(rows) else 0.0
    return replace(
        config,
        calibration=line and (round(line[0], 4), round(line[1], 4)),
        empty_right=round(fit_empty([raw for raw, _ in empty], [right for _, right in empty], float(share)), 4),
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
    figures, intervals = point(results.figures, len(shuffled)), bootstrap_interval(results.figures, len(shuffled))
    return {
        'folds': folds,
        **{name: figures[name] for name in FIGURES},
        'intervals': {name: intervals[name] for name in FIGURES},
        'reliability': reliability_curve(results.confidences, results.right),
    }


def _rounded(value: Any) -> Any:
    """Figures as JSON holds them, for people: 4 decimals."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(float(value), 4) if isinstance(value, (float, np.floating)) else value
