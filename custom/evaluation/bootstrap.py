"""95 % intervals by bootstrap: how far a figure may be off because the photos are few."""

from collections.abc import Callable

import numpy as np

RESAMPLES = 1000
CELLS = 2_000_000  # weights held at a time: bounds the memory
Figures = Callable[[np.ndarray], dict[str, np.ndarray]]


def point(figures: Figures, photos: int) -> dict[str, float]:
    """The figures of the photos as they are, each counting once."""
    return {name: float(value) for name, (value,) in figures(np.ones((1, photos))).items()}


def affordable_resamples(boxes: int) -> int:
    """How many resamples of photos with so many boxes take seconds: 1000, and down to 200 from 100,000 boxes on."""
    return int(np.clip(100_000_000 // max(boxes, 1), 200, RESAMPLES))


def bootstrap_interval(
    figures: Figures, photos: int, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Draw as many photos as there are, with replacement, again and again; see how much the figures vary.

    The percentile method. It cannot see beyond the photos: where all of them are right, low and high are both 1.

    Args:
        figures: from weights (R, M), how often each photo was drawn, to the value (R,) of each figure for each row of
            weights; nan where a draw leaves a figure undefined.
        photos: M.
        resamples: how often M photos are drawn. Defaults to 1000.
        seed: the same seed gives the same intervals. Defaults to 0.

    Returns:
        Low and high end for each figure, the 2.5 and 97.5 % quantiles.

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
    ends = {name: np.nanquantile(value, [0.025, 0.975]) for name, value in values.items() if not np.isnan(value).all()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}
