import numpy as np
import pytest

from custom.evaluation import bootstrap
from custom.evaluation.bootstrap import affordable_resamples, bootstrap_interval, estimates, point


def mean_of(values):
    return lambda weights: {'mean': weights @ np.asarray(values) / weights.sum(axis=1)}


def test_every_resample_draws_as_many_photos_as_there_are():
    seen = []

    def figures(weights):
        seen.append(weights)
        return {'photos': weights.sum(axis=1)}

    assert bootstrap_interval(figures, 7, resamples=50) == {}  # 7 in each
    (weights,) = seen
    assert weights.shape == (50, 7)
    assert len(np.unique(weights, axis=0)) > 40
    assert abs(weights.mean() - 1) < 1e-9


def test_the_interval_of_a_share_is_the_binomial_one():
    (low, high) = bootstrap_interval(mean_of([0, 1] * 200), 400, resamples=4000)['mean']
    wide = 1.96 * 0.5 / 400**0.5  # 0.049
    assert low == pytest.approx(0.5 - wide, abs=0.006)
    assert high == pytest.approx(0.5 + wide, abs=0.006)


@pytest.mark.parametrize('values', [[1, 1, 1], [0.1, 0.1, 0.1], [0.5]])
def test_equal_values_have_no_interval(values):
    assert bootstrap_interval(mean_of(values), len(values)) == {}
    assert str(estimates(mean_of(values), len(values))['mean']).endswith('(no interval)')


def test_the_seed_gives_the_same_intervals_in_any_number_of_parts(monkeypatch):
    figures = mean_of(np.arange(30))
    first = bootstrap_interval(figures, 30)
    assert bootstrap_interval(figures, 30) == first
    assert bootstrap_interval(figures, 30, seed=1) != first
    monkeypatch.setattr(bootstrap, 'CELLS', 100)
    assert bootstrap_interval(figures, 30) == first


def test_undefined_draws_are_left_out():
    def figures(weights):
        first = np.where(weights[:, 0] > 0, weights[:, 0], np.nan)
        return {'first': first, 'never': np.full(len(weights), np.nan)}

    assert bootstrap_interval(figures, 2) == {'first': (1, 2)}


def test_the_point_figures_count_each_photo_once():
    assert point(mean_of([1, 2, 6]), 3) == {'mean': 3}


@pytest.mark.parametrize(('boxes', 'resamples'), [(0, 1000), (5_600, 1000), (334_000, 299), (1_306_800, 200)])
def test_many_boxes_are_resampled_less_often(boxes, resamples):
    assert affordable_resamples(boxes) == resamples


def test_estimates_are_values_with_their_intervals():
    assert estimates(mean_of([1, 1, 0, 1]), 4) == {'mean': (0.75, 0.25, 1.0)}
    (never,) = estimates(lambda weights: {'never': np.full(len(weights), np.nan)}, 4).values()
    assert np.isnan(never).all()


def test_a_bias_of_the_draws_does_not_move_the_interval_off_the_estimate():
    def missing(weights):
        return {'share of photos not drawn': (weights == 0).mean(axis=1)}

    assert bootstrap_interval(missing, 50)['share of photos not drawn'][0] > 0.2
    assert estimates(missing, 50)['share of photos not drawn'][:2] == (0, 0)
