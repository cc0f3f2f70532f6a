"""Tuning of the reader settings on validation predictions, with cross-validated figures."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..evaluation.average_precision import average_precision
from ..evaluation.number_accuracy import NumberResults, reliability_curve
from ..reading.numbers import Reading
from ..reading.settings import DEFAULTS, BoxConfig, ReaderConfig, ReaderSettings, filter_boxes
from ..structures.annotations import DigitAnnotations, subset
from ..structures.detections import Detections
from ..utils.errors import UserError
from .calibration import ANSWERED, CONFIDENT, fit_calibration, fit_empty, lower_intercept
from .outcomes import LOWEST, LabelledSet, Outcomes
from .search import search

IOU_THRESHOLDS = (0.8, 0.65, 0.5)
PHOTOS = 300  # enough to choose an IoU threshold; the time grows with the photos
LEAST_GAIN = 0.001
FOLDS = 10
FIGURES = ('accuracy', 'ece', 'coverage_95', 'coverage_99')


def choose_boxes(*sets: tuple[Detections, DigitAnnotations]) -> BoxConfig:
    """Choose the IoU threshold of the class-agnostic NMS of pred.json on up to 300 photos of each set; boxes are xywh.

    NMS that does not raise the AP of both halves of every set by 0.001 is left off. The score threshold stays: AP
    counts boxes of every score, so a higher one cannot raise it.
    """
    halves: list[tuple[Detections, DigitAnnotations]] = []
    for detections, truth in sets:
        chosen = np.random.default_rng(0).permutation(truth.image_ids)[:PHOTOS]
        halves += [
            (detections[np.isin(detections.image_ids, own)], subset(truth, np.isin(truth.image_ids, own)))
            for own in (chosen[::2], chosen[1::2])
        ]
    if not halves or not all(np.any(~own.iscrowd) for _, own in halves):
        return BoxConfig()
    best, most = BoxConfig(), [average_precision(*half)['AP'] + LEAST_GAIN for half in halves]
    for iou_thr in IOU_THRESHOLDS:
        config = BoxConfig(iou_thr=iou_thr)
        gains = [average_precision(filter_boxes(boxes, config), own)['AP'] for boxes, own in halves]
        if all(gain > least for gain, least in zip(gains, most, strict=True)):
            best, most = config, gains
    return best


def tune_reader(detections: Detections, truth: DigitAnnotations, source: str = 'valid') -> ReaderSettings:
    """Tune on one set with boxes, see `tune_on_sets`.

    Args:
        detections: of the validation photos, xywh in pixels, of all scores.
        truth: the photos and their digits.
        source: name of the photos in `tuned_on`. Defaults to 'valid'.
    """
    return tune_on_sets([LabelledSet.of_boxes(source, detections, truth)])


def tune_on_sets(sets: Sequence[LabelledSet]) -> ReaderSettings:
    """Choose thresholds and rules, calibrate the confidence, and measure both by cross-validation.

    The objective of the thresholds and rules is the mean of the number accuracy over the sets (`search`). One
    calibration serves all sets, each with the same weight; the most overconfident set decides the intercept
    (`calibration.lower_intercept`).

    Args:
        sets: at least one, of validation photos of different kinds.

    Returns:
        The reader, without a fingerprint. Its `tuned_on` has, beside `source` and `photos`:

        - `number_accuracy_default`: with the default settings; means over the sets, as the next one;
        - `number_accuracy_chosen_here`: with the chosen settings, on the same photos: optimistic;
        - `AP_default`, `AP_chosen_here`: means over the sets with boxes, if there is one;
        - `cross_validated`: figures of 10 folds of all photos, each read with settings chosen and calibrated on the
          others, the estimate for new photos: `accuracy`, `ece`, `coverage_95` and `coverage_99`, see
          `NumberResults.estimates`; `intervals` of 95 % for these; `reliability`, see `reliability_curve`;
        - `sets`: the same for each set: `photos`, `accuracy` cross-validated, `confident` answers, with a confidence of
          0.9 or more, `confident_right` of them, `empty` photos without a number, `answered` of them with a confidence
          of 0.5 or more.

    Raises:
        UserError: a set has no photo, or none has a number, or no box is above the least threshold.
    """
    for one in sets:
        if not one.numbers:
            raise UserError(f'{one.name}: no photo to tune the reader on; give validation photos')
    source = ', '.join(one.name for one in sets)
    outcomes = Outcomes(sets)
    photos = len(outcomes.true)
    if not any(any(true) for true in outcomes.true):
        raise UserError(f'{source}: no digit on any of the {photos} photos; the reader needs labelled ones')
    if not outcomes.boxes:
        raise UserError(f'{source}: no box on any of the {photos} photos scores {LOWEST} or more')
    rows = np.arange(photos)
    config, decided = _fit(outcomes, rows)
    weights = outcomes.weights(rows)
    boxed = [(one.detections, one.truth) for one in sets if one.truth is not None]
    boxes = choose_boxes(*boxed)
    results = _cross_validate(outcomes)
    tuned_on: dict[str, Any] = {
        'source': source,
        'photos': photos,
        'number_accuracy_default': (weights * outcomes.right(DEFAULTS)).sum(),
        'number_accuracy_chosen_here': (weights * outcomes.right(config)).sum(),
        'cross_validated': _figures(results, min(FOLDS, photos)),
        'sets': {one.name: _set_figures(outcomes, results, i) for i, one in enumerate(sets)},
    }
    if decided is not None and len(sets) > 1:
        tuned_on['calibrated_for'] = sets[decided].name
    if boxed:
        tuned_on['AP_default'] = np.mean([average_precision(*one)['AP'] for one in boxed])
        after = [average_precision(filter_boxes(found, boxes), truth)['AP'] for found, truth in boxed]
        tuned_on['AP_chosen_here'] = np.mean(after)
    rounded = json.loads(json.dumps(tuned_on, default=float), parse_float=lambda text: round(float(text), 4))
    return ReaderSettings(config, boxes, tuned_on=rounded)


def _fit(outcomes: Outcomes, rows: np.ndarray) -> tuple[ReaderConfig, int | None]:
    """Choose thresholds and rules on some of the photos, and calibrate the confidence.

    Returns the settings and the set that decided the intercept of the calibration, if one did.
    """
    config = search(outcomes, rows)
    readings = outcomes.readings(config)
    right = outcomes.right(config)[rows]
    answered = np.array([bool(readings[i].number) for i in rows], dtype=bool)
    has_number = np.array([any(outcomes.true[i]) for i in rows], dtype=bool)
    calibration, decided = None, None
    if answered.any():
        evidence = np.array([readings[i].evidence for i in rows[answered]])
        calibration = fit_calibration(evidence, right[answered], outcomes.weights(rows)[answered])
        own = outcomes.set_of[rows]
        empty = np.bincount(own[~has_number], minlength=len(outcomes.sets))
        calibration, decided = lower_intercept(
            calibration, evidence, right[answered], has_number[answered], own[answered], empty
        )
        rounded = {name: round(value, 4) for name, value in vars(calibration).items()}
        calibration = type(calibration)(**rounded)
    raw = [readings[i].confidence for i in rows[~answered]]
    share = float(np.mean(~has_number)) if len(rows) else 0.0
    return replace(
        config, calibration=calibration, empty_right=round(fit_empty(raw, right[~answered], share), 4)
    ), decided


def _cross_validate(outcomes: Outcomes) -> NumberResults:
    shuffled = np.random.default_rng(0).permutation(len(outcomes.true))
    readings: dict[int, Reading] = {}
    for own in np.array_split(shuffled, min(FOLDS, len(shuffled))):
        config, _ = _fit(outcomes, np.setdiff1d(shuffled, own))
        raw = outcomes.readings(config)
        readings.update((i, recalibrated(raw[i], config)) for i in own.tolist())
    numbers = {i: readings[i].number if readings[i].number in true else true[0] for i, true in enumerate(outcomes.true)}
    return NumberResults.of(readings, numbers)


def recalibrated(reading: Reading, config: ReaderConfig) -> Reading:
    """Return a reading without calibration with the confidence that `config` gives the main number or no number."""
    if not reading.number:
        return reading._replace(confidence=reading.confidence * config.empty_right)
    if config.calibration is None or reading.evidence is None:
        return reading
    return reading._replace(confidence=config.calibration.confidence(reading.evidence))


def _figures(results: NumberResults, folds: int) -> dict[str, Any]:
    figures = results.estimates()
    return {
        'folds': folds,
        **{name: figures[name].value for name in FIGURES},
        'intervals': {name: figures[name][1:] for name in FIGURES},
        'reliability': reliability_curve(results.confidences, results.right),
    }


def _set_figures(outcomes: Outcomes, results: NumberResults, i: int) -> dict[str, Any]:
    own = outcomes.set_of == i
    answered, empty = own & ~results.empty, own & (results.lengths == 0)
    sure = answered & (results.confidences >= CONFIDENT)
    return {
        'photos': int(own.sum()),
        'accuracy': results.right[own].mean(),
        'confident': int(sure.sum()),
        'confident_right': int(results.right[sure].sum()),
        'empty': int(empty.sum()),
        'answered': int((empty & answered & (results.confidences >= ANSWERED)).sum()),
    }
