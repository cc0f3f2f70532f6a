"""Which boxes go into pred.json."""

import math

import numpy as np
import pytest

from custom.boxes import BoxConfig, filter_boxes
from custom.errors import UserError
from custom.predictions import Detections


def found(*boxes):
    """Boxes as (image_id, left, label, score), each 10 x 20 px."""
    ids, lefts, labels, scores = zip(*boxes, strict=True)
    return Detections.from_model(ids, [[x, 0, x + 10, 20] for x in lefts], scores, labels)


SOME = found((2, 0, 7, 0.5), (1, 0, 4, 0.6), (2, 1, 1, 0.9), (1, 30, 4, 0.0005), (2, 40, 1, 0.001))


def scores_kept(**settings):
    return filter_boxes(SOME, BoxConfig(**settings)).scores.tolist()


def test_by_default_only_the_lowest_scores_go():
    kept = filter_boxes(SOME)
    assert kept.scores.tolist() == [0.5, 0.6, 0.9, 0.001]
    assert kept.image_ids.tolist() == [2, 1, 2, 2]
    assert kept.bboxes.tolist() == [[0, 0, 10, 20], [0, 0, 10, 20], [1, 0, 10, 20], [40, 0, 10, 20]]
    assert kept.labels.tolist() == [7, 4, 1, 1]


def test_doubles_go_photo_by_photo_whatever_their_digit():
    # 9 of 11 px are shared on photo 2: IoU 0.818
    assert scores_kept(iou_thr=0.8) == [0.6, 0.9, 0.001]
    assert scores_kept(iou_thr=0.82) == [0.5, 0.6, 0.9, 0.001]


def test_a_higher_threshold():
    assert scores_kept(score_thr=0.6) == [0.6, 0.9]


def test_nothing_stays_nothing():
    none = Detections.from_model([], [], [], [])
    for config in BoxConfig(), BoxConfig(iou_thr=0.5):
        assert len(filter_boxes(none, config)) == 0
    assert len(filter_boxes(SOME, BoxConfig(score_thr=1, iou_thr=0.5))) == 0


def test_equal_boxes_are_all_kept_when_suppression_is_off():
    same = found((1, 0, 4, 0.6), (1, 0, 4, 0.5))
    assert len(filter_boxes(same, BoxConfig(iou_thr=1.0))) == 2
    assert len(filter_boxes(same, BoxConfig(iou_thr=0.99))) == 1


def test_many_photos_are_filtered_at_once():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 60, (3000, 2))
    xyxy = np.hstack([corner, corner + rng.uniform(5, 25, (3000, 2))])
    many = Detections.from_model(rng.integers(0, 100, 3000), xyxy, rng.uniform(size=3000), np.zeros(3000, int))
    whole = filter_boxes(many, BoxConfig(iou_thr=0.4))
    for image_id in range(100):
        own, kept = many.image_ids == image_id, whole.image_ids == image_id
        alone = Detections(*(column[own] for column in (many.image_ids, many.bboxes, many.scores, many.labels)))
        assert filter_boxes(alone, BoxConfig(iou_thr=0.4)).scores.tolist() == whole.scores[kept].tolist()


@pytest.mark.parametrize('field', ['score_thr', 'iou_thr'])
@pytest.mark.parametrize('value', [-0.1, 1.1, math.nan, '0.5', True, None])
def test_a_threshold_outside_0_to_1_is_refused(field, value):
    with pytest.raises(UserError, match=rf'^{field}=.*from 0 to 1$'):
        BoxConfig(**{field: value})
