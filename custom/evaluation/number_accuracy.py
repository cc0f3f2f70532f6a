"""Accuracy of whole numbers, edit distance, and calibration of the confidence, with 95 % intervals.

Arrays: `confidences` (M,) in 0..1 and `right` bool (M,) of M photos.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..reading.numbers import Reading
from ..utils.errors import UserError
from ..utils.estimates import Estimate, mean_count, share, wilson

BINS = 10  # of confidence, equally wide
COVERED_AT = (0.95, 0.99)
INTERVALS = 'Wilson (shares), Poisson score (per image), Wilson by bin (ECE), Wilson at each cut-off (coverage)'


def edits(number: str, true: str) -> tuple[int, int, int]:
    """Count the fewest edits from the number read to the true number (Levenshtein distance).

    Of equally short ways, the one with most substitutions counts: '12' for '21' is two wrong digits.

    Returns:
        Substitutions (wrong digits), insertions (phantom digits), deletions (missing digits).

    Example:
        >>> edits('1183', '1834')
        (0, 1, 1)
    """
    step = len(number) + len(true) + 1  # the cost of a substitution; an insertion or deletion costs 1 more
    costs = [column * (step + 1) for column in range(len(true) + 1)]
    for read in number:
        diagonal, costs[0] = costs[0], costs[0] + step + 1
        for column, digit in enumerate(true, start=1):
            swap = diagonal + (0 if read == digit else step)
            diagonal, costs[column] = costs[column], min(swap, costs[column] + step + 1, costs[column - 1] + step + 1)
    changes, in_and_out = divmod(costs[-1], step)
    more = len(number) - len(true)
    return changes - in_and_out, (in_and_out + more) // 2, (in_and_out - more) // 2


class NumberResults(NamedTuple):
    """Answers on M photos against the true numbers."""

    lengths: np.ndarray  # int64 (M,), digits of the true number
    right: np.ndarray  # bool (M,), the whole number is right, or no number is read and none is there
    empty: np.ndarray  # bool (M,), no number is read: the answer is -1
    confidences: np.ndarray  # float64 (M,), 0..1
    edits: np.ndarray  # int64 (M, 3), wrong, phantom and missing digits, see `edits`

    @classmethod
    def of(cls, readings: Mapping[int, Reading], true: Mapping[int, str]) -> 'NumberResults':
        """Compare readings with the true numbers, both by image_id, for the photos in `true`.

        Raises:
            UserError: there is no photo to score.
        """
        if not true:
            raise UserError('no photo to score: the list of true numbers is empty')
        pairs = [(readings[image_id], number) for image_id, number in true.items()]
        rows = [(len(n), r.number == n, not r.number, r.confidence, edits(r.number, n)) for r, n in pairs]
        return cls(*map(np.array, zip(*rows, strict=True)))

    def estimates(self) -> dict[str, Estimate]:
        """Compute the figures with their 95 % intervals, of the kinds in INTERVALS.

        Returns:
            `accuracy`; `edit_distance`, `wrong_digits`, `phantom_digits` and `missing_digits`, each per photo; `empty`,
            the share of -1; `ece`, see `calibration_error`; `coverage_95` and `coverage_99`, see `coverage`;
            `accuracy_2_digits` and the like, over the photos whose true number has that length.
        """
        kinds = zip(('wrong_digits', 'phantom_digits', 'missing_digits'), self.edits.T, strict=True)
        own = {length: self.right[self.lengths == length] for length in np.unique(self.lengths).tolist()}
        return {
            'accuracy': share(self.right.sum(), len(self.right)),
            'edit_distance': mean_count(self.edits.sum(axis=1)),
            **{name: mean_count(counts) for name, counts in kinds},
            'empty': share(self.empty.sum(), len(self.empty)),
            'ece': calibration_error(self.confidences, self.right),
            **{f'coverage_{100 * at:.0f}': coverage(self.confidences, self.right, at) for at in COVERED_AT},
            **{f'accuracy_{length}_digits': share(right.sum(), len(right)) for length, right in own.items()},
        }

    def figures(self) -> dict[str, float]:
        """Compute the values of `estimates`."""
        return {name: estimate.value for name, estimate in self.estimates().items()}


def _bin_of(confidences: np.ndarray) -> np.ndarray:
    return np.minimum((confidences * BINS).astype(np.int64), BINS - 1)


def calibration_error(confidences: np.ndarray, right: np.ndarray) -> Estimate:
    """Estimate the expected calibration error: the mean gap of confidence and accuracy over ten equal bins.

    The gap of a bin has an interval by Wilson's of the accuracy there. The distances from the gaps to their ends are
    added as square roots of sums of squares (MOVER: G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008) 1693).
    Chance makes the gaps of a calibrated reader positive, so the mean of that is taken off the lower end. A percentile
    bootstrap repeats this bias: its interval can lie above the estimate, and never holds the error of a calibrated
    reader.

    Example:
        >>> calibration_error(np.array([0.85, 0.85, 0.2]), np.array([True, False, False])).value
        0.3
    """
    value = bias = below = above = 0.0
    for _, _, photos, confidence, accuracy in reliability_curve(confidences, right):
        weight, gap = photos / len(confidences), abs(confidence - accuracy)
        low, high = (float(end) - confidence for end in wilson(accuracy * photos, photos))
        value += weight * gap
        bias += weight * math.sqrt(2 / math.pi * confidence * (1 - confidence) / photos)
        below += (weight * (gap - max(low, -high, 0))) ** 2
        above += (weight * (max(high, -low) - gap)) ** 2
    return Estimate(value, max(value - bias - math.sqrt(below), 0), min(value + math.sqrt(above), 1))


def coverage(confidences: np.ndarray, right: np.ndarray, accuracy: float) -> Estimate:
    """Estimate the largest share of the photos, the most confident answers, of which `accuracy` (0..1) are right.

    Equal confidences are taken together or not at all. The interval begins at the last cut-off where Wilson's lower
    limit of the accuracy reaches `accuracy`, and ends before the upper limit misses it for good: cut-offs by binomial
    bounds, after Y. Geifman and R. El-Yaniv, "Selective classification for deep neural networks", NIPS 2017. The share
    is no binomial one, so that Wilson's interval of the photos covered would be too short.

    Example:
        >>> coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 1, 0, 1]), 0.75).value
        1.0
    """
    taken, hits = answers_taken(confidences, right)
    low, high = wilson(hits, taken)
    lasts = [np.flatnonzero(limit >= accuracy - 1e-9).max(initial=-1) for limit in (hits / taken, low, high)]
    shares = np.concatenate([[0], taken, taken[-1:]]) / len(confidences)
    return Estimate(*(float(shares[last + step]) for last, step in zip(lasts, (1, 1, 2), strict=True)))


def answers_taken(confidences: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the most confident answers at each cut-off, and the right ones of them, int64 (N,) each."""
    order = np.argsort(-confidences, kind='stable')
    last_of_equals = np.flatnonzero(np.append(np.diff(confidences[order]) != 0, True))
    return last_of_equals + 1, right[order].cumsum()[last_of_equals]


class Bin(NamedTuple):
    """One point of a reliability curve: the photos with a confidence from `low` to `high`."""

    low: float
    high: float
    photos: int
    confidence: float  # mean
    accuracy: float


def reliability_curve(confidences: ArrayLike, right: ArrayLike) -> list[Bin]:
    """Compute accuracy by confidence in ten bins of equal width; bins without a photo are left out."""
    confidences, right = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=bool)
    which = _bin_of(confidences)
    return [
        Bin(i / BINS, (i + 1) / BINS, int(own.sum()), float(confidences[own].mean()), float(right[own].mean()))
        for i in range(BINS)
        if (own := which == i).any()
    ]
