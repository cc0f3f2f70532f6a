"""95 % intervals by bootstrap over the photos, for average precision; shares have closed intervals."""

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from ..utils.estimates import Estimate

RESAMPLES = 1000
CELLS = 2_000_000  # weights held at a time: bounds the memory
Figures = Callable[[np.ndarray], dict[str, np.ndarray]]


def point(figures: Figures, photos: int) -> dict[str, float]:
    """Compute the figures with a weight of 1 for each photo."""
    return {name: float(value) for name, (value,) in figures(np.ones((1, photos))).items()}


def affordable_resamples(boxes: int) -> int:
    """Choose a number of resamples that takes seconds: 1000, and down to 200 from 100,000 boxes on."""
    return int(np.clip(100_000_000 // max(boxes, 1), 200, RESAMPLES))


def bootstrap_interval(
    figures: Figures, photos: int, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Estimate 95 % intervals by the percentile bootstrap.

    Args:
        figures: a function from weights (R, M), how often each photo was drawn, to the values (R,) of each figure; nan
            where a draw leaves a figure undefined.
        photos: M.
        resamples: number of draws of M photos. Defaults to 1000.
        seed: the same seed gives the same intervals. Defaults to 0.

    Returns:
        Low and high end of each figure, the 2.5 and 97.5 % quantiles; without figures that are equal in all draws, as
        where no photo has an error: the draws tell nothing then.

    Example:
        >>> right = np.array([1, 0, 1, 1])
        >>> bootstrap_interval(lambda weights: {'accuracy': weights @ right / 4}, 4)
        {'accuracy': (0.25, 1.0)}
    """
    rng, rows = np.random.default_rng(seed), max(CELLS // photos, 1)
    parts = []
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = rng.integers(photos, size=(count, photos)) + photos * np.arange(count)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        parts.append(figures(weights.astype(np.float64)))
    values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    defined = {name: value[~np.isnan(value)] for name, value in values.items()}
    varied = {name: value for name, value in defined.items() if value.size and np.ptp(value) > 1e-9}
    ends = {name: np.quantile(value, [0.025, 0.975]) for name, value in varied.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def estimates(figures: Figures, photos: int, resamples: int = RESAMPLES, name: str = 'figures') -> dict[str, Estimate]:
    """Compute all figures with their intervals; a terminal shows a progress bar after 2 s.

    An interval that a bias of the draws keeps off the figure is widened to it.
    """
    with tqdm(None, f'intervals of the {name}', resamples, delay=2, leave=False, disable=None) as bar:

        def watched(weights: np.ndarray) -> dict[str, np.ndarray]:
            values = figures(weights)
            bar.update(len(weights))
            return values

        ends = bootstrap_interval(watched, photos, resamples)
    values, undefined = point(figures, photos), (float('nan'), float('nan'))
    pairs = {name: (value, *ends.get(name, undefined)) for name, value in values.items()}
    return {name: Estimate(value, min(low, value), max(high, value)) for name, (value, low, high) in pairs.items()}
