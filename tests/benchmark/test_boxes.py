import numpy as np

from custom.benchmark.boxes import BOXES, draw


def test_ground_truth_follows_the_statistics_of_svhn():
    truth, predictions = draw(4000, seed=1)
    assert len(truth.image_ids) == len(predictions.scores) == 4000
    assert 2.1 < len(truth.labels) / 4000 < 2.35
    assert 27 <= np.median(truth.bboxes[:, 3]) <= 31
    assert 13 <= np.median(truth.bboxes[:, 2]) <= 15
    assert np.bincount(truth.labels).tolist() > [700] * 10
    sizes = dict(zip(truth.image_ids.tolist(), truth.sizes.tolist(), strict=True))
    limits = np.array([sizes[image_id] for image_id in truth.box_image_ids.tolist()])
    assert (truth.bboxes[:, :2] >= 0).all()
    assert (truth.bboxes[:, :2] + truth.bboxes[:, 2:] <= limits).all()


def test_predictions_have_the_form_of_a_model():
    truth, predictions = draw(50)
    assert predictions.bboxes.shape == (50, BOXES, 4)
    assert (predictions.bboxes.dtype, predictions.scores.dtype, predictions.labels.dtype) == (
        np.float32,
        np.float32,
        np.int64,
    )
    assert (np.diff(predictions.scores, axis=1) <= 0).all()
    assert (predictions.bboxes >= 0).all()
    assert (predictions.bboxes <= np.tile(truth.sizes, 2)[:, None]).all()
    assert (predictions.bboxes[..., 2:] >= predictions.bboxes[..., :2]).all()
    detections = predictions.detections(truth.image_ids)
    assert detections.image_ids.tolist() == np.repeat(truth.image_ids, BOXES).tolist()
    again, _ = draw(50)
    assert again.bboxes.tolist() == truth.bboxes.tolist()
