"""Boxes to numbers."""

import json

import numpy as np
import pytest

from custom.errors import UserError
from custom.reading import ReaderConfig, read_number, read_numbers, suppress_doubles
from custom.submission import Detections


def box(left, width=6, top=0, height=10):
    return [left, top, left + width, top + height]


def test_reads_from_left_to_right_and_keeps_leading_zeros():
    reading = read_number([box(40), box(0), box(20)], [0.9, 0.8, 0.5], [7, 0, 5])
    assert reading.number == '057'
    assert reading.used.tolist() == [1, 2, 0]
    assert reading.confidence == pytest.approx(0.9 * 0.8 * 0.5)


def test_no_box_and_no_box_above_the_threshold_give_no_number():
    for bboxes, scores, labels in ([], [], []), ([box(0)], [0.49], [3]):
        reading = read_number(bboxes, scores, labels)
        assert (reading.number, reading.confidence, reading.used.tolist()) == ('', 0.0, [])


def test_the_threshold_itself_is_kept():
    boxes = [box(0), box(20)]
    assert read_number(boxes, [0.3, 0.29], [1, 2], ReaderConfig(score_thr=0.3)).number == '1'


def test_doubles_are_suppressed_whatever_their_digit():
    # 10x10 and 10x9 in the same corner: IoU 0.9
    boxes = [box(0, 10), box(0, 10, height=9), box(30, 10)]
    assert read_number(boxes, [0.6, 0.9, 0.7], [1, 7, 2]).number == '72'


def test_only_an_iou_above_the_limit_suppresses():
    # 10 wide against the left 5 of it: IoU exactly 0.5
    boxes = [box(0, 10), box(0, 5)]
    assert read_number(boxes, [0.9, 0.8], [1, 2], ReaderConfig(iou_thr=0.5)).used.tolist() == [1, 0]
    assert read_number(boxes, [0.9, 0.8], [1, 2], ReaderConfig(iou_thr=0.49)).used.tolist() == [0]


def test_a_suppressed_box_suppresses_nothing():
    # neighbours overlap by 8 of 12 px (IoU 0.5), the outer two by 4 of 16 (0.25)
    boxes = np.array([box(0, 12), box(4, 12), box(8, 12)], dtype=float)
    assert suppress_doubles(boxes, np.array([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]


def test_of_equal_scores_the_first_box_wins():
    boxes = [box(0, 10), box(1, 10)]
    assert read_number(boxes, [0.7, 0.7], [3, 8]).number == '3'
    assert read_number(boxes[::-1], [0.7, 0.7], [8, 3]).number == '8'
    far_apart = np.array([box(20 * i) for i in range(300)], dtype=float)
    assert suppress_doubles(far_apart, np.full(300, 0.7), 0.5).tolist() == list(range(300))


def test_sorts_by_left_edge_then_by_centre():
    # centres 10 and 9, left edges 0 and 6: a wide digit stays before the narrow one
    assert read_number([box(6, 6), box(0, 20)], [0.9, 0.9], [1, 4]).number == '41'
    # left edges tie: the narrower box has its centre further left
    assert read_number([box(0, 30), box(0, 4, top=20)], [0.9, 0.9], [8, 1]).number == '18'


def test_boxes_without_area_are_harmless():
    assert read_number([[0, 0, 0, 0], [0, 0, 0, 0], box(5)], [0.9, 0.8, 0.7], [1, 2, 3]).number == '123'


@pytest.mark.parametrize('field', ['score_thr', 'iou_thr'])
@pytest.mark.parametrize('value', [-0.1, 1.1, float('nan'), '0.5', True, None])
def test_a_threshold_outside_0_to_1_is_refused(field, value):
    with pytest.raises(UserError, match=rf'{field}=.*from 0 to 1'):
        ReaderConfig(**{field: value})


def test_arrays_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match='2 boxes'):
        read_number([box(0), box(9)], [0.9], [1, 2])


def test_read_numbers_of_all_photos():
    detections = Detections.from_model(
        [7, 3, 7, 3, 99], [box(20), box(0), box(0), box(30), box(0)], [0.9, 0.8, 0.7, 0.2, 0.9], [1, 5, 0, 4, 9]
    )
    readings = read_numbers(detections, [7, 5, 3])
    assert [(image_id, reading.number) for image_id, reading in readings.items()] == [(7, '01'), (5, ''), (3, '5')]
    assert readings[7].used.tolist() == [2, 0]
    assert readings[3].used.tolist() == [1]


def test_read_numbers_of_nothing():
    assert read_numbers(Detections.from_model([], [], [], []), [4])[4].number == ''


def test_read_numbers_agrees_with_read_number_photo_by_photo():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 60, (600, 2))
    xyxy = np.hstack([corner, corner + rng.uniform(5, 25, (600, 2))])
    ids, labels = rng.integers(0, 40, 600), rng.integers(0, 10, 600)
    detections = Detections.from_model(ids, xyxy, rng.uniform(size=600), labels)
    config = ReaderConfig(score_thr=0.3, iou_thr=0.4)
    for image_id, reading in read_numbers(detections, range(40), config).items():
        own = np.flatnonzero(ids == image_id)
        xywh = detections.bboxes[own]
        corners = np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]])
        alone = read_number(corners, detections.scores[own], labels[own], config)
        assert reading.number == alone.number
        assert reading.used.tolist() == own[alone.used].tolist()
        assert reading.confidence == alone.confidence


@pytest.mark.parametrize(('iou_thr', 'least'), [(0.5, 0.999), (ReaderConfig.iou_thr, 0.997)])
def test_perfect_boxes_of_real_photos_give_the_true_number(shared_data, iou_thr, least):
    rows = [row[2] for row in json.loads((shared_data / 'svhn-train-boxes.json').read_text())['rows']]
    boxes = np.array([digit for row in rows for digit in row], dtype=float)
    ids = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    detections = Detections(ids, boxes[:, 1:], np.ones(len(boxes)), boxes[:, 0].astype(int))
    readings = read_numbers(detections, range(len(rows)), ReaderConfig(iou_thr=iou_thr))
    true = [''.join(str(digit[0]) for digit in row) for row in rows]
    right = np.mean([readings[i].number == number for i, number in enumerate(true)])
    assert right > least
