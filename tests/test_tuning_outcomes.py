"""What the search looks at, against reading itself."""

import itertools

import numpy as np
import pytest

from custom.annotations import DigitAnnotations
from custom.predictions import Detections
from custom.reader_config import ReaderConfig
from custom.reading import read_numbers
from custom.tuning_outcomes import THRESHOLDS, Outcomes


def scenes(photos=60, seed=0, empty=0.1):
    """Numbers of up to four digits, found with mistakes: digits lost, doubled, misread, and phantoms of all sizes."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for image_id in rng.permutation(1000)[:photos].tolist():
        count = 0 if rng.random() < empty else int(rng.integers(1, 5))
        for i, label in enumerate(rng.integers(0, 10, count).tolist()):
            truth.append((image_id, [20.0 * i, 5.0, 16.0, 30.0], label))
            if rng.random() < 0.9:
                seen = label if rng.random() < 0.9 else (label + 1) % 10
                found.append((image_id, [20.0 * i, 5, 20 * i + 16, 35], rng.beta(4, 2), seen))
            if rng.random() < 0.3:
                found.append((image_id, [20.0 * i + 1, 5, 20 * i + 17, 36], rng.beta(2, 4), (label + 5) % 10))
        for left, height in zip(rng.uniform(-80, 160, 2), rng.uniform(8, 60, 2), strict=True):
            found.append((image_id, [left, 5, left + 10, 5 + height], rng.beta(1, 4), int(rng.integers(10))))
        truth.append((image_id, None, None))
    ids = np.array(list(dict.fromkeys(row[0] for row in truth)), dtype=np.int64)
    boxes = [row for row in truth if row[1]]
    annotations = DigitAnnotations(
        ids,
        [],
        np.full((len(ids), 2), 200),
        np.array([row[0] for row in boxes], dtype=np.int64),
        np.array([row[1] for row in boxes], dtype=float).reshape(-1, 4),
        np.array([row[2] for row in boxes], dtype=np.int64),
        np.zeros(len(boxes), dtype=bool),
    )
    order = rng.permutation(len(found))
    columns = zip(*(found[i] for i in order), strict=True)
    return Detections.from_model(*columns), annotations


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
    # 41 is found with 0.9 and 0.4, and a phantom 7 with 0.2
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
    assert outcomes.found(ReaderConfig()).sum(axis=1).tolist() == [0, np.sum(THRESHOLDS <= 0.9)]
    plain, gap = outcomes.hits(ReaderConfig()), outcomes.hits(ReaderConfig(max_gap=1))
    assert plain[0].all() and gap[0].all()
    assert plain[1].tolist() == [0.2 < threshold <= 0.4 for threshold in THRESHOLDS.tolist()]
    assert gap[1].tolist() == [threshold <= 0.4 for threshold in THRESHOLDS.tolist()]


def test_nothing_found():
    _, truth = scenes()
    outcomes = Outcomes(Detections.from_model([], [], [], []), truth)
    assert outcomes.right(ReaderConfig()).tolist() == [not number for number in outcomes.true]
