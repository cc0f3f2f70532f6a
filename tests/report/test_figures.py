import numpy as np
import pytest
from PIL import Image, ImageFilter

from custom.evaluation.average_precision import match_boxes
from custom.evaluation.number_accuracy import NumberResults
from custom.report.figures import (
    Group,
    answer_curve,
    by_height,
    by_length,
    by_sharpness,
    measure_sharpness,
    precision_at_recalls,
    score_curve,
    sharpness,
)
from custom.structures.annotations import DigitAnnotations
from custom.structures.detections import Detections
from custom.utils.estimates import share


def numbers(right, confidences):
    n = len(right)
    right = np.array(right, dtype=bool)
    edits = np.stack([~right, np.zeros(n), np.zeros(n)], axis=1).astype(int)
    return NumberResults(np.ones(n, dtype=int), right, np.zeros(n, dtype=bool), np.array(confidences), edits)


def random_matches(seed=0, photos=40):
    """Match noisy detections of two digits; some ground-truth boxes are crowds."""
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


def test_a_digit_without_detections():
    matches = random_matches(photos=3)
    digit = matches.digits[0]._replace(
        photos=np.zeros(0, int), right=np.zeros((10, 0), bool), ignored=np.zeros((10, 0), bool)
    )
    assert precision_at_recalls(digit).tolist() == [0] * 101


def test_f1_by_score_threshold():
    """Two of three boxes are right; of four ground-truth boxes two are found."""
    truth = DigitAnnotations(
        np.arange(2),
        [],
        np.full((2, 2), 99),
        np.array([0, 0, 1, 1]),
        np.array([[9.0 * i, 0, 8, 8] for i in range(4)]),
        np.array([3, 3, 7, 7]),
        np.zeros(4, bool),
    )
    found = Detections(np.array([0, 1, 1]), truth.bboxes[[0, 0, 2]], np.array([0.9, 0.6, 0.3]), np.array([3, 7, 7]))
    curve = score_curve(match_boxes(found, truth).digits)
    assert curve.recall[[0, 30, 31, 60, 90, 91]].tolist() == [0.5, 0.5, 0.25, 0.25, 0.25, 0]
    assert curve.precision[[0, 30, 31, 60, 61, 90]].tolist() == [2 / 3, 2 / 3, 0.5, 0.5, 1, 1]
    assert np.isnan(curve.precision[91])
    assert curve.f1[[0, 31, 61, 91]] == pytest.approx([4 / 7, 2 / 6, 2 / 5, 0])
    assert curve.at(0.304) == pytest.approx(4 / 7)


def test_f1_of_crowds_and_of_no_box():
    matches = random_matches()
    curve = score_curve(matches.digits)
    right = sum(int(digit.right[0].sum()) for digit in matches.digits)
    assert curve.recall[0] == right / sum(int(digit.n_ground_truth.sum()) for digit in matches.digits)
    empty = {'photos': np.zeros(0, int), 'right': np.zeros((10, 0), bool), 'ignored': np.zeros((10, 0), bool)}
    nothing = score_curve([matches.digits[0]._replace(**empty, scores=np.zeros(0))])
    assert nothing.f1.tolist() == [0] * 101


def test_the_curve_is_by_falling_confidence():
    curve = answer_curve(numbers([1, 0, 1, 1], [0.6, 0.7, 0.9, 0.8]))
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.accuracy == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert (curve.low <= curve.accuracy).all() and (curve.accuracy <= curve.high).all()
    assert (curve.low[0], curve.high[0]) == share(1, 1)[1:]  # 1 of 1 is 21 to 100 %
    assert (curve.low[-1], curve.high[-1]) == share(3, 4)[1:]


def test_equal_confidences_are_taken_together():
    curve = answer_curve(numbers([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.5]))
    assert curve.coverage.tolist() == [0.25, 1]
    assert curve.accuracy.tolist() == [1, 0.5]


def test_many_photos_are_50_points():
    curve = answer_curve(numbers([1] * 1000, np.linspace(0, 1, 1000)))
    assert len(curve.coverage) == 50
    assert curve.coverage[[0, -1]].tolist() == [0.02, 1]


def truth(heights, crowd=()):
    """Make photos 1, 2 … of boxes of some heights; boxes (photo, column) in `crowd` are crowds."""
    rows = [(i, column, height) for i, own in enumerate(heights, start=1) for column, height in enumerate(own)]
    return DigitAnnotations(
        np.arange(1, len(heights) + 1),
        [f'{i}.png' for i in range(1, len(heights) + 1)],
        np.full((len(heights), 2), 400),
        np.array([i for i, _, _ in rows], dtype=int),
        np.array([[10 * column, 0, 8, height] for _, column, height in rows], dtype=float).reshape(-1, 4),
        np.zeros(len(rows), dtype=int),
        np.array([(i, column) in crowd for i, column, _ in rows], dtype=bool),
    )


