"""Boxes for pred.json, chosen by AP."""

import numpy as np
from scenes import scenes

from custom.boxes import BoxConfig, filter_boxes
from custom.predictions import Detections
from custom.scoring import average_precision
from custom.tuning_boxes import choose_boxes, part_of


def columns(detections):
    return detections.image_ids, detections.bboxes, detections.scores, detections.labels


def boxes_of(truth, labels, score, off=0):
    """Each true box as found, its left upper corner `off` px further in."""
    xyxy = np.hstack([truth.bboxes[:, :2] + off, truth.bboxes[:, :2] + truth.bboxes[:, 2:]])
    return Detections.from_model(truth.box_image_ids, xyxy, np.full(len(xyxy), score), labels)


def test_suppression_is_on_where_it_raises_ap():
    _, truth = scenes()
    # a wrong second guess scores as much as the right digit of other boxes
    sure, unsure = truth.labels < 5, truth.labels >= 5
    right = boxes_of(truth, truth.labels, 0.9)
    right.scores[unsure] = 0.5
    doubles = boxes_of(truth, (truth.labels + 5) % 10, 0.6, off=1)
    doubled = Detections.concatenate([right, Detections(*(column[sure] for column in columns(doubles)))])
    chosen = choose_boxes(doubled, truth)
    assert chosen.iou_thr < 1
    assert average_precision(filter_boxes(doubled, chosen), truth)['AP'] > average_precision(doubled, truth)['AP']
    assert chosen.score_thr == BoxConfig().score_thr


def test_suppression_is_off_where_it_does_not():
    _, truth = scenes()
    perfect = boxes_of(truth, truth.labels, 0.8)
    assert choose_boxes(perfect, truth) == BoxConfig()
    wrong = boxes_of(truth, (truth.labels + 1) % 10, 0.9, off=1)  # the second guess is right
    assert choose_boxes(Detections.concatenate([wrong, perfect]), truth) == BoxConfig()


def test_too_few_photos_to_tell():
    detections, truth = scenes(photos=1, empty=0)
    assert choose_boxes(detections, truth) == BoxConfig()


def test_a_part_has_its_own_photos_only():
    detections, truth = scenes()
    own = truth.image_ids[5:8]
    found, true = part_of(detections, truth, own)
    assert true.image_ids.tolist() == own.tolist()
    assert len(true.sizes) == 3
    for part, whole in (found.image_ids, detections.image_ids), (true.box_image_ids, truth.box_image_ids):
        assert part.tolist() == [image_id for image_id in whole.tolist() if image_id in own]
