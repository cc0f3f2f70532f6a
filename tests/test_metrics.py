import pytest
import torch
from mmdet.registry import METRICS

import custom.register  # noqa: F401 - registers the metric


def sample(image_id, boxes, truth=()):
    """A data sample as the evaluator gets it: boxes are (xyxy, score, digit), truth is (xyxy, digit)."""
    instances = [{'bbox': bbox, 'bbox_label': digit, 'ignore_flag': 0} for bbox, digit in truth]
    return {
        'img_id': image_id,
        'ori_shape': (20, 40),
        'instances': instances,
        'pred_instances': {
            'bboxes': torch.tensor([box[0] for box in boxes], dtype=torch.float32).reshape(-1, 4),
            'scores': torch.tensor([box[1] for box in boxes], dtype=torch.float32),
            'labels': torch.tensor([box[2] for box in boxes], dtype=torch.int64),
        },
    }


A, B = [5.0, 4.0, 13.0, 16.0], [20.0, 4.0, 28.0, 16.0]


def evaluate(samples, **cfg):
    metric = METRICS.build({'type': 'DigitMetric', **cfg})
    metric.process({}, samples[:1])
    metric.process({}, samples[1:])
    return metric.evaluate(len(samples))


def test_right_boxes_and_numbers():
    figures = evaluate(
        [
            sample(1, [(B, 0.9, 7), (A, 0.8, 0)], [(A, 0), (B, 7)]),
            sample(2, [(A, 0.9, 7)], [(A, 7), (B, 7)]),
        ]
    )
    assert figures['digits/number_accuracy'] == 0.5  # photo 2 reads 7 instead of 77
    assert figures['digits/AP_0'] == pytest.approx(1)
    # Both 7s that were found are right, one of three is missing: precision 1 up to recall 2/3, 67 of 101 points.
    assert figures['digits/AP_7'] == pytest.approx(67 / 101)
    assert figures['digits/AP'] == pytest.approx((1 + 67 / 101) / 2)


def test_the_reader_is_set_by_the_config():
    samples = [sample(1, [(A, 0.4, 3)], [(A, 3)]), sample(2, [(A, 0.9, 3)], [(A, 3)])]
    assert evaluate(samples)['digits/number_accuracy'] == 0.5
    assert evaluate(samples, reader={'score_thr': 0.3})['digits/number_accuracy'] == 1


def test_nothing_found_scores_zero_instead_of_vanishing():
    figures = evaluate([sample(1, [], [(A, 3)]), sample(2, [], [(B, 4)])])
    assert figures['digits/AP'] == figures['digits/number_accuracy'] == 0


def test_photos_without_truth_have_no_figures():
    samples = [sample(1, [(A, 0.9, 3)]), sample(2, [])]
    for one in samples:
        del one['instances']
    assert evaluate(samples) == {}
