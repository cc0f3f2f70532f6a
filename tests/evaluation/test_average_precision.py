"""COCO average precision against values computed by hand, pycocotools and hotcoco."""

import contextlib
import dataclasses
import io
import json
import tempfile
from pathlib import Path

import hotcoco
import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
import pytest

from custom.benchmark.task_eval import coco_summary
from custom.evaluation.average_precision import average_precision, find_overlaps, match_boxes, match_greedily
from custom.structures.annotations import DigitAnnotations
from custom.structures.detections import Detections
from custom.submission.pred_json import write_pred_json
from custom.utils.errors import UserError

PHOTOS = 40
FIGURES = ['AP', 'AP50', 'AP75', 'APs', 'APm', 'APl', 'AR1', 'AR10', 'AR100', 'ARs', 'ARm', 'ARl']


def scene(photos=PHOTOS, seed=3, crowd=0.1, decimals=2):
    """Make noisy, duplicate and misclassified detections; with 2 decimals scores tie; the truth has no 9."""
    rng = np.random.default_rng(seed)
    k = 4 * photos
    ids, labels = rng.integers(0, photos, k) * 3 + 5, rng.integers(0, 9, k)
    bboxes = np.hstack([rng.integers(0, 60, (k, 2)), rng.integers(5, 40, (k, 2))]).astype(float)
    image_ids = rng.permutation(photos) * 3 + 5
    sizes, iscrowd = np.full((photos, 2), 100), rng.random(k) < crowd
    truth = DigitAnnotations(image_ids, [f'{i}.png' for i in image_ids], sizes, ids, bboxes, labels, iscrowd)
    xyxy = np.hstack([bboxes[:, :2], bboxes[:, :2] + bboxes[:, 2:]]).repeat(2, axis=0) + rng.normal(0, 2, (2 * k, 4))
    xyxy[:, 2:] = np.maximum(xyxy[:, 2:], xyxy[:, :2])
    guessed = np.where(rng.random(2 * k) < 0.8, labels.repeat(2), rng.integers(0, 10, 2 * k))
    return Detections.from_model(ids.repeat(2), xyxy, rng.random(2 * k).round(decimals), guessed), truth


LIBRARIES = {
    'pycocotools': (pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval),
    'hotcoco': (hotcoco.COCO, hotcoco.COCOeval),
}


def evaluate(detections, truth, library='pycocotools'):
    """Evaluate with the library alone, from the files pred.json and truth.json."""
    coco_class, evaluation_class = LIBRARIES[library]
    columns = truth.box_image_ids, truth.bboxes, truth.labels, truth.iscrowd
    annotations = [
        {'id': i, 'image_id': int(image_id), 'bbox': bbox.tolist(), 'category_id': int(label) + 1}
        | {'area': float(bbox[2:].prod()), 'iscrowd': int(crowd)}
        for i, (image_id, bbox, label, crowd) in enumerate(zip(*columns, strict=True), start=1)
    ]
    images = [{'id': int(image_id), 'file_name': '', 'width': 100, 'height': 100} for image_id in truth.image_ids]
    categories = [{'id': label + 1, 'name': str(label)} for label in range(10)]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        Path(folder, 'truth.json').write_text(json.dumps(content))
        write_pred_json(Path(folder, 'pred.json'), detections)
        real = coco_class(f'{folder}/truth.json')
        evaluation = evaluation_class(real, real.loadRes(f'{folder}/pred.json'), 'bbox')
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def figures_of(detections, truth, library='pycocotools'):
    """The figures of `match_boxes` from a library."""
    precision = np.asarray(evaluate(detections, truth, library).eval['precision'])[:, :, :, 0, 2]
    present = [label for label in range(10) if (precision[:, :, label] > -1).all()]
    figures = {f'AP_{label}': precision[:, :, label].mean() for label in present}
    precision = precision[:, :, present]
    return {'AP': precision.mean(), 'AP50': precision[0].mean(), 'AP75': precision[5].mean(), **figures}


def drawn(detections, truth, weights):
    """The photos as often as `weights` says, each copy with an id of its own."""
    copies = [(old, old * 100 + copy) for old, n in zip(truth.image_ids, weights, strict=True) for copy in range(n)]

    def again(old_ids):
        pairs = [(row, new) for old, new in copies for row in np.flatnonzero(old_ids == old)]
        rows, new = np.array(pairs).T
        return rows, new

    rows, new = again(detections.image_ids)
    columns = {name: getattr(detections, name)[rows] for name in ('bboxes', 'scores', 'labels')}
    more = dataclasses.replace(detections, image_ids=new, **columns)
    rows, new = again(truth.box_image_ids)
    columns = {name: getattr(truth, name)[rows] for name in ('bboxes', 'labels', 'iscrowd')}
    ids = np.array([new_id for _, new_id in copies])
    return more, dataclasses.replace(truth, image_ids=ids, box_image_ids=new, **columns)


