"""Fit of the confidence calibration."""

import numpy as np
import pytest

from custom.reading.calibration import calibrated
from custom.tuning.calibration import fit_empty, fit_line


def drawn(photos, slope, intercept, seed=0):
    """Raw confidences, and whether each photo is right with the chance that the line gives it."""
    rng = np.random.default_rng(seed)
    raw = rng.uniform(0.02, 0.98, photos)
    return raw, rng.uniform(size=photos) < calibrated(raw, (slope, intercept))


def test_many_photos_recover_the_line():
    slope, intercept = fit_line(*drawn(20_000, 0.6, 1.2))
    assert (slope, intercept) == pytest.approx((0.6, 1.2), abs=0.08)


def test_few_photos_leave_the_slope_near_1():
    raw, right = drawn(20_000, 0.1, 0.0)
    assert abs(fit_line(raw, right)[0] - 0.1) < 0.05
    assert 0.4 < np.mean([fit_line(raw[i : i + 4], right[i : i + 4])[0] for i in range(0, 400, 4)]) < 1.2


def test_photos_without_an_error_give_no_extreme_confidence():
    for photos in 1, 56:
        raw = np.linspace(0.6, 0.999, photos)
        slope, intercept = fit_line(raw, np.ones(photos, dtype=bool))
        assert 0 <= slope < 3 and abs(intercept) < 10
        assert (calibrated(raw, (slope, intercept)) < 0.9999).all()
    # one imagined mistake among 58 photos
    assert calibrated(raw, (slope, intercept)).mean() == pytest.approx(57 / 58, abs=1e-3)


def test_photos_without_a_right_reading():
    line = fit_line(np.full(56, 0.99), np.zeros(56, dtype=bool))
    assert calibrated(0.99, line) == pytest.approx(1 / 58, abs=1e-3)


def test_a_confidence_that_ranks_wrongly_gets_a_slope_of_0():
    slope, intercept = fit_line([0.9] * 500 + [0.1] * 500, [False] * 500 + [True] * 500)
    assert slope == 0
    assert calibrated(0.7, (slope, intercept)) == pytest.approx(0.5, abs=0.01)


def test_confidences_of_0_and_1_can_be_fitted():
    assert np.isfinite(fit_line([0.0, 1.0, 1.0, 0.0], [False, True, True, True])).all()


def test_no_photo_gives_the_identity():
    assert fit_line([], []) == (1.0, 0.0)


def test_fit_empty_by_hand():
    # confidences of 1.5 in all, right once: (1 + 0.25) / (1.5 + 1)
    assert fit_empty([0.8, 0.7], [True, False], 0.25) == 0.5
    assert fit_empty([], [], 0.25) == 0.25
    assert fit_empty([0.9] * 9, [False] * 9, 0.0) == 0
    assert fit_empty([0.5] * 10, [True] * 10, 1.0) == 1
