"""Confidences that mean what they say: of the readings given 0.9, nine in ten are right.

All functions take `confidences` (N,) in 0..1 and `right` (N,) bool, one of each a photo.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

LEAST = 1e-6  # a raw confidence counts as at least this, and at most 1 less this: its logit is finite
SLOPE_SPREAD = 0.5  # how far from 1 the slope is expected to be, before any photo is seen


class Bin(NamedTuple):
    """One point of a reliability curve: the photos with a confidence from `low` to `high`."""

    low: float
    high: float
    photos: int
    confidence: float
    """their mean confidence"""
    accuracy: float
    """the share of them that is right"""


def calibrated(confidences: ArrayLike, line: tuple[float, float]) -> np.ndarray:
    """Platt scaling: a line on the logit of each confidence.

    Args:
        confidences: (N,) or one, raw, 0..1.
        line: slope and intercept.

    Example:
        >>> calibrated([0.5, 0.9], (1.0, 0.0)).round(3).tolist()
        [0.5, 0.9]
    """
    return _logistic(line[0] * _logit(confidences) + line[1])


def _logit(confidences: ArrayLike) -> np.ndarray:
    confidences = np.clip(confidences, LEAST, 1 - LEAST)
    return np.log(confidences / (1 - confidences))


def _logistic(logits: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(logits / 2)) / 2  # no overflow


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


def reliability_curve(confidences: ArrayLike, right: ArrayLike, bins: int = 10) -> list[Bin]:
    """Confidence against accuracy in bins of equal width; those without a photo are left out.

    Example:
        >>> [tuple(point) for point in reliability_curve([0.2, 0.4, 0.9, 1.0], [True, False, True, True], bins=2)]
        [(0.0, 0.5, 2, 0.30000000000000004, 0.5), (0.5, 1.0, 2, 0.95, 1.0)]
    """
    confidences, right = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=bool)
    which = (confidences * bins).astype(np.int64).clip(0, bins - 1)
    return [
        Bin(i / bins, (i + 1) / bins, int(own.sum()), float(confidences[own].mean()), float(right[own].mean()))
        for i in range(bins)
        if (own := which == i).any()
    ]
