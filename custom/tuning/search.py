"""Greedy search for the thresholds and rules that read most numbers correctly, regularised for few photos."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..reading.settings import ReaderConfig
from .outcomes import THRESHOLDS, Outcomes

# Ground-truth boxes of SVHN's 33,402 training photos lose 0.2 % of the numbers to these rules. Predictions of five
# models gained 2 to 6 % over the best threshold alone, on photos that did not choose the threshold: docs/accuracy.md.
START = ReaderConfig(max_gap=0.6, size_ratio=1.5)
OPTIONAL = ('max_gap', 'size_ratio', 'max_digits')  # rules that can be off
STEPS = 3  # fall-back thresholds at most
WINDOW = 0.75  # half-width of the smoothing, in score, times the root of the photos: 0.1 for 56, 0.013 for 3,340


def search(outcomes: Outcomes, rows: np.ndarray) -> ReaderConfig:
    """Choose thresholds and rules on some of the photos, (R,) `rows`; without any, START with a threshold of 0.5.

    From START on, the one change that reads most numbers correctly is made, as long as one pays. To turn a rule off
    pays where one more number is right. Any other change pays where the photos won outnumber those lost by 2 and by 1.5
    standard deviations of chance. With every change the score threshold is chosen again, in the middle of the best
    stretch of the smoothed curve of right numbers. Each fall-back threshold that wins a photo follows.
    """
    best = _with_threshold(outcomes, rows, START)
    while changes := [
        (_right(outcomes, rows, changed), -i, changed)
        for i, changed in enumerate(_changes(outcomes, rows, best))
        if _pays(outcomes, rows, changed, best)
    ]:
        best = max(changes, key=lambda change: change[:2])[2]
    return _with_fallbacks(outcomes, rows, best)


def _changes(outcomes: Outcomes, rows: np.ndarray, config: ReaderConfig) -> Iterator[ReaderConfig]:
    """Yield one change of each rule, simpler ones first: the best other value, of equally good ones the middle."""
    longest = max((len(outcomes.true[i]) for i in rows), default=0) or None
    changes: list[tuple[str, tuple[Any, ...]]] = [
        *((rule, (None,)) for rule in OPTIONAL if getattr(config, rule) is not None),
        ('max_gap', (0.4, 0.6, 0.8, 1.2)),
        ('size_ratio', (1.3, 1.5, 2.0)),
        ('iou_thr', (0.2, 0.3, 0.4, 0.5)),
        ('max_digits', (longest,)),
        ('layout', ('line', 'rows')),
    ]
    for rule, values in changes:
        if others := [replace(config, **{rule: value}) for value in values if value != getattr(config, rule)]:
            tried = [_with_threshold(outcomes, rows, other) for other in others]
            yield tried[_middle_of_best(np.array([_right(outcomes, rows, changed) for changed in tried]))]


def _pays(outcomes: Outcomes, rows: np.ndarray, changed: ReaderConfig, config: ReaderConfig) -> bool:
    after, before = outcomes.right(changed)[rows], outcomes.right(config)[rows]
    won, lost = int((after & ~before).sum()), int((before & ~after).sum())
    off, off_before = (sum(getattr(own, rule) is None for rule in OPTIONAL) for own in (changed, config))
    return won - lost >= (1 if off > off_before else max(2, 1.5 * math.sqrt(won + lost)))


def _right(outcomes: Outcomes, rows: np.ndarray, config: ReaderConfig) -> int:
    return int(outcomes.right(config)[rows].sum())


def _with_threshold(outcomes: Outcomes, rows: np.ndarray, config: ReaderConfig) -> ReaderConfig:
    best = _best_threshold(outcomes.hits(config)[rows].sum(axis=0), len(rows))
    return replace(config, score_thr=best, fallback_thrs=())


def _with_fallbacks(outcomes: Outcomes, rows: np.ndarray, config: ReaderConfig) -> ReaderConfig:
    """Add fall-back thresholds as long as one more gives a right number where no candidate passed."""
    while len(config.fallback_thrs) < STEPS:
        last = np.searchsorted(THRESHOLDS, config.steps[-1])
        empty = rows[~outcomes.any_passes(config)[rows, last]]
        lower = outcomes.hits(config)[empty, :last].sum(axis=0)
        if not lower.size:
            break
        changed = replace(config, fallback_thrs=(*config.fallback_thrs, _best_threshold(lower, len(rows))))
        if _right(outcomes, rows, changed) <= _right(outcomes, rows, config):
            break
        config = changed
    return config


def _best_threshold(right: np.ndarray, photos: int) -> float:
    """Choose among the first thresholds by their right numbers (T,), smoothed over neighbouring thresholds."""
    half = round(WINDOW / math.sqrt(max(photos, 1)) / (THRESHOLDS[1] - THRESHOLDS[0]))
    sums, centres = np.concatenate([[0], right.cumsum()]), np.arange(len(right))
    start, stop = (centres - half).clip(min=0), (centres + half + 1).clip(max=len(right))
    return float(THRESHOLDS[_middle_of_best((sums[stop] - sums[start]) / (stop - start))])


def _middle_of_best(values: np.ndarray) -> int:
    """Return the index of the middle of the longest run of the best value."""
    best = np.flatnonzero(values >= values.max() - 1e-9)
    longest = max(np.split(best, np.flatnonzero(np.diff(best) > 1) + 1), key=len)
    return int(longest[(len(longest) - 1) // 2])
