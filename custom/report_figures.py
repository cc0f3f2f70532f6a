"""The figures and curves that the HTML report shows, from what `custom.report.score` gives."""

from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from custom.intervals import Figures, affordable_resamples, bootstrap_interval, point
from custom.matching import RECALLS, DigitMatches, Matches
from custom.number_figures import NumberResults

STEPS = 50  # points of the curve of accuracy against coverage
BAND_RESAMPLES = 300


class Estimate(NamedTuple):
    """A figure and the ends of its 95 % interval; all three are nan where it is not defined."""

    value: float
    low: float
    high: float


def estimates(figures: Figures, photos: int, resamples: int, name: str) -> dict[str, Estimate]:
    """Every figure with its interval, by bootstrap over the photos; a terminal shows a bar when that takes over 2 s."""
    with tqdm(None, f'intervals of the {name}', resamples, delay=2, leave=False, disable=None) as bar:

        def watched(weights: np.ndarray) -> dict[str, np.ndarray]:
            values = figures(weights)
            bar.update(len(weights))
            return values

        ends = bootstrap_interval(watched, photos, resamples)
    nothing = float('nan'), float('nan')
    return {key: Estimate(value, *ends.get(key, nothing)) for key, value in point(figures, photos).items()}


def number_estimates(numbers: NumberResults) -> dict[str, Estimate]:
    """The figures of `NumberResults.figures`."""
    return estimates(numbers.figures, len(numbers.right), 1000, 'numbers')


def box_estimates(matches: Matches) -> dict[str, Estimate]:
    """The figures of `Matches.figures`."""
    return estimates(matches.figures, matches.photos, affordable_resamples(matches.boxes), 'boxes')


def precision_at_recalls(digit: DigitMatches, threshold: int = 0) -> np.ndarray:
    """COCO's precision of one digit at the recalls 0, 0.01 … 1; its mean is the average precision.

    Args:
        digit: the boxes, and which of them are right.
        threshold: index of the IoU threshold, 0 for 0.50 to 9 for 0.95. Defaults to 0.

    Returns:
        (101,): the best precision at that recall or above it, 0 where no box reaches it.
    """
    counted = ~digit.ignored[threshold]
    right = digit.right[threshold][counted]
    found = right.cumsum()
    precision = found / np.arange(1, len(right) + 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
    return best[np.searchsorted(found / digit.wanted.sum(), RECALLS)]


class AnswerCurve(NamedTuple):
    """How many answers are right when only the most confident ones are given.

    Attributes:
        coverage: (N,) share of the photos that are answered, rising to 1.
        accuracy: (N,) share of those that is right.
        low: (N,) lower end of its 95 % interval.
        high: (N,) upper end.
    """

    coverage: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray


def answer_curve(numbers: NumberResults) -> AnswerCurve:
    """Accuracy at up to 50 shares of the photos, the most confident answers first; equally confident ones together."""
    order = np.argsort(-numbers.confidences, kind='stable')
    last_of_equals = np.append(np.diff(numbers.confidences[order]) != 0, True)
    counts = np.flatnonzero(last_of_equals) + 1
    wanted = np.linspace(0, len(order), STEPS + 1)[1:]
    chosen = counts[np.unique(np.searchsorted(counts, wanted))]

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        taken = weights[:, order].cumsum(axis=1)[:, chosen - 1]
        hits = (weights[:, order] * numbers.right[order]).cumsum(axis=1)[:, chosen - 1]
        with np.errstate(invalid='ignore'):  # 0 / 0 where a draw has none of the first photos
            return {str(count): column for count, column in zip(chosen.tolist(), (hits / taken).T, strict=True)}

    found = estimates(figures, len(order), BAND_RESAMPLES, 'curve').values()
    accuracy, low, high = (np.array(column) for column in zip(*found, strict=True))
    return AnswerCurve(chosen / len(order), accuracy, low, high)
