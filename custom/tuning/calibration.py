"""Fit of the confidence calibration."""

import numpy as np
from numpy.typing import ArrayLike

from ..reading.calibration import _logistic, _logit

SLOPE_SPREAD = 0.5  # standard deviation of the slope around 1, before any photo is seen


def fit_line(confidences: ArrayLike, right: ArrayLike) -> tuple[float, float]:
    """Fit slope (from 0) and intercept of `calibrated` by regularised logistic regression (Platt scaling).

    Few or error-free photos do not give extreme confidences: one imagined right and one imagined wrong reading are
    divided among the photos (Platt's targets), and a prior keeps the slope near 1. Without a photo the line is (1.0,
    0.0), the identity. Arguments: raw confidences (N,) in 0..1, and whether they are right, bool (N,).

    Example:
        >>> slope, intercept = fit_line([0.99] * 56, [True] * 56)
        >>> bool(0.97 < calibrated(0.99, (slope, intercept)) < 1)
        True
    """
    from scipy.optimize import minimize  # a third of a second, for tuning alone

    x, hits = _logit(confidences), np.asarray(right, dtype=bool)
    if not hits.size:
        return 1.0, 0.0
    targets = np.where(hits, (hits.sum() + 1) / (hits.sum() + 2), 1 / ((~hits).sum() + 2))

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        z = line[0] * x + line[1]
        error = _logistic(z) - targets
        pull = (line[0] - 1) / SLOPE_SPREAD**2
        value = (np.logaddexp(0, z) - targets * z).sum() + pull * (line[0] - 1) / 2
        return float(value), np.array([(error * x).sum() + pull, error.sum()])

    slope, intercept = minimize(loss, [1.0, 0.0], jac=True, method='L-BFGS-B', bounds=[(0, None), (None, None)]).x
    return float(slope), float(intercept)


def fit_empty(confidences: ArrayLike, right: ArrayLike, share_empty: float) -> float:
    """Fit the factor (0..1) on the confidences (N,) of empty readings: how many are right, by their sum.

    `share_empty`, the share of all photos without a number, counts as one more photo. A set in which every photo has a
    number gives 0, a set without an empty reading gives this share.

    Example:
        >>> fit_empty([0.8, 0.7], [True, False], share_empty=0.5)
        0.6
    """
    return min(1.0, (float(np.sum(right)) + share_empty) / (float(np.sum(confidences)) + 1))
