"""Fit of the confidence calibration."""

import numpy as np
from numpy.typing import ArrayLike

from ..reading.calibration import _logistic, _logit

SLOPE_SPREAD = 0.5  # how far from 1 the slope is expected to be, before any photo is seen


def fit_line(confidences: ArrayLike, right: ArrayLike) -> tuple[float, float]:
    """Slope (from 0) and intercept for `calibrated`, by logistic regression.

    It is held back, so that few photos, or photos without a mistake, give no certainty: one imagined right and one
    imagined wrong reading are spread over the photos (Platt's targets), and a slope far from 1 is unlikely beforehand.
    Without any photo the line is (1.0, 0.0), which changes nothing.

    Example:
        >>> slope, intercept = fit_line([0.99] * 56, [True] * 56)
        >>> bool(0.97 < calibrated(0.99, (slope, intercept)) < 1)
        True
    """
    from scipy.optimize import minimize  # takes a third of a second, which reading need not wait for

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
    """Factor (0..1) on the confidence that a photo has no number: how often that was right, of how often it was said.

    Args:
        confidences: of the photos read as having no number.
        right: whether that is so.
        share_empty: of all photos without a number; counts as one more photo, so that a set in which every photo has
            a number gives 0, and one without any such reading gives this share.

    Example:
        >>> fit_empty([0.8, 0.7], [True, False], share_empty=0.5)
        0.6
    """
    return min(1.0, (float(np.sum(right)) + share_empty) / (float(np.sum(confidences)) + 1))
