import pytest
import torch
from mmdet.registry import METRICS

import custom.register  # noqa: F401 - registers the metrics
from custom.engine import metrics
from custom.engine.metrics import results_of


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


def evaluate(samples, kind='NumberMetric', **cfg):
    metric = METRICS.build({'type': kind, **cfg})
    metric.process({}, samples[:1])
    metric.process({}, samples[1:])
    return metric.evaluate(len(samples))


TWO = [
    sample(1, [(B, 0.9, 7), (A, 0.8, 0)], [(A, 0), (B, 7)]),
    sample(2, [(A, 0.9, 7)], [(A, 7), (B, 7)]),
]


def test_average_precision_of_the_digits():
    figures = evaluate(TWO, 'DigitMetric')
    assert figures['digits/AP_0'] == pytest.approx(1)
    # Both 7s that were found are right, one of three is missing: precision 1 up to recall 2/3, 67 of 101 points.
    assert figures['digits/AP_7'] == pytest.approx(67 / 101)
    assert figures['digits/AP'] == pytest.approx((1 + 67 / 101) / 2)
    assert figures.keys() == {f'digits/{name}' for name in ('AP', 'AP50', 'AP75', 'AP_0', 'AP_7')}


def test_figures_of_the_numbers():
    figures = evaluate(TWO)
    assert figures['number/accuracy'] == figures['number/accuracy_2_digits'] == 0.5  # photo 2 reads 7 instead of 77
    assert figures['number/missing_digits'] == figures['number/edit_distance'] == 0.5
    assert figures['number/empty'] == figures['number/phantom_digits'] == figures['number/wrong_digits'] == 0
    assert {'number/ece', 'number/coverage_95', 'number/coverage_99'} < figures.keys()


def test_photos_of_all_ranks_count_once_and_in_order(monkeypatch):
    others = []
    monkeypatch.setattr(metrics, 'all_gather_object', lambda own: [own, *others])
    metric = METRICS.build({'type': 'DigitMetric'})
    monkeypatch.setattr(metric, 'compute_metrics', lambda photos: {'ids': [one['image_id'] for one in photos]})

    def found():
        metric.process({}, [sample(1, []), sample(2, [])])
        metric.process({}, [sample(5, []), sample(1, [])])  # one again, as a sampler fills up
        return metric.evaluate(5)

    assert found() == {'digits/ids': [1, 2, 5]}
    others += [[[{'image_id': 3}, {'image_id': 4}]], []]  # a batch on the second rank, none on the third
    assert found() == {'digits/ids': [1, 2, 3, 4, 5]}


def test_the_reader_is_set_by_the_config():
    samples = [sample(1, [(A, 0.4, 3)], [(A, 3)]), sample(2, [(A, 0.9, 3)], [(A, 3)])]
    assert evaluate(samples)['number/accuracy'] == 0.5
    assert evaluate(samples, reader={'score_thr': 0.3})['number/accuracy'] == 1


def test_only_boxes_of_pred_json_count():
    beside = [5.0, 4.0, 13.0, 15.0]  # on the true box A by 11/12
    samples = [sample(1, [(beside, 0.9, 7), (A, 0.8, 3), (B, 0.4, 5)], [(A, 3), (B, 5)])]
    assert evaluate(samples, 'DigitMetric')['digits/AP'] == pytest.approx(1)
    # Of two boxes on one another the better one stays, which is wrong here.
    assert evaluate(samples, 'DigitMetric', boxes={'iou_thr': 0.9})['digits/AP'] == pytest.approx(0.5)
    assert evaluate(samples, 'DigitMetric', boxes={'score_thr': 0.5})['digits/AP'] == pytest.approx(0.5)
    reader = {'score_thr': 0.3}
    assert evaluate(samples, reader=reader)['number/edit_distance'] == 1  # 75
    assert evaluate(samples, reader=reader, boxes={'score_thr': 0.5})['number/edit_distance'] == 2  # 7


def test_nothing_found_scores_zero_instead_of_vanishing():
    samples = [sample(1, [], [(A, 3)]), sample(2, [], [(B, 4)])]
    assert evaluate(samples, 'DigitMetric')['digits/AP'] == evaluate(samples)['number/accuracy'] == 0
    assert evaluate(samples)['number/empty'] == 1


@pytest.mark.parametrize('kind', ['DigitMetric', 'NumberMetric'])
def test_photos_without_truth_have_no_figures(kind):
    samples = [sample(1, [(A, 0.9, 3)]), sample(2, [])]
    for one in samples:
        del one['instances']
    assert evaluate(samples, kind) == {}


def test_what_the_figures_are_made_of_is_kept_for_the_report():
    metrics = [METRICS.build({'type': kind}) for kind in ('DigitMetric', 'NumberMetric')]
    assert results_of(metrics) == results_of([]) == (None, None)
    for metric in metrics:
        metric.process({}, TWO)
        metric.evaluate(2)
    numbers, matches = results_of(metrics)
    assert numbers.right.tolist() == [True, False]
    assert [digit.label for digit in matches.digits] == [0, 7]