def test_by_length():
    right = np.array([1, 0, 1, 1], dtype=bool)
    assert by_length(np.array([2, 2, 0, 1]), right) == [('no number', 1, 1), ('1 digit', 1, 1), ('2 digits', 2, 1)]
    assert by_length(np.array([5]), right[:1]) == [('5 digits', 1, 1)]
    assert Group('x', 4, 3).accuracy == share(3, 4)


def test_by_height_takes_the_median_without_crowds():
    photos = truth([[10, 30, 31], [11.4], [], [300], [12, 200]], crowd={(5, 1)})
    right = np.array([1, 0, 1, 1, 0], dtype=bool)
    assert by_height(photos, right) == [
        ('under 12 px', 1, 0),
        ('12–15 px', 1, 0),
        ('24–31 px', 1, 1),
        ('256 px and more', 1, 1),
    ]


def test_quarters_of_sharpness():
    photos, right = truth([[10]] * 8), np.array([0, 0, 0, 1, 1, 1, 1, 1], dtype=bool)
    measured = {i: float(i) for i in range(1, 9)}
    names = ['blurriest quarter', 'second quarter', 'third quarter', 'sharpest quarter']
    assert by_sharpness(measured, photos, right) == list(zip(names, [2] * 4, [0, 1, 2, 2], strict=True))
    assert by_sharpness(dict.fromkeys(measured, 1.0), photos, right) == [('blurriest quarter', 8, 5)]
    assert by_sharpness({}, photos, right) == []
    assert sum(group.photos for group in by_sharpness({1: 1.0, 8: 2.0}, photos, right)) == 2


def test_sharpness_is_measured_where_there_are_photo_and_digits(tmp_path):
    flat, board = np.full((20, 20), 90, np.uint8), (np.indices((20, 20)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(flat).save(tmp_path / '1.png')
    Image.fromarray(board).save(tmp_path / '2.png')
    Image.fromarray(board).save(tmp_path / '3.png')
    (tmp_path / '5.png').write_text('no photo')
    found = measure_sharpness(truth([[20], [20], [], [20], [20]]), tmp_path)
    assert list(found) == [1, 2]
    assert found[1] == 0 < found[2]


WHOLE = np.array([0.0, 0, 64, 32])


def stripes(width=8, contrast=200):
    """Vertical bars, 64 x 32 pixels."""
    row = np.where(np.arange(64) // width % 2, 20 + contrast, 20).astype(np.uint8)
    return np.repeat(np.repeat(row[None, :, None], 32, axis=0), 3, axis=2)


def blurred(photo, radius):
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(radius)))


def test_blur_lowers_sharpness():
    values = [sharpness(blurred(stripes(), radius), WHOLE) for radius in (0, 1, 2, 3)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 4 * values[3] > 0


def test_a_pixel_wide_chequerboard_is_as_sharp_as_can_be():
    board = np.indices((32, 64)).sum(axis=0) % 2 * 255
    photo = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    assert sharpness(photo, WHOLE) == pytest.approx(8)  # 4 * 1 - 4 * -1, of a standard deviation of 1


def test_contrast_has_no_effect():
    assert sharpness(stripes(contrast=100), WHOLE) == pytest.approx(sharpness(stripes(contrast=200), WHOLE))


def test_sharpness_is_relative_to_the_digits():
    large = np.asarray(Image.fromarray(blurred(stripes(), 1)).resize((256, 128), Image.Resampling.BICUBIC))
    assert sharpness(large, WHOLE * 4) == pytest.approx(sharpness(blurred(stripes(), 1), WHOLE), rel=0.1)


def test_sharpness_is_measured_in_the_box_alone():
    photo = stripes()
    photo[:, 32:] = 128
    assert sharpness(photo, np.array([32.0, 0, 64, 32])) == 0
    assert sharpness(photo, np.array([0.0, 0, 32, 32])) > 0


@pytest.mark.parametrize('box', [[70, 0, 90, 20], [-9, -9, -1, -1], [5, 5, 5, 9]])
def test_a_box_without_pixels(box):
    assert sharpness(stripes(), np.array(box, dtype=float)) == 0


def test_a_box_over_the_edge_and_one_of_a_pixel():
    assert sharpness(stripes(), np.array([-10.0, -10, 99, 99])) == sharpness(stripes(), WHOLE)
    assert sharpness(stripes(), np.array([3.2, 3.2, 3.4, 3.4])) == 0
