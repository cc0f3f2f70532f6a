"""Search for the thresholds and rules that read most numbers correctly, regularised for few photos."""

import math
from dataclasses import replace

import numpy as np

from ..reading.settings import ReaderConfig
from .outcomes import LOWEST, Outcomes

# Constants of `rules` come from the geometry of digits. These few follow from the scores of a model.
START = ReaderConfig(0.5)
THRESHOLDS = np.arange(round(20 * LOWEST), 20) / 20  # score thresholds
CHANGES = {
    'weak_thr': (0.15, 0.2, 0.3, 0.4, 1.0),
    'max_gap': (0.6, 0.8, 1.0, 1.3),
    'iou_thr': (0.2, 0.3, 0.4, 0.5),
    'size_ratio': (1.3, 1.5, 1.8),
}
FALLBACKS = (0.1, 0.2, 0.3, 0.4, 0.5)
LEAST_SIGMAS = 1.5  # of chance, by which a change must win
WINDOW = 0.75  # half-width of the smoothing, in score, times the root of the photos: 0.1 for 56, 0.013 for 3,340


def search(outcomes: Outcomes, rows: np.ndarray) -> ReaderConfig:
    """Choose thresholds and rules on some of the photos, (R,) `rows`; without any, START.

    The objective is the mean, over the sets, of the share of right numbers. The score threshold is in the middle of the
    best stretch of the smoothed curve. From START on, the one change of a rule that wins most is made, as long as one
    wins by 1.5 standard deviations of chance. Then a fall-back threshold is added on the same condition.
    """
    if not rows.size:
        return START
    best, paid = replace(START, score_thr=_best_threshold(outcomes, rows, START)), True
    while paid:
        paid = False
        changes = [
            replace(best, **{rule: value})  # type: ignore[arg-type]
            for rule, values in CHANGES.items()
            for value in values
            if value != getattr(best, rule)
        ]
        # Without weak candidates another score threshold is best.
        strict = replace(best, weak_thr=1.0)
        changes.append(replace(strict, score_thr=_best_threshold(outcomes, rows, strict)))
        gains = [_gain(outcomes, rows, changed, best) for changed in changes]
        if gains and max(gains) > 0:
            best, paid = changes[int(np.argmax(gains))], True
            best = replace(best, score_thr=_best_threshold(outcomes, rows, best))
    fallbacks = [replace(best, fallback_thrs=(step,)) for step in FALLBACKS if step < best.score_thr]
    gains = [_gain(outcomes, rows, changed, best) for changed in fallbacks]
    return fallbacks[int(np.argmax(gains))] if gains and max(gains) > 0 else best


def _gain(outcomes: Outcomes, rows: np.ndarray, changed: ReaderConfig, config: ReaderConfig) -> float:
    """Return the gain in the objective; 0 if it is within chance."""
    weights = outcomes.weights(rows)
    difference = outcomes.right(changed)[rows].astype(float) - outcomes.right(config)[rows]
    gain = float((weights * difference).sum())
    chance = math.sqrt(float(((weights * difference) ** 2).sum()))
    return gain if gain > LEAST_SIGMAS * chance + 1e-12 else 0.0


def _best_threshold(outcomes: Outcomes, rows: np.ndarray, config: ReaderConfig) -> float:
    weights = outcomes.weights(rows)
    shares = [
        (weights * outcomes.right(replace(config, score_thr=threshold, fallback_thrs=()))[rows]).sum()
        for threshold in THRESHOLDS.tolist()
    ]
    return float(THRESHOLDS[_middle_of_best(_smoothed(np.array(shares), len(rows)))])


def _smoothed(shares: np.ndarray, photos: int) -> np.ndarray:
    """Return the moving average of the shares (T,) at THRESHOLDS; fewer photos give a wider window."""
    half = round(WINDOW / math.sqrt(photos) / (THRESHOLDS[1] - THRESHOLDS[0]))
    sums, centres = np.concatenate([[0], shares.cumsum()]), np.arange(len(shares))
    start, stop = (centres - half).clip(min=0), (centres + half + 1).clip(max=len(shares))
    return (sums[stop] - sums[start]) / (stop - start)


def _middle_of_best(values: np.ndarray) -> int:
    """Return the index of the middle of the longest run of the best value."""
    best = np.flatnonzero(values >= values.max() - 1e-9)
    longest = max(np.split(best, np.flatnonzero(np.diff(best) > 1) + 1), key=len)
    return int(longest[(len(longest) - 1) // 2])
