"""Accuracy of whole numbers, edit distance, and calibration of the confidence.

Arrays: `confidences` (M,) in 0..1 and `right` bool (M,) of M photos; `weights` (R, M), R rows of photo weights.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..reading.numbers import Reading
from ..utils.errors import UserError
from .bootstrap import Estimate, estimates

BINS = 10  # of confidence, equally wide
COVERED_AT = (0.95, 0.99)


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

    def figures(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the figures for each row of photo weights (R, M).

        Returns:
            name to (R,): `accuracy`; `edit_distance`, `wrong_digits`, `phantom_digits` and `missing_digits`, each per
            photo; `empty`, the share of -1; `ece`, see `calibration_error`; `coverage_95` and `coverage_99`, see
            `coverage`; `accuracy_2_digits` and the like, over the photos whose true number has that length, nan
            where none has weight.
        """
        photos = weights.sum(axis=1)
        wrong, phantom, missing = (weights @ self.edits / photos[:, None]).T
        by_length = {}
        for length in np.unique(self.lengths).tolist():
            own = self.lengths == length
            with np.errstate(invalid='ignore'):  # 0 / 0: nan
                by_length[f'accuracy_{length}_digits'] = weights[:, own] @ self.right[own] / weights[:, own].sum(axis=1)
        return {
            'accuracy': weights @ self.right / photos,
            'edit_distance': wrong + phantom + missing,
            'wrong_digits': wrong,
            'phantom_digits': phantom,
            'missing_digits': missing,
            'empty': weights @ self.empty / photos,
            'ece': calibration_error(self.confidences, self.right, weights),
            **{f'coverage_{100 * at:.0f}': coverage(self.confidences, self.right, weights, at) for at in COVERED_AT},
            **by_length,
        }

    def estimates(self) -> dict[str, Estimate]:
        """Compute the figures with their 95 % intervals."""
        return estimates(self.figures, len(self.right), name='numbers')


def _bin_of(confidences: np.ndarray) -> np.ndarray:
    return np.minimum((confidences * BINS).astype(np.int64), BINS - 1)


def calibration_error(confidences: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the expected calibration error (R,): the mean gap of confidence and accuracy over ten equal bins.

    Example:
        >>> calibration_error(np.array([0.85, 0.85, 0.2]), np.array([True, False, False]), np.ones((1, 3))).round(6)
        array([0.3])
    """
    differences = np.where(_bin_of(confidences)[:, None] == np.arange(BINS), (confidences - right)[:, None], 0)
    return np.abs(weights @ differences).sum(axis=1) / weights.sum(axis=1)


def coverage(confidences: np.ndarray, right: np.ndarray, weights: np.ndarray, accuracy: float) -> np.ndarray:
    """Compute the largest share (R,) of the photos, the most confident answers, of which `accuracy` (0..1) are right.

    Equal confidences are taken together or not at all.

    Example:
        >>> coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 1, 0, 1]), np.ones((1, 4)), 0.75)
        array([1.])
    """
    order = np.argsort(-confidences, kind='stable')
    taken = weights[:, order].cumsum(axis=1)
    enough = (weights[:, order] * right[order]).cumsum(axis=1) >= accuracy * taken - 1e-9
    last_of_equals = np.append(np.diff(confidences[order]) != 0, True)
    return np.where(enough & last_of_equals, taken, 0).max(axis=1) / weights.sum(axis=1)


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
