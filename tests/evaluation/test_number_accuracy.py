import numpy as np
import pytest

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
    assert results.figures() == pytest.approx(
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


def draw(photos, rng, power=1.0):
    """Draw confidences and answers; the accuracy is the confidence to this power."""
    confidences = rng.beta(4, 1, photos)
    return confidences, rng.random(photos) < confidences**power


@pytest.mark.parametrize('photos', [1, 11, 56, 400])
@pytest.mark.parametrize('right', ['all', 'none', 'calibrated'])
def test_every_interval_holds_its_estimate(photos, right):
    rng = np.random.default_rng(photos)
    confidences, hits = draw(photos, rng)
    hits = {'all': np.ones(photos, bool), 'none': np.zeros(photos, bool), 'calibrated': hits}[right]
    wrong = np.where(hits[:, None], 0, rng.integers(0, 3, (photos, 3)))
    results = NumberResults(rng.integers(1, 4, photos), hits, ~hits, confidences, wrong)
    for name, (value, low, high) in results.estimates().items():
        assert 0 <= low <= value <= high, name
        if low < 1 or 'coverage' not in name:  # 400 right ones are enough for an accuracy of 95 %
            assert high > low, name


@pytest.mark.parametrize('power', [1.0, 1.7])
@pytest.mark.parametrize('photos', [11, 56, 240])
def test_the_intervals_hold_the_true_value(photos, power):
    """Of 200 samples at least 92 % do, whether the confidence is calibrated or too high; a bootstrap's were 0 to 94."""
    rng = np.random.default_rng(0)
    known = draw(400_000, rng, power)
    true = calibration_error(*known).value, coverage(*known, 0.95).value
    held = np.zeros(2)
    for _ in range(200):
        sample = draw(photos, rng, power)
        found = calibration_error(*sample), coverage(*sample, 0.95)
        held += [each.low <= value <= each.high for each, value in zip(found, true, strict=True)]
    assert held.min() / 200 >= 0.92


def test_the_interval_of_the_calibration_error_by_hand():
    # One bin, 1 of 4 right: 0.25, Wilson 0.046 to 0.699. The gap to 0.75 is 0.5, from 0.051 to 0.704. Chance alone
    # makes sqrt(2 / pi * 0.75 * 0.25 / 4) = 0.173 of it.
    value, low, high = calibration_error(np.full(4, 0.75), np.array([1, 0, 0, 0]))
    assert (value, low, high) == pytest.approx((0.5, max(0.5 - 0.173 - 0.449, 0), 0.704), abs=1e-3)


def test_the_interval_of_coverage_by_hand():
    # Wilson of the first n, all right, begins at n / (n + 3.84): from 73 on it reaches 0.95. The upper end of 99 of 100
    # does, too.
    confidences = np.linspace(1, 0, 100)
    assert coverage(confidences, np.ones(100), 0.95) == (1, 1, 1)
    assert coverage(confidences[:72], np.ones(72), 0.95) == (1, 0, 1)
    half = coverage(confidences, np.arange(100) < 80, 0.95)
    assert half == (0.84, 0.8, pytest.approx(0.89, abs=0.02))  # Wilson of 80 of 80 is 0.954 to 1, of 80 of 88 to 0.953


def test_no_photo_is_refused():
    with pytest.raises(UserError, match='no photo to score'):
        NumberResults.of({}, {})


def test_calibration_error_over_ten_bins():
    right = np.array([True, False, True, True])
    # 0.5 and 0.5: one of two right, off by 0; 0.9 and 1: both right, off by 0.05 on average.
    assert calibration_error(np.array([0.5, 0.5, 0.9, 1.0]), right).value == pytest.approx(0.025)
    # Over- and underconfidence in different bins do not cancel out.
    assert calibration_error(np.array([0.3, 0.7]), np.array([1, 0])).value == pytest.approx(0.7)


def test_coverage_ends_at_the_last_confidence_that_is_accurate_enough():
    confidences, right = np.array([0.2, 0.9, 0.8, 0.7, 0.6]), np.array([0, 1, 1, 0, 1])

    def at(accuracy):
        return coverage(confidences, right, accuracy).value

    assert at(1) == 0.4
    assert at(0.75) == 0.8  # 2 of 3 are too few, 3 of 4 are enough again
    assert at(0.6) == 1
    assert coverage(confidences, 1 - right, 0.95).value == 0


def test_coverage_takes_equal_confidences_together():
    assert coverage(np.array([0.9, 0.9, 0.5]), np.array([1, 0, 1]), 0.95).value == 0
    assert coverage(np.array([0.9, 0.8, 0.5]), np.array([1, 0, 1]), 0.95).value == 1 / 3


def test_the_reliability_curve_by_hand():
    curve = reliability_curve([0.0, 0.05, 0.1, 0.95, 1.0], [False, True, True, True, True])
    assert curve == [(0.0, 0.1, 2, 0.025, 0.5), (0.1, 0.2, 1, 0.1, 1.0), (0.9, 1.0, 2, pytest.approx(0.975), 1.0)]
    assert curve[-1].photos == 2
    assert reliability_curve([], []) == []
