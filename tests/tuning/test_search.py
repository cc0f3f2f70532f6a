"""Choices of the search where the best one is known."""

import numpy as np
import pytest

from custom.reading.settings import ReaderConfig
from custom.structures.detections import Detections
from custom.tuning.outcomes import LabelledSet, Outcomes
from custom.tuning.search import START, THRESHOLDS, _middle_of_best, _smoothed, search


def set_of(*photos):
    """Photos as (number, detections); a detection is (left, digit, score), 8 x 20 px."""
    rows = [
        (i, [left, 0, left + 8, 20], score, digit)
        for i, (_, boxes) in enumerate(photos)
        for left, digit, score in boxes
    ]
    return LabelledSet(
        'some', Detections.from_model(*zip(*rows, strict=True)), {i: (n,) for i, (n, _) in enumerate(photos)}
    )


def choose(*photos):
    outcomes = Outcomes([set_of(*photos)])
    return search(outcomes, np.arange(len(photos)))


PAIR = ('12', [(0, 1, 0.9), (10, 2, 0.9)])


def test_the_middle_of_the_longest_best_run():
    assert _middle_of_best(np.array([3, 1, 3, 3, 3, 2])) == 3
    assert _middle_of_best(np.array([5, 5])) == 0
    assert _middle_of_best(np.array([1])) == 0


def test_a_threshold_is_smoothed_less_where_photos_are_many():
    shares = np.zeros(len(THRESHOLDS))
    shares[1] = 0.3  # a spike at 0.10
    shares[8:13] = 0.2  # a plain from 0.45 to 0.65
    assert THRESHOLDS[_middle_of_best(_smoothed(shares, 56))] == pytest.approx(0.55)
    assert THRESHOLDS[_middle_of_best(_smoothed(shares, 1_000_000))] == pytest.approx(0.1)


def test_the_threshold_lies_in_the_middle_between_digits_and_insertions():
    # digits score 0.6 and more, insertions beside them 0.3 and less
    config = choose(*[('12', [(0, 1, 0.61), (10, 2, 0.9), (20, 3, 0.29)])] * 30)
    assert 0.4 <= config.score_thr <= 0.5
    assert config.fallback_thrs == ()


def test_a_fallback_is_added_only_where_numbers_are_won():
    sure = [('12', [(0, 1, 0.9), (10, 2, 0.9), (28, 3, 0.65)])] * 30
    config = choose(*sure, *[('7', [(0, 7, 0.3)])] * 10)
    assert config.score_thr > 0.65
    assert config.fallback_thrs[0] <= 0.3
    assert choose(*sure, *[('8', [(0, 7, 0.3)])] * 10).fallback_thrs == ()


def test_a_rule_is_changed_only_where_it_pays_well():
    # 3 is an insertion 18 px away, 0.9 heights, which a smaller gap leaves out
    near = ('12', [(0, 1, 0.9), (10, 2, 0.9), (36, 3, 0.9)])
    single = [('7', [(0, 7, 0.9)])] * 20
    assert choose(near, near, *single).max_gap == START.max_gap
    assert choose(*[near] * 8, *single).max_gap < 0.9


def test_weak_digits_are_accepted_where_they_win_numbers():
    register = ('12345', [*((10 * i, i + 1, 0.9) for i in range(4)), (40, 5, 0.2)])
    insertion = ('1234', [*((10 * i, i + 1, 0.9) for i in range(4)), (40, 5, 0.35)])
    beside = ('12', [(0, 1, 0.9), (10, 2, 0.9), (28, 3, 0.45)])  # keeps the score threshold high
    assert choose(*[beside] * 20, *[register] * 8).weak_thr <= 0.2
    assert choose(*[beside] * 20, *[insertion] * 8).weak_thr > 0.35


def test_each_set_counts_the_same():
    # many photos of the first set need a threshold above 0.65, the few of the second one need less
    many = set_of(*[('12', [(0, 1, 0.9), (10, 2, 0.9), (28, 3, 0.65)])] * 20, *[PAIR] * 20)
    few = set_of(*[('12', [(0, 1, 0.5), (10, 2, 0.5)])] * 10)
    outcomes = Outcomes([many, few])
    assert search(outcomes, np.arange(50)).steps[-1] <= 0.5
    assert search(outcomes, np.arange(40)).score_thr > 0.65


def test_the_start_stays_without_evidence():
    assert search(Outcomes([set_of(PAIR)]), np.arange(0)) == START
    hopeless = choose(*[('12', [(0, 3, 0.9)])] * 5)
    assert hopeless == ReaderConfig(hopeless.score_thr)


def test_photos_that_are_left_out_do_not_count():
    photos = [('12', [(0, 1, 0.61), (10, 2, 0.9), (20, 3, 0.29)])] * 15 + [('1', [(0, 1, 0.1)])] * 60
    assert search(Outcomes([set_of(*photos)]), np.arange(15)) == choose(*photos[:15])
    assert choose(*photos).steps[-1] <= 0.1
