"""Confidences that mean what they say: of the readings given 0.9, nine in ten are right.

All functions take `confidences` (N,) in 0..1 and `right` (N,) bool, one of each a photo.
"""

import numpy as np
from numpy.typing import ArrayLike

LEAST = 1e-6  # a raw confidence counts as at least this, and at most 1 less this: its logit is finite


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
