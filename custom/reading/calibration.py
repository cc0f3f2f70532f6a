"""Platt scaling of confidences."""

import numpy as np
from numpy.typing import ArrayLike

LEAST = 1e-6  # raw confidences are clipped to LEAST .. 1 - LEAST, which keeps the logit finite


def calibrated(confidences: ArrayLike, line: tuple[float, float]) -> np.ndarray:
    """Apply Platt scaling, a line (slope, intercept) on the logit, to raw confidences (N,) or one, 0..1.

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
