"""Places where a digit may be."""

import numpy as np
import pytest

from custom.geometry import ious, suppress_doubles
from custom.places import NOISE, SAME_DIGIT_IOU, find_places


def places(boxes, scores, labels, iou_thr=0.3, photos=None):
    photos = np.zeros(len(scores), dtype=int) if photos is None else np.array(photos)
    bboxes = np.array(boxes, dtype=float).reshape(-1, 4)
    kept, means = find_places(bboxes, np.array(scores, dtype=float), np.array(labels, dtype=int), iou_thr, photos)
    return kept.tolist(), means.tolist()


ONE, SAME, HALF, BESIDE = [0, 0, 10, 20], [0, 0, 10, 18], [0, 0, 10, 10], [10, 0, 20, 20]


def test_a_box_alone_scores_what_it_scored():
    assert places([ONE, BESIDE], [0.6, 0.8], [1, 2]) == ([1, 0], [0.8, 0.6])


def test_what_else_the_digit_may_be_counts_by_half():
    assert places([ONE, SAME], [0.5, 0.4], [5, 3]) == ([0], [pytest.approx(0.7)])
    assert places([ONE, SAME], [0.5, 0.4], [5, 5]) == ([0], [0.5])  # the same digit once more says nothing new
    assert places([ONE, SAME, SAME], [0.5, 0.2, 0.1], [5, 3, 3]) == ([0], [pytest.approx(0.6)])
    assert places([ONE, SAME, SAME], [0.5, 0.2, 0.1], [5, 3, 8]) == ([0], [pytest.approx(0.65)])


def test_the_sum_is_one_at_most():
    assert places([ONE, SAME], [0.8, 0.7], [5, 3]) == ([0], [pytest.approx(0.9)])
    assert places([ONE, SAME], [1.5, 0.7], [5, 3]) == ([0], [1])  # scores above 1 are other people's


def test_what_scores_next_to_nothing_does_not_count():
    assert places([ONE, SAME], [0.5, NOISE], [5, 3]) == ([0], [pytest.approx(0.5 + NOISE / 2)])
    assert places([ONE, SAME], [0.5, 0.049], [5, 3]) == ([0], [0.5])
    assert places([ONE], [0.02], [5]) == ([0], [0.02])


def test_of_places_that_are_alike_the_better_gets_the_sum():
    assert places([ONE, ONE], [0.4, 0.5], [3, 5], iou_thr=1.0) == ([1, 0], [pytest.approx(0.7), 0.4])


def test_a_box_of_another_part_of_the_digit_does_not_count():
    assert places([ONE, HALF], [0.5, 0.4], [5, 3]) == ([0], [0.5])  # IoU 0.5


def test_a_doubtful_place_may_come_before_a_surer_box():
    assert places([ONE, SAME, BESIDE], [0.5, 0.4, 0.6], [5, 3, 1]) == ([0, 2], [pytest.approx(0.7), 0.6])


def test_boxes_of_other_photos_do_not_count():
    kept, means = places([ONE, SAME, BESIDE, SAME], [0.5, 0.4, 0.6, 0.3], [5, 3, 1, 7], photos=[4, 2, 2, 4])
    assert kept == [2, 1, 0]
    assert means == [0.6, 0.4, pytest.approx(0.65)]


def test_nothing():
    assert places([], [], []) == ([], [])


def test_boxes_without_area():
    assert places([[3, 3, 3, 3]] * 2, [0.9, 0.8], [1, 2]) == ([0, 1], [0.9, 0.8])


@pytest.mark.parametrize('iou_thr', [0.0, 0.3, 0.5, 0.8, 1.0])
def test_as_photo_by_photo_and_box_by_box(iou_thr):
    rng = np.random.default_rng(1)
    corner = rng.integers(0, 20, (400, 2))
    bboxes = np.hstack([corner, corner + rng.integers(8, 14, (400, 2))]).astype(float)
    scores, labels, photos = rng.uniform(size=400), rng.integers(0, 10, 400), rng.integers(0, 25, 400)
    kept, means = find_places(bboxes, scores, labels, iou_thr, photos)
    expected = []
    for photo in range(25):
        own = np.flatnonzero(photos == photo)
        best = own[suppress_doubles(bboxes[own], scores[own], iou_thr)]
        digits = [{int(labels[i]): scores[i]} for i in best]
        for i in own:
            overlaps = ious(bboxes[i], bboxes[best])
            nearest = int(overlaps.argmax())  # of equal ones the first, which is the best
            if scores[i] >= NOISE and overlaps[nearest] > SAME_DIGIT_IOU and labels[i] != labels[best[nearest]]:
                digits[nearest][int(labels[i])] = max(digits[nearest].get(int(labels[i]), 0), scores[i])
        ranked = [((scores[i] + min(1, sum(seen.values()))) / 2, i) for i, seen in zip(best, digits, strict=True)]
        expected += [(photo, score, i) for score, i in sorted(ranked, key=lambda place: -place[0])]
    assert [photos[i] for i in kept] == [photo for photo, _, _ in expected]
    assert kept.tolist() == [i for _, _, i in expected]
    assert means == pytest.approx([score for _, score, _ in expected])