@pytest.mark.parametrize('library', LIBRARIES)
@pytest.mark.parametrize('crowd', [0, 0.1])
@pytest.mark.parametrize('seed', range(3))
def test_the_libraries_give_the_same_figures(seed, crowd, library):
    detections, truth = scene(seed=seed, crowd=crowd)
    figures = average_precision(detections, truth)
    expected = figures_of(detections, truth, library)
    assert figures == pytest.approx(expected, rel=1e-12, abs=0)  # but for the order of the sums
    assert 'AP_9' not in figures
    assert 0.1 < figures['AP'] < figures['AP50'] < 0.9


@pytest.mark.parametrize('library', LIBRARIES)
@pytest.mark.parametrize('larger', [1, 6])  # 5 to 40 px, without large ones; 30 to 240 px, of all sizes
@pytest.mark.parametrize('photos', [2, 40])
def test_the_libraries_give_the_same_twelve_figures(photos, larger, library):
    detections, truth = scene(photos, seed=larger)
    detections = dataclasses.replace(detections, bboxes=detections.bboxes * larger)
    truth = dataclasses.replace(truth, bboxes=truth.bboxes * larger)
    figures = coco_summary(detections, truth)
    assert list(figures) == FIGURES
    expected = dict(zip(FIGURES, list(evaluate(detections, truth, library).stats), strict=True))
    assert figures == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert (figures['APl'] == -1) == (larger == 1)


def test_weights_equal_photos_drawn_as_often():
    detections, truth = scene(decimals=6)  # copies of a photo would take turns where its own scores tie
    weights = np.random.default_rng(0).multinomial(PHOTOS, np.full(PHOTOS, 1 / PHOTOS), size=5)
    assert (weights == 0).any()
    assert (weights > 2).any()
    rows = match_boxes(detections, truth).figures(weights.astype(float))
    for row, weight in enumerate(weights):
        expected = figures_of(*drawn(detections, truth, weight))
        assert {name: values[row] for name, values in rows.items()} == pytest.approx(expected, rel=1e-12, abs=0)


def test_a_digit_without_weight_is_left_out_of_the_mean():
    bbox = np.array([[0.0, 0, 10, 10]])
    truth = DigitAnnotations(
        np.array([1, 2]),
        ['1.png', '2.png'],
        np.full((2, 2), 50),
        np.array([1, 2]),
        bbox.repeat(2, axis=0),
        np.array([3, 4]),
        np.zeros(2, dtype=bool),
    )
    detections = Detections.from_model([1], [[0, 0, 10, 10]], [0.9], [3])
    weights = np.array([[1.0, 1], [2, 0], [0, 2]])
    figures = match_boxes(detections, truth).figures(weights)
    np.testing.assert_allclose(figures['AP'], [0.5, 1, 0])
    np.testing.assert_allclose(figures['AP_3'], [1, 1, np.nan])
    np.testing.assert_allclose(figures['AP_4'], [0, np.nan, 0])


def test_weights_of_empty_photos_alone_give_nan():
    detections, truth = scene()
    more = np.append(truth.image_ids, 1)  # a photo without a digit
    matches = match_boxes(detections, dataclasses.replace(truth, image_ids=more))
    weights = np.zeros((1, len(more)))
    weights[0, -1] = 5
    assert np.isnan([value for (value,) in matches.figures(weights).values()]).all()


def test_recall_of_the_best_boxes_per_photo_and_digit():
    detections, truth = scene(3)
    one = {'labels': np.zeros_like(truth.labels), 'box_image_ids': np.full_like(truth.labels, 5)}
    truth = dataclasses.replace(truth, **one)
    zeros = np.zeros_like(detections.labels)
    parts = [
        dataclasses.replace(detections, labels=zeros, image_ids=zeros + 5, bboxes=detections.bboxes + shift)
        for shift in range(6)
    ]  # 144 boxes of one digit on one photo
    many = Detections.concatenate(parts)
    figures = coco_summary(many, truth)
    expected = dict(zip(FIGURES, evaluate(many, truth).stats.tolist(), strict=True))
    assert figures == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert 0 < figures['AR1'] < figures['AR10'] < figures['AR100']


