"""Fit of the confidence calibration."""

import dataclasses

import numpy as np
import pytest

from custom.reading.calibration import logistic
from custom.reading.numbers import Evidence
from custom.reading.settings import Calibration
from custom.tuning.calibration import PRIOR, fit_calibration, fit_empty, lower_intercept

TRUE = Calibration(-1.0, 0.6, 0.3, 1.0, 0.2, 0.4, 0.5, 0.7)


def drawn(photos, true=TRUE, seed=0):
    """Random evidence, and whether each number is right with the chance that the calibration gives it."""
    rng = np.random.default_rng(seed)
    columns = [rng.normal(2, 2, photos), rng.normal(2, 2, photos), *(-rng.uniform(0, 2, photos) for _ in range(5))]
    evidence = np.stack(columns, axis=1)
    return evidence, rng.uniform(size=photos) < logistic(true.intercept + evidence @ true.weights)


def test_many_photos_recover_the_weights():
    fitted = dataclasses.astuple(fit_calibration(*drawn(40_000)))
    assert fitted == pytest.approx(dataclasses.astuple(TRUE), abs=0.12)


def test_few_photos_leave_the_weights_near_the_prior():
    evidence, right = drawn(4)
    fitted = dataclasses.astuple(fit_calibration(evidence, right))[1:]
    assert fitted == pytest.approx(dataclasses.astuple(PRIOR)[1:], abs=0.5)
    assert dataclasses.astuple(fit_calibration([], [])) == pytest.approx(dataclasses.astuple(PRIOR), abs=1e-3)


def test_answers_without_an_error_give_no_extreme_confidence():
    for photos in 1, 56:
        evidence = np.zeros((photos, 7))
        evidence[:, :2] = np.linspace(1, 7, photos)[:, None]
        calibration = fit_calibration(evidence, np.ones(photos, dtype=bool))
        confidences = [calibration.confidence(row) for row in evidence]
        assert max(confidences) < 0.9999
    assert np.mean(confidences) == pytest.approx(57 / 58, abs=0.01)  # one imagined mistake among 58


def test_evidence_that_ranks_wrongly_gets_a_weight_of_0():
    evidence = np.zeros((1000, 7))
    evidence[:500, 0] = 3
    calibration = fit_calibration(evidence, [False] * 500 + [True] * 500)
    assert calibration.product == 0
    assert calibration.confidence(evidence[0]) == pytest.approx(0.5, abs=0.02)


def test_weights_count_as_their_effective_number():
    evidence, right = np.zeros((4, 7)), [True, True, False, False]
    skewed = fit_calibration(evidence, right, [1, 1, 1e-9, 1e-9])  # two answers, both right
    assert skewed.confidence(evidence[0]) == pytest.approx(
        fit_calibration(evidence[:2], right[:2]).confidence(evidence[0])
    )


def evidence_of(*logits):
    return [Evidence(logit, 0, 0, 0, 0, 0, 0) for logit in logits]


def lowered(logits, right, has_number=None, set_of=None, empty=(0,)):
    count = len(logits)
    has_number = [True] * count if has_number is None else has_number
    return lower_intercept(Calibration(), evidence_of(*logits), right, has_number, set_of or [0] * count, empty)


def test_the_worst_set_decides_the_intercept():
    # log(9) = 2.2 is a confidence of 0.9; in the second set 2 of 4 answers of 3.0 are wrong
    calm, sure = [True] * 10, [True, True, False, False]
    calibration, decided = lowered([3.0] * 10, calm)
    assert (calibration, decided) == (Calibration(), None)
    calibration, decided = lowered([3.0] * 14, calm + sure, set_of=[0] * 10 + [1] * 4, empty=(0, 0))
    assert decided == 1
    assert calibration.intercept == pytest.approx(-0.9)
    assert calibration.confidence(evidence_of(3.0)[0]) < 0.9


def test_one_wrong_answer_is_no_overconfidence():
    assert lowered([3.0] * 3, [False, True, True])[1] is None
    assert lowered([3.0] * 3, [False, False, True])[1] == 0


def test_photos_without_a_number_get_few_answers():
    # 30 photos without a number, of which 3 have an answer of 0.69: at most 2.1 may
    calibration, decided = lowered([0.8] * 3, [False] * 3, [False] * 3, empty=(30,))
    assert decided == 0
    assert calibration.intercept == pytest.approx(-0.9)
    assert lowered([0.8] * 2, [False] * 2, [False] * 2, empty=(30,))[1] is None


def test_fit_empty_by_hand():
    # confidences of 1.5 in all, right once: (1 + 0.25) / (1.5 + 1)
    assert fit_empty([0.8, 0.7], [True, False], 0.25) == 0.5
    assert fit_empty([], [], 0.25) == 0.25
    assert fit_empty([0.9] * 9, [False] * 9, 0.0) == 0
    assert fit_empty([0.5] * 10, [True] * 10, 1.0) == 1
