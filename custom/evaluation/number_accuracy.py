"""How well whole numbers are read: right or wrong, what was added and lost, and whether the confidence is honest."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..reading.numbers import Reading
from ..utils.errors import UserError

BINS = 10  # of confidence, equally wide
COVERED_AT = (0.95, 0.99)


def edits(number: str, true: str) -> tuple[int, int, int]:
    """The fewest changes that make the true number of the one that was read (Levenshtein's edit distance).

    Where several ways are as short, the one that swaps most digits counts: '12' for '21' is two wrong digits.

    Returns:
        Wrong digits (to be swapped), phantom digits (to be taken out), missing digits (to be put in).

    Example:
        >>> edits('1183', '1834')
        (0, 1, 1)
    """
    step = len(number) + len(true) + 1  # a swap costs this; taking out and putting in cost 1 more
    costs = [column * (step + 1) for column in range(len(true) + 1)]
    for read in number:
        diagonal, costs[0] = costs[0], costs[0] + step + 1
        for column, wanted in enumerate(true, start=1):
            swap = diagonal + (0 if read == wanted else step)
            diagonal, costs[column] = costs[column], min(swap, costs[column] + step + 1, costs[column - 1] + step + 1)
    changes, in_and_out = divmod(costs[-1], step)
    more = len(number) - len(true)
    return changes - in_and_out, (in_and_out + more) // 2, (in_and_out - more) // 2


class NumberResults(NamedTuple):
    """What became of the number on each of M photos.

    Attributes:
        lengths: int64 (M,), digits of the true number.
        right: bool (M,), the whole number is right; also where there is none and none was read.
        empty: bool (M,), no number was read: the answer is -1.
        confidences: float64 (M,), that the answer is right, 0..1.
        edits: int64 (M, 3), wrong, phantom and missing digits, see `edits`.
    """

    lengths: np.ndarray
    right: np.ndarray
    empty: np.ndarray
    confidences: np.ndarray
    edits: np.ndarray

    @classmethod
    def of(cls, readings: Mapping[int, Reading], true: Mapping[int, str]) -> 'NumberResults':
        """Compare what was read with the true numbers; both go by image_id, `true` has the photos that count.

        Raises:
            UserError: there is no photo to score.
        """
        if not true:
            raise UserError('no photo to score: the list of true numbers is empty')
        pairs = [(readings[image_id], number) for image_id, number in true.items()]
        return cls(
            np.array([len(number) for _, number in pairs]),
            np.array([reading.number == number for reading, number in pairs]),
            np.array([not reading.number for reading, _ in pairs]),
            np.array([reading.confidence for reading, _ in pairs]),
            np.array([edits(reading.number, number) for reading, number in pairs]),
        )

    def figures(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The figures for each row of weights (R, M), how often each photo counts.

        Returns:
            name to (R,): `accuracy`; `edit_distance`, `wrong_digits`, `phantom_digits` and `missing_digits`, each a
            photo; `empty`, the share of -1; `ece`, see `calibration_error`; `coverage_95` and `coverage_99`, see
            `coverage`; `accuracy_2_digits` and the like, over the photos whose true number has that length, nan
            where none has weight.
        """
        photos = weights.sum(axis=1)
        swapped, phantom, missing = (weights @ self.edits / photos[:, None]).T
        return {
            'accuracy': weights @ self.right / photos,
            'edit_distance': swapped + phantom + missing,
            'wrong_digits': swapped,
            'phantom_digits': phantom,
            'missing_digits': missing,
            'empty': weights @ self.empty / photos,
            'ece': calibration_error(self.confidences, self.right, weights),
            **{f'coverage_{100 * at:.0f}': coverage(self.confidences, self.right, weights, at) for at in COVERED_AT},
            **self._by_length(weights),
        }

    def _by_length(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        figures = {}
        for length in np.unique(self.lengths).tolist():
            own = self.lengths == length
            with np.errstate(invalid='ignore'):  # 0 / 0: nan
                figures[f'accuracy_{length}_digits'] = weights[:, own] @ self.right[own] / weights[:, own].sum(axis=1)
        return figures


def calibration_error(confidences: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Expected calibration error: how far confidence and accuracy differ, over ten equally wide bins of confidence.

    Args:
        confidences: (M,) in 0..1.
        right: bool (M,).
        weights: (R, M), how often each photo counts.

    Returns:
        (R,) the mean of the bins' differences, weighted by their photos, 0..1.

    Example:
        >>> calibration_error(np.array([0.85, 0.85, 0.2]), np.array([True, False, False]), np.ones((1, 3))).round(6)
        array([0.3])
    """
    bins = np.minimum((confidences * BINS).astype(np.int64), BINS - 1)
    differences = np.where(bins[:, None] == np.arange(BINS), (confidences - right)[:, None], 0)
    return np.abs(weights @ differences).sum(axis=1) / weights.sum(axis=1)


def coverage(confidences: np.ndarray, right: np.ndarray, weights: np.ndarray, accuracy: float) -> np.ndarray:
    """The largest share of the photos, those with the most confident answers, of which `accuracy` are right.

    Args:
        confidences: (M,) in 0..1; equal ones are taken together or not at all.
        right: bool (M,).
        weights: (R, M), how often each photo counts.
        accuracy: the least share that must be right, 0..1.

    Returns:
        (R,) in 0..1; 0 where even the most confident answers are too often wrong.

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
    confidence: float
    """their mean confidence"""
    accuracy: float
    """the share of them that is right"""


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


def number_accuracy(numbers: Mapping[int, str], true: Mapping[int, str]) -> float:
    """Share of the photos whose whole number is right, 0 to 1.

    Args:
        numbers: image_id to the number read, '' where none. A photo that is missing here counts as wrong.
        true: image_id to the true number; these are the photos that count.

    Raises:
        UserError: there is no photo to score.

    Example:
        >>> number_accuracy({1: '05', 2: '7'}, {1: '05', 2: '71', 3: ''})
        0.3333333333333333
    """
    if not true:
        raise UserError('no photo to score: the list of true numbers is empty')
    return sum(numbers.get(image_id) == number for image_id, number in true.items()) / len(true)
