"""Figures with 95 % intervals in closed form."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Z = 1.959964  # 95 % of the normal distribution lie within so many standard deviations


class Estimate(NamedTuple):
    """A figure and the ends of its 95 % interval; nan where a value is not defined."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        interval = 'no interval' if self.low != self.low else f'{self.low:.3f}-{self.high:.3f}'
        return f'{self.value:.3f} ({interval})'


def wilson(hits: ArrayLike, total: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Compute Wilson's score intervals, low and high ends, of hits (N,) out of total (N,) trials, from 1.

    The interval has a length where none or all are hits, and it holds a true share near 0 or 1 as often as it says.
    Clopper-Pearson's is longer than 95 % need. E. B. Wilson, JASA 22 (1927) 209; L. D. Brown, T. T. Cai and
    A. DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001) 101.
    """
    hits, total = np.asarray(hits, np.float64), np.asarray(total, np.float64)
    middle = (hits + Z**2 / 2) / (total + Z**2)
    half = Z / (total + Z**2) * np.sqrt(hits * (total - hits) / total + Z**2 / 4)
    share = hits / total  # rounding must not leave it outside
    return np.clip(np.minimum(middle - half, share), 0, 1), np.clip(np.maximum(middle + half, share), 0, 1)


def share(hits: int, total: int) -> Estimate:
    """Estimate a share with Wilson's interval.

    Example:
        >>> str(share(11, 11))
        '1.000 (0.741-1.000)'
    """
    return Estimate(float(hits / total), *map(float, wilson(hits, total)))


def mean_count(counts: np.ndarray) -> Estimate:
    """Estimate the mean of counts (N,), such as errors per photo, with the score interval of a Poisson rate.

    The variance is that of a Poisson distribution, or the counts' own if that is larger (quasi-likelihood, P. McCullagh
    and J. A. Nelder, "Generalized linear models", 2nd edition, 1989, chapter 9).

    Example:
        >>> str(mean_count(np.array([0, 0, 0, 0, 1, 0, 0, 0])))
        '0.125 (0.022-0.708)'
    """
    n, mean = len(counts), float(counts.mean())
    spread = max(float(counts.var()) / mean, 1.0) * Z**2 / n if mean else Z**2 / n
    half = np.sqrt(spread * mean + spread**2 / 4)
    return Estimate(mean, min(mean, float(max(mean + spread / 2 - half, 0))), float(mean + spread / 2 + half))
