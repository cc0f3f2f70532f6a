"""Figures against values computed by hand and by pycocotools alone."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from custom.evaluation.average_precision import average_precision
from custom.evaluation.number_accuracy import number_accuracy
from custom.structures.annotations import DigitAnnotations, ground_truth_numbers
from custom.structures.detections import Detections
from custom.submission.pred_json import write_pred_json
from custom.utils.errors import UserError


def truth_of(*boxes, image_ids=(1, 2, 3)):
    """Boxes as (image_id, label, [x, y, w, h], crowd), crowd may be left out."""
    boxes = [(*box, False)[:4] for box in boxes]
    return DigitAnnotations(
        image_ids=np.array(image_ids, dtype=np.int64),
        file_names=[f'{image_id}.png' for image_id in image_ids],
        sizes=np.full((len(image_ids), 2), 100, dtype=np.int64),
        box_image_ids=np.array([box[0] for box in boxes], dtype=np.int64),
        bboxes=np.array([box[2] for box in boxes], dtype=np.float64).reshape(-1, 4),
        labels=np.array([box[1] for box in boxes], dtype=np.int64),
        iscrowd=np.array([box[3] for box in boxes], dtype=bool),
    )


def found(*boxes):
    """Boxes as (image_id, label, [x, y, w, h], score)."""
    return Detections(
        np.array([box[0] for box in boxes], dtype=np.int64),
        np.array([box[2] for box in boxes], dtype=np.float64).reshape(-1, 4),
        np.array([box[3] for box in boxes], dtype=np.float64),
        np.array([box[1] for box in boxes], dtype=np.int64),
    )


A, B = [10, 10, 20, 30], [50, 10, 20, 30]


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


def test_a_photo_without_digits_still_counts_false_alarms():
    truth = truth_of((1, 2, A), image_ids=(1, 2))
    assert average_precision(found((1, 2, A, 0.5), (2, 2, A, 0.9)), truth)['AP'] == pytest.approx(0.5)


def test_crowd_boxes_are_neither_wanted_nor_wrong():
    truth = truth_of((1, 2, A), (1, 2, B, True))
    inside_crowd = (1, 2, [52, 12, 10, 10], 0.9)
    assert average_precision(found((1, 2, A, 0.5), inside_crowd), truth)['AP'] == pytest.approx(1)
    assert average_precision(found((1, 2, A, 0.5), inside_crowd), truth_of((1, 2, A)))['AP'] == pytest.approx(0.5)


@pytest.mark.parametrize('truth', [truth_of(), truth_of((1, 2, A, True))])
def test_truth_without_a_digit_is_refused(truth):
    with pytest.raises(UserError, match='3 photos hold no digit'):
        average_precision(found((1, 2, A, 0.5)), truth)


def test_prints_nothing(capsys):
    average_precision(found((1, 2, A, 0.5)), truth_of((1, 2, A)))
    assert capsys.readouterr() == ('', '')


def test_same_as_pycocotools_on_the_written_files(tmp_path):
    rng = np.random.default_rng(3)
    k = 150
    ids, labels = rng.integers(1, 41, k), rng.integers(0, 9, k)  # no 9 in the truth
    bboxes = np.hstack([rng.integers(0, 60, (k, 2)), rng.integers(5, 40, (k, 2))]).astype(float)
    truth = DigitAnnotations(
        np.arange(1, 41),
        [f'{i}.png' for i in range(1, 41)],
        np.full((40, 2), 100),
        ids,
        bboxes,
        labels,
        rng.random(k) < 0.1,
    )
    xyxy = np.hstack([bboxes[:, :2], bboxes[:, :2] + bboxes[:, 2:]]).repeat(2, axis=0) + rng.normal(0, 2, (2 * k, 4))
    xyxy[:, 2:] = np.maximum(xyxy[:, 2:], xyxy[:, :2])
    guessed = np.where(rng.random(2 * k) < 0.8, labels.repeat(2), rng.integers(0, 10, 2 * k))
    detections = Detections.from_model(ids.repeat(2), xyxy.astype(np.float32), rng.random(2 * k).round(2), guessed)
    write_pred_json(tmp_path / 'pred.json', detections)
    annotations = [
        {'id': i + 1, 'image_id': int(ids[i]), 'category_id': int(labels[i]) + 1, 'bbox': bboxes[i].tolist()}
        | {'area': float(bboxes[i, 2:].prod()), 'iscrowd': int(truth.iscrowd[i])}
        for i in range(k)
    ]
    categories = [{'id': i + 1, 'name': str(i)} for i in range(10)]
    images = [{'id': i, 'file_name': f'{i}.png', 'width': 100, 'height': 100} for i in range(1, 41)]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    (tmp_path / 'truth.json').write_text(json.dumps(content))

    coco = COCO(tmp_path / 'truth.json')
    evaluation = COCOeval(coco, coco.loadRes(str(tmp_path / 'pred.json')), 'bbox')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    figures = average_precision(detections, truth)
    assert [figures['AP'], figures['AP50'], figures['AP75']] == pytest.approx(evaluation.stats[:3].tolist(), abs=1e-9)
    for label in range(9):
        theirs = evaluation.eval['precision'][:, :, label, 0, 2].mean()
        assert figures[f'AP_{label}'] == pytest.approx(theirs, abs=1e-9)
    assert 'AP_9' not in figures
    assert 0.1 < figures['AP'] < 0.9


def test_true_numbers():
    truth = truth_of((3, 5, B), (3, 0, A), (1, 7, A), (1, 8, B, True))
    assert ground_truth_numbers(truth) == {1: '7', 2: '', 3: '05'}
    assert list(ground_truth_numbers(truth)) == [1, 2, 3]


def test_number_accuracy():
    true = {1: '05', 2: '7', 3: '', 4: '12'}
    assert number_accuracy(true, true) == 1
    # 1: lost its zero, 2: right, 3: right to say nothing, 4: missing
    assert number_accuracy({1: '5', 2: '7', 3: '', 99: '1'}, true) == 0.5


def test_a_missing_photo_is_wrong_even_where_there_is_no_digit():
    assert number_accuracy({}, {1: ''}) == 0


def test_number_accuracy_of_no_photo_is_refused():
    with pytest.raises(UserError, match='no photo'):
        number_accuracy({1: '5'}, {})
