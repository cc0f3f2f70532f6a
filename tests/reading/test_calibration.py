"""Logits by hand."""

import numpy as np
import pytest

from custom.reading.calibration import LEAST, logistic, logit


def test_odds_of_9_to_1():
    assert logit(0.9) == pytest.approx(np.log(9))
    assert logistic(np.log(9)) == pytest.approx(0.9)


def test_certain_values_stay_finite():
    assert logistic(logit([0, 1])).tolist() == pytest.approx([LEAST, 1 - LEAST])
    assert logistic([-1e9, 1e9]).tolist() == [0, 1]
