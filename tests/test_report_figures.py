import numpy as np
import pytest

from custom.annotations import DigitAnnotations
from custom.intervals import point
from custom.matching import match_boxes
from custom.number_figures import NumberResults
from custom.predictions import Detections
from custom.report_figures import answer_curve, box_estimates, number_estimates, precision_at_recalls


def numbers(right, confidences):
    n = len(right)
    right = np.array(right, dtype=bool)
    edits = np.stack([~right, np.zeros(n), np.zeros(n)], axis=1).astype(int)
    return NumberResults(np.ones(n, dtype=int), right, np.zeros(n, dtype=bool), np.array(confidences), edits)


def random_matches(seed=0, photos=40):
    """Boxes of two digits near and far from the true ones; some true boxes are crowds."""
    rng = np.random.default_rng(seed)
    ids, labels = np.repeat(np.arange(photos), 2), np.tile([3, 7], photos)
    bboxes = np.hstack([rng.uniform(0, 50, (2 * photos, 2)), np.full((2 * photos, 2), 20.0)])
    crowd = rng.random(2 * photos) < 0.1
    truth = DigitAnnotations(np.arange(photos), [], np.full((photos, 2), 99), ids, bboxes, labels, crowd)
    found = np.repeat(np.arange(2 * photos), 3)
    shifted = bboxes[found] + np.hstack([rng.normal(0, 3, (len(found), 2)), np.zeros((len(found), 2))])
    guess = np.where(rng.random(len(found)) < 0.8, labels[found], 10 - labels[found])
    return match_boxes(Detections(ids[found], shifted, rng.random(len(found)).round(2), guess), truth)


def test_the_mean_of_the_curve_is_cocos_average_precision():
    matches = random_matches()
    for digit in matches.digits:
        own = digit.average_precision(np.ones((1, matches.photos)))[0]
        for threshold in (0, 5, 9):
            curve = precision_at_recalls(digit, threshold)
            assert curve.shape == (101,)
            assert curve.mean() == pytest.approx(own[threshold], abs=1e-9)
            assert (np.diff(curve) <= 0).all()
    assert 0.1 < own[0] < 0.95


def test_a_digit_that_was_never_found():
    matches = random_matches(photos=3)
    digit = matches.digits[0]._replace(
        photos=np.zeros(0, int), right=np.zeros((10, 0), bool), ignored=np.zeros((10, 0), bool)
    )
    assert precision_at_recalls(digit).tolist() == [0] * 101


def test_the_estimates_are_the_figures_with_intervals():
    results = numbers([1, 1, 0, 1], [0.9, 0.8, 0.7, 0.6])
    found = number_estimates(results)
    assert {name: e.value for name, e in found.items()} == point(results.figures, 4)
    assert found['accuracy'] == (0.75, 0.25, 1.0)
    matches = random_matches()
    ap = box_estimates(matches)['AP50']
    assert ap.low < ap.value < ap.high


def test_a_figure_that_is_not_defined_has_no_interval():
    nothing = number_estimates(numbers([1], [0.5]))['accuracy']
    assert nothing == (1, 1, 1)


def test_the_surest_answers_first():
    curve = answer_curve(numbers([1, 0, 1, 1], [0.6, 0.7, 0.9, 0.8]))
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.accuracy == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert (curve.low <= curve.accuracy).all() and (curve.accuracy <= curve.high).all()
    assert curve.low[-1] == pytest.approx(0.25)


def test_equally_sure_answers_are_taken_together():
    curve = answer_curve(numbers([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.5]))
    assert curve.coverage.tolist() == [0.25, 1]
    assert curve.accuracy.tolist() == [1, 0.5]


def test_many_photos_are_50_points():
    curve = answer_curve(numbers([1] * 1000, np.linspace(0, 1, 1000)))
    assert len(curve.coverage) == 50
    assert curve.coverage[[0, -1]].tolist() == [0.02, 1]
