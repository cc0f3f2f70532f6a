"""The choice of thresholds and rules by which most numbers are read right, held back where photos are few."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..reading.settings import ReaderConfig
from .outcomes import THRESHOLDS, Outcomes

# The rules that the search starts from. Perfect boxes of SVHN's 33,402 training photos lose 0.2 % of the numbers to
# them. The predictions of five models gained 2 to 6 % over the best threshold alone, on photos that had no part in the
# choice of the threshold: docs/accuracy.md.
START = ReaderConfig(max_gap=0.6, size_ratio=1.5)
OPTIONAL = ('max_gap', 'size_ratio', 'max_digits')  # rules that can be off
STEPS = 3  # fall-back thresholds at most
WINDOW = 0.75  # half-width of the smoothing, in score, times the root of the photos: 0.1 for 56, 0.013 for 3,340


def search(outcomes: Outcomes, rows: np.ndarray) -> ReaderConfig:
    """Choose thresholds and rules on some of the photos.

    From START on, the one change that reads most numbers right is made, as long as one pays: a rule is put off when
    reading without it is right more often, and put on or set otherwise when the photos won outnumber those lost by 2
    and by one and a half standard deviations of chance. With every change the score threshold is chosen anew, on the
    smoothed curve of right numbers, in the middle of its best stretch. Each fall-back step that wins a photo follows.

    Args:
        outcomes: of all photos.
        rows: (R,) the photos to choose on. Without any, it is START with a threshold of 0.5.
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
    """One change of each rule: its best other value, and of equally good ones the middle; simpler ones come first."""
    longest = max((len(outcomes.true[i]) for i in rows), default=0) or None
    values: dict[str, tuple[Any, ...]] = {
        'max_gap': (0.4, 0.6, 0.8, 1.2),
        'size_ratio': (1.3, 1.5, 2.0),
        'iou_thr': (0.2, 0.3, 0.4, 0.5),
        'max_digits': (longest,),
        'layout': ('line', 'rows'),
    }

    def with_rule(rule: str, value: Any) -> ReaderConfig:
        return _with_threshold(outcomes, rows, replace(config, **{rule: value}))

    for rule in OPTIONAL:
        if getattr(config, rule) is not None:
            yield with_rule(rule, None)
    for rule, options in values.items():
        if others := [value for value in options if value != getattr(config, rule)]:
            tried = [with_rule(rule, value) for value in others]
            yield tried[_middle_of_best(np.array([_right(outcomes, rows, config) for config in tried]))]


def _pays(outcomes: Outcomes, rows: np.ndarray, changed: ReaderConfig, config: ReaderConfig) -> bool:
    after, before = outcomes.right(changed)[rows], outcomes.right(config)[rows]
    won, lost = int((after & ~before).sum()), int((before & ~after).sum())
    simpler = sum(getattr(changed, rule) is None for rule in OPTIONAL) > sum(
        getattr(config, rule) is None for rule in OPTIONAL
    )
    return won - lost >= (1 if simpler else max(2, 1.5 * math.sqrt(won + lost)))


def _right(outcomes: Outcomes, rows: np.ndarray, config: ReaderConfig) -> int:
    return int(outcomes.right(config)[rows].sum())


def _with_threshold(outcomes: Outcomes, rows: np.ndarray, config: ReaderConfig) -> ReaderConfig:
    best = _best_threshold(outcomes.hits(config)[rows].sum(axis=0), len(rows))
    return replace(config, score_thr=best, fallback_thrs=())


def _with_fallbacks(outcomes: Outcomes, rows: np.ndarray, config: ReaderConfig) -> ReaderConfig:
    """Add steps as long as one more gives a right number where no place passed."""
    while len(config.fallback_thrs) < STEPS:
        steps = np.searchsorted(THRESHOLDS, config.steps)
        empty = rows[~outcomes.found(config)[rows, steps[-1]]]
        lower = outcomes.hits(config)[empty, : steps[-1]].sum(axis=0)
        if not lower.size:
            break
        step = _best_threshold(lower, len(rows))
        changed = replace(config, fallback_thrs=(*config.fallback_thrs, step))
        if _right(outcomes, rows, changed) <= _right(outcomes, rows, config):
            break
        config = changed
    return config


def _best_threshold(right: np.ndarray, photos: int) -> float:
    """Of the first thresholds, the one with most right numbers (T,), smoothed over its neighbours."""
    half = round(WINDOW / math.sqrt(max(photos, 1)) / (THRESHOLDS[1] - THRESHOLDS[0]))
    sums = np.concatenate([[0], right.cumsum()])
    places = np.arange(len(right))
    start, stop = (places - half).clip(min=0), (places + half + 1).clip(max=len(right))
    return float(THRESHOLDS[_middle_of_best((sums[stop] - sums[start]) / (stop - start))])


def _middle_of_best(values: np.ndarray) -> int:
    """Index of the middle of the longest run of the best value.

    Example:
        >>> _middle_of_best(np.array([3, 1, 3, 3, 3, 2]))
        3
    """
    best = np.flatnonzero(values >= values.max() - 1e-9)
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(runs, key=len)
    return int(longest[(len(longest) - 1) // 2])