def test_the_interval_of_ap():
    value, low, high = match_boxes(*scene(56)).estimates()['AP']
    assert low < value < high
    assert 0.02 < high - low < 0.2


WHOLE, TOP = [0, 0, 10, 10], [0, 0, 10, 8]  # IoU 0.8
A, B = [10, 10, 20, 30], [50, 10, 20, 30]


def truth_of(*boxes, crowd=(), image_ids=(1, 2)):
    """Ground-truth boxes as (image_id, digit, [x, y, w, h]); those of the indices `crowd` are of crowds."""
    return DigitAnnotations(
        image_ids=np.array(image_ids),
        file_names=[f'{image_id}.png' for image_id in image_ids],
        sizes=np.full((len(image_ids), 2), 100),
        box_image_ids=np.array([box[0] for box in boxes], dtype=np.int64),
        labels=np.array([box[1] for box in boxes], dtype=np.int64),
        bboxes=np.array([box[2] for box in boxes], dtype=np.float64).reshape(-1, 4),
        iscrowd=np.isin(np.arange(len(boxes)), crowd),
    )


def found(*boxes):
    """Boxes as (image_id, digit, [x, y, w, h], score)."""
    return Detections(
        np.array([box[0] for box in boxes], dtype=np.int64),
        np.array([box[2] for box in boxes], dtype=np.float64).reshape(-1, 4),
        np.array([box[3] for box in boxes], dtype=np.float64),
        np.array([box[1] for box in boxes], dtype=np.int64),
    )


def test_detections_are_sorted_and_overlaps_are_listed():
    truth = truth_of((2, 4, WHOLE), (1, 4, [50, 50, 10, 10]), (1, 3, WHOLE))
    detections = found((2, 4, TOP, 0.5), (1, 4, WHOLE, 0.5), (2, 4, WHOLE, 0.7), (9, 4, WHOLE, 0.9), (1, 3, TOP, 0.1))
    overlaps = find_overlaps(detections, truth)
    assert overlaps.labels.tolist() == [3, 4, 4, 4]
    assert overlaps.photos.tolist() == [0, 1, 0, 1]  # of two that score 0.5 the one on the photo with the lower id
    assert overlaps.rank.tolist() == [0, 0, 0, 1]
    assert overlaps.areas.tolist() == [80, 100, 100, 80]
    pairs = [
        (overlaps.photos[a], overlaps.labels[a], overlaps.gt_photos[b], overlaps.gt_labels[b], iou)
        for a, b, iou in zip(*overlaps.pairs, overlaps.ious, strict=True)
    ]
    assert pairs == [(0, 3, 0, 3, 0.8), (1, 4, 1, 4, 1.0), (1, 4, 1, 4, 0.8)]


def test_the_higher_score_is_matched_even_if_the_other_overlaps_more():
    overlaps = find_overlaps(found((1, 4, WHOLE, 0.5), (1, 4, TOP, 0.6)), truth_of((1, 4, WHOLE)))
    right, wasted = match_greedily(overlaps, np.array([False]))
    # at 0.50 … 0.80 TOP has it; above that only WHOLE overlaps enough
    assert right.T.tolist() == [[True] * 7 + [False] * 3, [False] * 7 + [True] * 3]
    assert not wasted.any()


def test_a_detection_is_matched_to_the_box_of_the_highest_iou():
    truth = truth_of((1, 4, [0, 0, 10, 9]), (1, 4, WHOLE))
    overlaps = find_overlaps(found((1, 4, WHOLE, 0.9), (1, 4, WHOLE, 0.8)), truth)
    right, _ = match_greedily(overlaps, np.zeros(2, dtype=bool))
    assert right[:, 0].all()
    assert right[:, 1].tolist() == [True] * 9 + [False]  # the other one, IoU 0.9


def test_a_left_out_box_is_matched_only_where_no_other_one_is_free():
    truth = truth_of((1, 4, WHOLE), (1, 4, TOP))
    overlaps = find_overlaps(found((1, 4, WHOLE, 0.9), (1, 4, WHOLE, 0.8)), truth)
    right, wasted = match_greedily(overlaps, np.array([True, False]))
    # the first one takes TOP up to 0.8, though WHOLE overlaps more, and WHOLE above; the second one what is left
    assert right.T.tolist() == [[True] * 7 + [False] * 3, [False] * 10]
    assert wasted.T.tolist() == [[False] * 7 + [True] * 3, [True] * 7 + [False] * 3]


