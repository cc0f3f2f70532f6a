"""Readings of several sets against reading itself."""

import numpy as np
import pytest
from helpers.scenes import scenes

from custom.reading.numbers import read_numbers
from custom.reading.settings import ReaderConfig
from custom.structures.detections import Detections
from custom.tuning.outcomes import LabelledSet, Outcomes

CONFIGS = [
    ReaderConfig(0.5),
    ReaderConfig(0.9, 0.2, (0.7, 0.05)),
    ReaderConfig(0.6, 0.3, (), 1.0, 0.5, None),
    ReaderConfig(0.3, max_gap=None, calibration=(0.5, 1.0), empty_right=0.5),
]


@pytest.mark.parametrize('config', CONFIGS)
def test_right_is_what_reading_gives(config):
    sets = [LabelledSet.of_boxes(str(seed), *scenes(30, seed)) for seed in (0, 1)]
    right = []
    for one in sets:
        readings = read_numbers(one.detections, one.numbers, config)
        right += [readings[i].number in one.numbers[i] for i in sorted(one.numbers)]
    assert Outcomes(sets).right(config).tolist() == right
    assert 0 < sum(right) < len(right)


def test_each_set_weighs_the_same():
    sets = [LabelledSet.of_boxes(str(photos), *scenes(photos)) for photos in (10, 30)]
    outcomes = Outcomes(sets)
    assert outcomes.set_of.tolist() == [0] * 10 + [1] * 30
    weights = outcomes.weights(np.arange(40))
    assert weights[:10].sum() == weights[10:].sum() == pytest.approx(0.5)
    assert outcomes.weights(np.array([0, 1])).tolist() == [0.5, 0.5]  # of one set alone


def test_any_of_several_numbers_is_right_and_other_photos_are_ignored():
    found = Detections.from_model([4, 4, 9], [[0, 0, 6, 10], [8, 0, 14, 10], [0, 0, 6, 10]], [0.9] * 3, [1, 2, 3])
    outcomes = Outcomes([LabelledSet('a', found, {4: ('7', '12'), 5: ('',), 6: ('1',)})])
    assert outcomes.right(ReaderConfig()).tolist() == [True, True, False]
    assert outcomes.boxes == 2
