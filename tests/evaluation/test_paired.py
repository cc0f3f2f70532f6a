import numpy as np
import pytest

from custom.evaluation.paired import PairedCounts


def test_photos_are_counted_by_both_answers():
    first = np.array([True, True, False, False, True], dtype=bool)
    second = np.array([True, False, True, False, True], dtype=bool)
    assert PairedCounts.of(first, second) == PairedCounts(both=2, lost=1, won=1, neither=1)


@pytest.mark.parametrize(
    ('lost', 'won', 'p'),
    [
        (0, 0, 1.0),  # nothing changed
        (0, 1, 1.0),  # one toss says nothing
        (0, 5, 2 / 2**5),
        (5, 0, 2 / 2**5),
        (1, 7, 2 * (1 + 8) / 2**8),
        (3, 3, 1.0),
    ],
)
def test_the_sign_test_is_exact_and_two_sided(lost, won, p):
    assert PairedCounts(100, lost, won, 50).p_value == pytest.approx(p, abs=1e-12)
