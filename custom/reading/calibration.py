"""Logits of confidences."""

import numpy as np
from numpy.typing import ArrayLike

LEAST = 1e-6  # probabilities are clipped to LEAST .. 1 - LEAST, which keeps the logit finite


def logit(probabilities: ArrayLike) -> np.ndarray:
    """Return log(p / (1 - p)) of probabilities of any shape, 0..1.

    Example:
        >>> logit([0.5, 0.9]).round(3).tolist()
        [0.0, 2.197]
    """
    probabilities = np.clip(probabilities, LEAST, 1 - LEAST)
    return np.log(probabilities / (1 - probabilities))


def logistic(logits: ArrayLike) -> np.ndarray:
    """Return the probabilities of logits of any shape."""
    return (1 + np.tanh(np.asarray(logits) / 2)) / 2  # no overflow