def test_a_crowd_is_matched_repeatedly_by_the_covered_share():
    truth = truth_of((1, 4, [0, 0, 100, 100]), (1, 4, [0, 0, 90, 100]), crowd=[0])
    small = [(1, 4, [10 * i, 0, 10, 10], 0.9) for i in range(3)]
    overlaps = find_overlaps(found(*small), truth)
    right, wasted = match_greedily(overlaps, overlaps.crowd)
    assert wasted.all()
    assert not right.any()


def test_a_hundred_boxes_per_photo_and_digit_are_scored():
    boxes = [(1, 4, [50, 50, 5, 5], 0.9)] * 100 + [(1, 4, WHOLE, 0.1), (1, 5, WHOLE, 0.1)]
    overlaps = find_overlaps(found(*boxes), truth_of((1, 4, WHOLE), (1, 5, WHOLE)))
    assert len(overlaps.labels) == 101
    right, _ = match_greedily(overlaps, np.zeros(2, dtype=bool))
    assert np.flatnonzero(right.any(axis=0)).tolist() == [100]


@pytest.mark.parametrize('boxes', [[], [(1, 4, [5, 5, 0, 8], 0.9)]])
def test_nothing_overlaps(boxes):
    overlaps = find_overlaps(found(*boxes), truth_of((1, 4, [5, 5, 0, 8]), (2, 4, WHOLE)))
    right, wasted = match_greedily(overlaps, np.zeros(2, dtype=bool))
    assert right.shape == wasted.shape == (10, len(boxes))
    assert not right.any()


def test_ap_by_hand():
    truth = truth_of((1, 4, A), (2, 4, A))
    detections = found((1, 4, A, 0.9), (2, 4, B, 0.8), (2, 4, A, 0.7))
    # right, wrong, right: precision 1 up to recall 0.5 (51 of the 101 points), then 2/3
    expected = (51 + 50 * 2 / 3) / 101
    assert average_precision(detections, truth) == pytest.approx(
        dict.fromkeys(['AP', 'AP50', 'AP75', 'AP_4'], expected)
    )


def test_the_iou_thresholds():
    truth = truth_of((1, 0, [0, 0, 10, 100]))
    figures = average_precision(found((1, 0, [0, 0, 10, 62], 0.9)), truth)  # IoU 0.62: right at 0.50, 0.55, 0.60
    assert figures == pytest.approx({'AP': 0.3, 'AP50': 1, 'AP75': 0, 'AP_0': 0.3})


def test_the_mean_is_over_the_digits_that_are_there():
    truth = truth_of((1, 0, A), (1, 9, B))
    figures = average_precision(found((1, 0, A, 0.9), (1, 5, B, 0.9)), truth)
    assert figures == pytest.approx({'AP': 0.5, 'AP50': 0.5, 'AP75': 0.5, 'AP_0': 1.0, 'AP_9': 0.0})


def test_nothing_found_is_zero():
    assert average_precision(found(), truth_of((1, 2, A))) == {'AP': 0, 'AP50': 0, 'AP75': 0, 'AP_2': 0}


def test_only_the_photos_of_the_truth_count():
    truth = truth_of((1, 2, A), image_ids=(1,))
    assert average_precision(found((1, 2, A, 0.5), (7, 2, A, 0.9)), truth)['AP'] == pytest.approx(1)


def test_false_positives_on_a_photo_without_digits_count():
    truth = truth_of((1, 2, A), image_ids=(1, 2))
    assert average_precision(found((1, 2, A, 0.5), (2, 2, A, 0.9)), truth)['AP'] == pytest.approx(0.5)


def test_detections_on_a_crowd_are_ignored():
    truth = truth_of((1, 2, A), (1, 2, B), crowd=[1])
    inside_crowd = (1, 2, [52, 12, 10, 10], 0.9)
    assert average_precision(found((1, 2, A, 0.5), inside_crowd), truth)['AP'] == pytest.approx(1)
    assert average_precision(found((1, 2, A, 0.5), inside_crowd), truth_of((1, 2, A)))['AP'] == pytest.approx(0.5)


@pytest.mark.parametrize('truth', [truth_of(), truth_of((1, 4, WHOLE), crowd=[0])])
def test_a_truth_without_digits_is_refused(truth):
    for function in find_overlaps, match_boxes, average_precision:
        with pytest.raises(UserError, match='2 photos hold no digit'):
            function(found((1, 4, WHOLE, 0.5)), truth)


def test_prints_nothing(capsys):
    average_precision(found((1, 2, A, 0.5)), truth_of((1, 2, A)))
    assert capsys.readouterr() == ('', '')
