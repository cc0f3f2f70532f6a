import numpy as np
import pytest

from custom.evaluation.bootstrap import point
from custom.evaluation.number_accuracy import NumberResults, calibration_error, coverage, edits, reliability_curve
from custom.reading.numbers import Reading
from custom.utils.errors import UserError


def reading(number, confidence=0.5):
    return Reading(number, confidence, np.zeros(0, dtype=np.int64))


@pytest.mark.parametrize(
    ('number', 'true', 'wrong_phantom_missing'),
    [
        ('', '', (0, 0, 0)),
        ('05', '05', (0, 0, 0)),
        ('', '123', (0, 0, 3)),
        ('123', '', (0, 3, 0)),
        ('183', '1834', (0, 0, 1)),
        ('1834', '183', (0, 1, 0)),
        ('1183', '183', (0, 1, 0)),
        ('185', '183', (1, 0, 0)),
        ('5', '05', (0, 0, 1)),
        ('1183', '1834', (0, 1, 1)),  # as short as three wrong digits is not
        ('12', '21', (2, 0, 0)),  # rather than one taken out and put in again
        ('91', '18', (2, 0, 0)),
        ('79', '1', (1, 1, 0)),
        ('1' * 60, '1' * 3, (0, 57, 0)),
    ],
)
def test_edits(number, true, wrong_phantom_missing):
    assert edits(number, true) == wrong_phantom_missing
    wrong, phantom, missing = wrong_phantom_missing
    assert edits(true, number) == (wrong, missing, phantom)


def test_the_figures_by_hand():
    true = {4: '05', 2: '7', 3: '12', 1: ''}
    readings = {1: reading('8', 0.15), 2: reading('7', 0.95), 3: reading('', 0.05), 4: reading('06', 0.85)}
    results = NumberResults.of(readings, true)
    assert results.lengths.tolist() == [2, 1, 2, 0]
    assert point(results.figures, 4) == pytest.approx(
        {
            'accuracy': 1 / 4,
            'edit_distance': (1 + 0 + 2 + 1) / 4,
            'wrong_digits': 1 / 4,
            'phantom_digits': 1 / 4,
            'missing_digits': 2 / 4,
            'empty': 1 / 4,
            'ece': (0.15 + 0.05 + 0.05 + 0.85) / 4,  # each photo is alone in its bin
            'coverage_95': 1 / 4,
            'coverage_99': 1 / 4,
            'accuracy_0_digits': 0,
            'accuracy_1_digits': 1,
            'accuracy_2_digits': 0,
        }
    )


def test_weights_equal_photos_drawn_as_often():
    rng = np.random.default_rng(0)
    numbers = [str(number) for number in rng.integers(0, 400, 30)]
    true = {i: number if rng.random() < 0.6 else str(rng.integers(0, 400)) for i, number in enumerate(numbers)}
    readings = {i: reading(number, round(rng.random(), 1)) for i, number in enumerate(numbers)}
    weights = rng.multinomial(30, np.full(30, 1 / 30), size=4)
    rows = NumberResults.of(readings, true).figures(weights.astype(float))
    for row, weight in enumerate(weights):
        copies = [(i, 100 * i + copy) for i, n in enumerate(weight) for copy in range(n)]
        drawn = NumberResults.of({new: readings[old] for old, new in copies}, {new: true[old] for old, new in copies})
        expected = point(drawn.figures, 30)
        here = {name: values[row] for name, values in rows.items()}
        assert here == pytest.approx({**dict.fromkeys(here, np.nan), **expected}, nan_ok=True)


def test_no_photo_is_refused():
    with pytest.raises(UserError, match='no photo to score'):
        NumberResults.of({}, {})


def test_calibration_error_over_ten_bins():
    ones = np.ones((1, 4))
    right = np.array([True, False, True, True])
    # 0.5 and 0.5: one of two right, off by 0; 0.9 and 1: both right, off by 0.05 on average.
    assert calibration_error(np.array([0.5, 0.5, 0.9, 1.0]), right, ones) == pytest.approx([0.025])
    # Over- and underconfidence in different bins do not cancel out.
    assert calibration_error(np.array([0.3, 0.7]), np.array([1, 0]), np.ones((1, 2))) == pytest.approx([0.7])


def test_coverage_ends_at_the_last_confidence_that_is_accurate_enough():
    confidences, right = np.array([0.2, 0.9, 0.8, 0.7, 0.6]), np.array([0, 1, 1, 0, 1])

    def at(accuracy):
        return coverage(confidences, right, np.ones((1, 5)), accuracy).tolist()

    assert at(1) == [0.4]
    assert at(0.75) == [0.8]  # 2 of 3 are too few, 3 of 4 are enough again
    assert at(0.6) == [1]
    assert coverage(confidences, 1 - right, np.ones((1, 5)), 0.95).tolist() == [0]


def test_coverage_takes_equal_confidences_together():
    confidences, right = np.array([0.9, 0.9, 0.5]), np.array([1, 0, 1])
    assert coverage(confidences, right, np.ones((1, 3)), 0.95).tolist() == [0]
    assert coverage(confidences, right, np.array([[3.0, 0, 0], [2, 1, 0]]), 0.95).tolist() == [1, 0]


def test_the_reliability_curve_by_hand():
    curve = reliability_curve([0.0, 0.05, 0.1, 0.95, 1.0], [False, True, True, True, True])
    assert curve == [(0.0, 0.1, 2, 0.025, 0.5), (0.1, 0.2, 1, 0.1, 1.0), (0.9, 1.0, 2, pytest.approx(0.975), 1.0)]
    assert curve[-1].photos == 2
    assert reliability_curve([], []) == []
