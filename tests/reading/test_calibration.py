"""Calibrated confidences."""

import numpy as np
import pytest

from custom.reading.calibration import calibrated


def test_the_line_acts_on_the_logit():
    # odds of 9 to 1 squared are 81 to 1, tripled 27 to 1
    assert calibrated([0.9], (2.0, 0.0)) == pytest.approx([81 / 82])
    assert calibrated(0.9, (1.0, np.log(3))) == pytest.approx(27 / 28)
    assert calibrated([0.2, 0.7], (1.0, 0.0)) == pytest.approx([0.2, 0.7])


def test_calibration_keeps_the_order_and_the_range():
    raw = np.linspace(0, 1, 101)
    for line in (0.5, -3.0), (1000.0, 5.0), (3.0, 1e6), (0.0, 0.0):
        values = calibrated(raw, line)
        assert np.isfinite(values).all() and (np.diff(values) >= 0).all() and values.min() >= 0 and values.max() <= 1
