"""Which box finds which true one, on boxes where a person can tell."""

import numpy as np
import pytest

from custom.annotations import DigitAnnotations
from custom.errors import UserError
from custom.overlaps import choose, find_overlaps
from custom.predictions import Detections

WHOLE, TOP = [0, 0, 10, 10], [0, 0, 10, 8]  # IoU 0.8


def truth_of(*boxes, crowd=(), image_ids=(1, 2)):
    """True boxes as (image_id, digit, [x, y, w, h]); those of the indices `crowd` are of crowds."""
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
    columns = [np.array(column) for column in zip(*boxes, strict=True)]
    return Detections(columns[0], columns[2].astype(float), columns[3], columns[1])


def test_boxes_are_sorted_and_overlaps_are_listed():
    truth = truth_of((2, 4, WHOLE), (1, 4, [50, 50, 10, 10]), (1, 3, WHOLE))
    detections = found((2, 4, TOP, 0.5), (1, 4, WHOLE, 0.5), (2, 4, WHOLE, 0.7), (9, 4, WHOLE, 0.9), (1, 3, TOP, 0.1))
    overlaps = find_overlaps(detections, truth)
    assert overlaps.labels.tolist() == [3, 4, 4, 4]
    assert overlaps.photos.tolist() == [0, 1, 0, 1]  # of two that score 0.5 the one on the photo with the lower id
    assert overlaps.nth.tolist() == [0, 0, 0, 1]
    assert overlaps.areas.tolist() == [80, 100, 100, 80]
    pairs = [
        (overlaps.photos[a], overlaps.labels[a], overlaps.true_photos[b], overlaps.true_labels[b], iou)
        for a, b, iou in zip(*overlaps.pairs, overlaps.ious, strict=True)
    ]
    assert pairs == [(0, 3, 0, 3, 0.8), (1, 4, 1, 4, 1.0), (1, 4, 1, 4, 0.8)]


def test_the_better_score_takes_the_true_box_even_if_the_other_overlaps_more():
    overlaps = find_overlaps(found((1, 4, WHOLE, 0.5), (1, 4, TOP, 0.6)), truth_of((1, 4, WHOLE)))
    right, wasted = choose(overlaps, np.array([False]))
    # at 0.50 … 0.80 TOP has it; above that only WHOLE overlaps enough
    assert right.T.tolist() == [[True] * 7 + [False] * 3, [False] * 7 + [True] * 3]
    assert not wasted.any()


def test_each_box_takes_the_true_one_that_it_overlaps_most():
    truth = truth_of((1, 4, [0, 0, 10, 9]), (1, 4, WHOLE))
    overlaps = find_overlaps(found((1, 4, WHOLE, 0.9), (1, 4, WHOLE, 0.8)), truth)
    right, _ = choose(overlaps, np.zeros(2, dtype=bool))
    assert right[:, 0].all()
    assert right[:, 1].tolist() == [True] * 9 + [False]  # the other one, IoU 0.9


def test_what_is_left_out_is_taken_only_where_there_is_no_other():
    truth = truth_of((1, 4, WHOLE), (1, 4, TOP))
    overlaps = find_overlaps(found((1, 4, WHOLE, 0.9), (1, 4, WHOLE, 0.8)), truth)
    right, wasted = choose(overlaps, np.array([True, False]))
    # the first one takes TOP up to 0.8, though WHOLE overlaps more, and WHOLE above; the second one what is left
    assert right.T.tolist() == [[True] * 7 + [False] * 3, [False] * 10]
    assert wasted.T.tolist() == [[False] * 7 + [True] * 3, [True] * 7 + [False] * 3]


def test_a_crowd_is_taken_again_and_again_by_the_share_that_it_covers():
    truth = truth_of((1, 4, [0, 0, 100, 100]), (1, 4, [0, 0, 90, 100]), crowd=[0])
    small = [(1, 4, [10 * i, 0, 10, 10], 0.9) for i in range(3)]
    overlaps = find_overlaps(found(*small), truth)
    right, wasted = choose(overlaps, overlaps.crowd)
    assert wasted.all()
    assert not right.any()


def test_a_hundred_boxes_of_a_photo_and_digit_count():
    boxes = [(1, 4, [50, 50, 5, 5], 0.9)] * 100 + [(1, 4, WHOLE, 0.1), (1, 5, WHOLE, 0.1)]
    overlaps = find_overlaps(found(*boxes), truth_of((1, 4, WHOLE), (1, 5, WHOLE)))
    assert len(overlaps.labels) == 101
    right, _ = choose(overlaps, np.zeros(2, dtype=bool))
    assert np.flatnonzero(right.any(axis=0)).tolist() == [100]


@pytest.mark.parametrize('boxes', [[], [(1, 4, [5, 5, 0, 8], 0.9)]])
def test_nothing_overlaps(boxes):
    detections = found(*boxes) if boxes else Detections.from_model([], [], [], [])
    overlaps = find_overlaps(detections, truth_of((1, 4, [5, 5, 0, 8]), (2, 4, WHOLE)))
    right, wasted = choose(overlaps, np.zeros(2, dtype=bool))
    assert right.shape == wasted.shape == (10, len(boxes))
    assert not right.any()


def test_a_truth_without_digits_is_refused():
    with pytest.raises(UserError, match='2 photos hold no digit'):
        find_overlaps(found((1, 4, WHOLE, 0.5)), truth_of((1, 4, WHOLE), crowd=[0]))
