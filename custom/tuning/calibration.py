"""Fit of the confidence calibration."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ..reading.calibration import logistic
from ..reading.numbers import Evidence
from ..reading.settings import Calibration

# Weights before any photo is seen, and their standard deviation: the prior is worth a few photos.
PRIOR = Calibration(0.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25)
SPREAD, INTERCEPT_SPREAD = 0.5, 3.0
# New photos shall have 90 % of the confident answers right and 10 % false alarms. The limits on the photos of the fit
# keep a margin.
CONFIDENT, RIGHT = 0.9, 0.93  # of the answers with at least this confidence, at least this share is right
ANSWERED, FALSE_ALARMS = 0.5, 0.07  # of the photos without a number, at most this share has such a confidence
STEP, LARGEST = 0.1, 4.0  # of the intercept


def fit_calibration(evidence: ArrayLike, right: ArrayLike, weights: ArrayLike | None = None) -> Calibration:
    """Fit the weights of the evidence (from 0) and the intercept by regularised logistic regression.

    Few or error-free answers do not give extreme confidences: one imagined right and one imagined wrong answer are
    divided among the answers (Platt's targets), and a Gaussian prior keeps the weights near PRIOR.

    Args:
        evidence: (N, 7), rows of `Evidence`.
        right: (N,) bool.
        weights: (N,) of the answers, above 0. Defaults to None, equal. They count as the number of answers that gives
            the same variance (Kish's effective sample size).

    Example:
        >>> sure = Evidence(4.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0)
        >>> calibration = fit_calibration([sure] * 56, [True] * 56)
        >>> bool(0.95 < logistic(calibration.intercept + np.dot(sure, calibration.weights)) < 1)
        True
    """
    from scipy.optimize import minimize  # a third of a second, for tuning alone

    x, hits = np.asarray(evidence, dtype=float).reshape(-1, len(Evidence._fields)), np.asarray(right, dtype=bool)
    own = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=float)
    if len(own):
        own = own * own.sum() / (own**2).sum()
    targets = np.where(hits, (own[hits].sum() + 1) / (own[hits].sum() + 2), 1 / (own[~hits].sum() + 2))
    design = np.hstack([np.ones((len(x), 1)), x])
    prior = np.array(dataclasses.astuple(PRIOR))
    spread = np.array([INTERCEPT_SPREAD, *[SPREAD] * len(Evidence._fields)])

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        z = design @ line
        error, pull = own * (logistic(z) - targets), (line - prior) / spread**2
        value = (own * (np.logaddexp(0, z) - targets * z)).sum() + (pull * (line - prior)).sum() / 2
        return float(value), design.T @ error + pull

    bounds = [(None, None), *[(0, None)] * len(Evidence._fields)]
    return Calibration(*map(float, minimize(loss, prior, jac=True, method='L-BFGS-B', bounds=bounds).x))


def lower_intercept(
    calibration: Calibration,
    evidence: ArrayLike,
    right: ArrayLike,
    has_number: ArrayLike,
    set_of: ArrayLike,
    photos: ArrayLike,
) -> tuple[Calibration, int | None]:
    """Lower the intercept until no set is overconfident; the worst set decides.

    In every set at least RIGHT of the answers of a confidence from CONFIDENT on are right, or all but one. At most
    FALSE_ALARMS of its photos without a number, or one, have an answer of a confidence from ANSWERED on.

    Args:
        calibration: the fit.
        evidence: (N, 7) of the answers.
        right: (N,) bool.
        has_number: (N,) bool, whether the photo has a number.
        set_of: (N,) int, the set of the answer.
        photos: (S,) int, the number of photos without a number in each set, answered or not.

    Returns:
        The calibration, and the set that decided; None if the fit stays.
    """
    logits = np.asarray(evidence, dtype=float).reshape(-1, len(Evidence._fields)) @ calibration.weights
    hits, numbered, sets = (np.asarray(values) for values in (right, has_number, set_of))
    empty = np.asarray(photos)
    decided = None
    for shift in np.arange(0, LARGEST + STEP / 2, STEP).tolist():
        confidences = logistic(logits + calibration.intercept - shift)
        worst = _overconfident(confidences, hits.astype(bool), numbered.astype(bool), sets.astype(int), empty)
        if worst is None:
            break
        decided = worst
    return dataclasses.replace(calibration, intercept=calibration.intercept - shift), decided


def _overconfident(
    confidences: np.ndarray, right: np.ndarray, has_number: np.ndarray, set_of: np.ndarray, empty: np.ndarray
) -> int | None:
    """Return the first set that breaks a limit of `lower_intercept`."""
    for i in range(len(empty)):
        own = set_of == i
        sure = own & (confidences >= CONFIDENT)
        alarms = np.count_nonzero(own & ~has_number & (confidences >= ANSWERED))
        wrong = np.count_nonzero(sure & ~right)
        if wrong > max(1, (1 - RIGHT) * np.count_nonzero(sure)) or alarms > max(1, FALSE_ALARMS * empty[i]):
            return i
    return None


def fit_empty(confidences: ArrayLike, right: ArrayLike, share_empty: float) -> float:
    """Fit the factor (0..1) on the confidences (N,) of empty readings: how many are right, by their sum.

    `share_empty`, the share of all photos without a number, counts as one more photo. A set in which every photo has a
    number gives 0, a set without an empty reading gives this share.

    Example:
        >>> fit_empty([0.8, 0.7], [True, False], share_empty=0.5)
        0.6
    """
    return min(1.0, (float(np.sum(right)) + share_empty) / (float(np.sum(confidences)) + 1))
