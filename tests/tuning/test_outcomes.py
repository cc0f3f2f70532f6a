"""Tables of the search against reading itself."""

import itertools

import numpy as np
import pytest
from helpers.scenes import scenes

from custom.reading.numbers import read_numbers
from custom.reading.settings import ReaderConfig
from custom.structures.annotations import DigitAnnotations
from custom.structures.detections import Detections
from custom.tuning.outcomes import THRESHOLDS, Outcomes

CONFIGS = [
    ReaderConfig(*thresholds, *rules)
    for thresholds, rules in itertools.product(
        [(0.5, 0.3), (0.3, 0.6, (0.1,)), (0.9, 0.2, (0.7, 0.4, 0.05)), (0.05, 0.3)],
        [(), (0.5, None), (None, 1.3), (0.6, 1.5, 'rows', 3), (None, None, 'line', 2)],
    )
    for thresholds, rules in [((*thresholds, ())[:3], rules)]
]


@pytest.mark.parametrize('config', CONFIGS)
def test_right_is_what_reading_gives(config):
    detections, truth = scenes()
    outcomes = Outcomes(detections, truth)
    readings = read_numbers(detections, outcomes.image_ids, config)
    right = [readings[i].number == number for i, number in zip(outcomes.image_ids.tolist(), outcomes.true, strict=True)]
    assert outcomes.right(config).tolist() == right
    assert 0 < sum(right) < len(right)


def test_the_table_by_hand():
    # detections of 41 score 0.9 and 0.4, an insertion of 7 scores 0.2
    boxes, xyxy = [[0.0, 0, 6, 10], [8.0, 0, 6, 10]], [[0, 0, 6, 10], [8, 0, 14, 10], [40, 0, 46, 10]]
    truth = DigitAnnotations(
        np.array([9, 5]),
        [],
        np.full((2, 2), 99),
        np.array([9, 9]),
        np.array(boxes),
        np.array([4, 1]),
        np.zeros(2, bool),
    )
    outcomes = Outcomes(Detections.from_model([9] * 3 + [7], [*xyxy, xyxy[0]], [0.9, 0.4, 0.2, 1], [4, 1, 7, 7]), truth)
    assert (outcomes.image_ids.tolist(), outcomes.true) == ([5, 9], ['', '41'])
    assert outcomes.any_passes(ReaderConfig()).sum(axis=1).tolist() == [0, np.sum(THRESHOLDS <= 0.9)]
    plain, gap = outcomes.hits(ReaderConfig()), outcomes.hits(ReaderConfig(max_gap=1))
    assert plain[0].all() and gap[0].all()
    assert plain[1].tolist() == [0.2 < threshold <= 0.4 for threshold in THRESHOLDS.tolist()]
    assert gap[1].tolist() == [threshold <= 0.4 for threshold in THRESHOLDS.tolist()]


def test_no_detection():
    _, truth = scenes()
    outcomes = Outcomes(Detections.from_model([], [], [], []), truth)
    assert outcomes.right(ReaderConfig()).tolist() == [not number for number in outcomes.true]
