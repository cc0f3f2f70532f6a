"""Choices of the search where the best one is known."""

import numpy as np
import pytest

from custom.reading.settings import ReaderConfig
from custom.structures.annotations import DigitAnnotations
from custom.structures.detections import Detections
from custom.tuning.outcomes import THRESHOLDS, Outcomes
from custom.tuning.search import START, _best_threshold, _middle_of_best, search


def outcomes_of(*photos):
    """Photos as (number, detections); a detection is (left, digit, score, optional height), 8 px wide."""
    truth, detections = [], []
    for image_id, (number, boxes) in enumerate(photos):
        truth += [(image_id, [10.0 * i, 0, 8, 20], int(digit)) for i, digit in enumerate(number)]
        for left, digit, score, *height in boxes:
            detections.append((image_id, [left, 0, left + 8, *(height or [20])], score, digit))
    ids = np.arange(len(photos))
    columns = [np.array(column) for column in zip(*truth, strict=True)]
    annotations = DigitAnnotations(ids, [], np.full((len(ids), 2), 99), *columns, np.zeros(len(truth), dtype=bool))
    return Outcomes(Detections.from_model(*zip(*detections, strict=True)), annotations)


def choose(*photos):
    outcomes = outcomes_of(*photos)
    return search(outcomes, np.arange(len(photos)))


def test_the_middle_of_the_longest_best_run():
    assert _middle_of_best(np.array([3, 1, 3, 3, 3, 2])) == 3
    assert _middle_of_best(np.array([5, 5])) == 0
    assert _middle_of_best(np.array([1])) == 0


def test_a_threshold_is_smoothed_less_where_photos_are_many():
    right = np.zeros(len(THRESHOLDS))
    right[5] = 30  # a spike at 0.10
    right[40:61] = 20  # a plain from 0.45 to 0.65
    assert _best_threshold(right, 56) == 0.55
    assert _best_threshold(right, 1_000_000) == 0.1


def test_the_threshold_lies_in_the_middle_between_digits_and_insertions():
    # digits score 0.6 and more, insertions beside them 0.3 and less
    config = choose(*[('12', [(0, 1, 0.6), (10, 2, 0.9), (20, 3, 0.3)])] * 60)
    assert config.score_thr == pytest.approx(0.45, abs=0.011)
    assert config.fallback_thrs == ()


def test_a_fallback_is_added_only_where_a_number_is_won():
    long = ('456', [(0, 4, 0.9), (10, 5, 0.9), (20, 6, 0.9)])  # so that no limit of two digits helps
    sure = [long, *[('12', [(0, 1, 0.9), (10, 2, 0.9), (20, 3, 0.6)])] * 60]
    config = choose(*sure, *[('7', [(0, 7, 0.3), (10, 3, 0.1)])] * 10)
    assert config.score_thr > 0.6
    assert len(config.fallback_thrs) == 1 and 0.1 < config.fallback_thrs[0] <= 0.3
    assert choose(*sure, *[('8', [(0, 7, 0.3)])] * 10).fallback_thrs == ()


def test_a_rule_that_loses_numbers_is_turned_off():
    # two digits 30 px apart, 1.5 heights
    wide = ('12', [(0, 1, 0.9), (38, 2, 0.9)])
    assert choose(*[wide] * 4).max_gap is None
    uneven = ('12', [(0, 1, 0.9), (10, 2, 0.8, 45)])
    assert choose(*[uneven] * 4).size_ratio is None


def test_a_rule_is_changed_only_where_it_pays_well():
    # an insertion 10 px away, half a height, which only a smaller gap than START's leaves out
    near = ('12', [(0, 1, 0.9), (10, 2, 0.8), (28, 3, 0.9)])
    assert START.max_gap == 0.6
    assert choose(*[near] * 1, *[('7', [(0, 7, 0.9)])] * 20).max_gap == 0.6
    assert choose(*[near] * 8, *[('7', [(0, 7, 0.9)])] * 20).max_gap == 0.4


def test_a_length_limit_is_the_longest_number_and_pays_with_two_photos():
    pair, crowd = ('12', [(0, 1, 0.9), (10, 2, 0.9)]), ('12', [(0, 1, 0.9), (10, 2, 0.8), (20, 3, 0.7)])
    faint = ('34', [(0, 3, 0.7), (10, 4, 0.6)])  # keeps the threshold low
    assert choose(*[pair] * 20, *[faint] * 20, crowd).max_digits is None
    assert choose(*[pair] * 20, *[faint] * 20, *[crowd] * 3).max_digits == 2


def test_the_start_stays_without_evidence():
    outcomes = outcomes_of(('12', [(0, 1, 0.9), (10, 2, 0.9)]))
    assert search(outcomes, np.arange(0)) == ReaderConfig(0.5, max_gap=START.max_gap, size_ratio=START.size_ratio)
    hopeless = choose(*[('12', [(0, 3, 0.9)])] * 5)
    assert (hopeless.max_gap, hopeless.size_ratio, hopeless.fallback_thrs) == (START.max_gap, START.size_ratio, ())


def test_photos_that_are_left_out_do_not_count():
    photos = [('12', [(0, 1, 0.6), (10, 2, 0.9), (20, 3, 0.3)])] * 30 + [('1', [(0, 1, 0.1)])] * 300
    assert search(outcomes_of(*photos), np.arange(30)) == choose(*photos[:30])
    assert choose(*photos).steps[-1] <= 0.1
