import numpy as np
import pytest

from custom.utils.estimates import Estimate, mean_count, share, wilson


@pytest.mark.parametrize(
    ('hits', 'total', 'low', 'high'),
    [
        (11, 11, 0.741, 1.0),
        (0, 11, 0.0, 0.259),
        (4, 4, 0.510, 1.0),
        (0, 4, 0.0, 0.490),
        (5, 10, 0.237, 0.763),
        (90, 100, 0.826, 0.945),
        (45, 56, 0.682, 0.887),
    ],
)
def test_wilsons_interval(hits, total, low, high):
    assert share(hits, total) == pytest.approx((hits / total, low, high), abs=5e-4)


def test_the_interval_is_scipys():
    stats = pytest.importorskip('scipy.stats')
    for hits, total in ((0, 1), (3, 7), (11, 11), (200, 256)):
        theirs = stats.binomtest(hits, total).proportion_ci(method='wilson')
        assert share(hits, total)[1:] == pytest.approx((theirs.low, theirs.high), abs=1e-7)


def test_the_share_lies_within_to_the_last_bit():
    hits, total = np.array([(hits, total) for total in range(1, 80) for hits in range(total + 1)]).T
    low, high = wilson(hits, total)
    assert ((low <= hits / total) & (hits / total <= high)).all()
    assert (low[hits == 0] == 0).all() and (high[hits == total] == 1).all()


def test_a_mean_count_is_never_certain():
    assert mean_count(np.zeros(56, int)) == pytest.approx((0, 0, 1.96**2 / 56), abs=1e-4)
    value, low, high = mean_count(np.ones(56, int))
    assert value == 1 and low < 0.8 and high > 1.25
    few, several = (mean_count(np.array(counts)) for counts in ([0, 0, 0, 1] * 40, ([0] * 15 + [4]) * 10))
    assert few.value == several.value and several.high - several.low > 1.3 * (few.high - few.low)


@pytest.mark.parametrize(('rate', 'extra'), [(0.02, 0), (0.2, 0), (0.1, 2)])
def test_the_interval_of_a_mean_count_holds_the_true_one(rate, extra):
    """Of 500 samples of 56 photos, with 1 + extra errors on some, at least 90 % do."""
    rng = np.random.default_rng(0)
    found = [mean_count((rng.random(56) < rate) * (1 + extra)) for _ in range(500)]
    assert np.mean([low <= rate * (1 + extra) <= high for _, low, high in found]) >= 0.9


def test_an_estimate_as_text():
    assert str(Estimate(0.75, 0.25, 1.0)) == '0.750 (0.250-1.000)'
    assert str(Estimate(0.75, np.nan, np.nan)) == '0.750 (no interval)'
