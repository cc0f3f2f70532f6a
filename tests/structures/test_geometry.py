"""Box geometry, by hand."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from custom.structures.geometry import ious, left_to_right, nms, pairs_of_a_group, xywh_to_xyxy


def boxes(*corners, width=6, height=10):
    """Boxes of one size with these left upper corners."""
    return np.array([[x, y, x + width, y + height] for x, y in corners], dtype=float)


def test_left_to_right_and_by_centre_where_left_edges_tie():
    assert left_to_right(np.array([6.0, 0, 0]), np.array([6.0, 30, 4])).tolist() == [2, 1, 0]


def test_nms_keeps_the_best_box():
    # 10x10 and 10x9 in the same corner: IoU 0.9
    some = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [30, 0, 40, 10]], dtype=float)
    assert nms(some, np.array([0.6, 0.9, 0.7]), 0.5).tolist() == [1, 2]


def test_only_an_iou_above_the_limit_suppresses():
    some = np.array([[0, 0, 10, 10], [0, 0, 5, 10]], dtype=float)  # IoU exactly 0.5
    assert nms(some, np.array([0.9, 0.8]), 0.5).tolist() == [0, 1]
    assert nms(some, np.array([0.9, 0.8]), 0.49).tolist() == [0]


def test_a_suppressed_box_suppresses_nothing():
    # neighbours overlap by 8 of 12 px (IoU 0.5), the outer two by 4 of 16 (0.25)
    chain = boxes((0, 0), (4, 0), (8, 0), width=12)
    assert nms(chain, np.array([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]


def test_of_equal_scores_the_first_box_wins():
    assert nms(boxes((0, 0), (1, 0)), np.array([0.7, 0.7]), 0.5).tolist() == [0]
    far_apart = boxes(*((20 * i, 0) for i in range(300)))
    assert nms(far_apart, np.full(300, 0.7), 0.5).tolist() == list(range(300))


def test_boxes_without_area_and_no_box():
    assert nms(np.zeros((2, 4)), np.array([0.8, 0.9]), 0.5).tolist() == [1, 0]
    assert nms(np.zeros((0, 4)), np.zeros(0), 0.5).tolist() == []


def test_a_box_suppresses_those_of_its_own_photo_only():
    same = boxes((0, 0), (0, 0), (0, 0), (0, 0))
    kept = nms(same, np.array([0.5, 0.6, 0.7, 0.8]), 0.3, np.array([9, 2, 9, 2]))
    assert kept.tolist() == [3, 2]  # photo 2, then 9


@pytest.mark.parametrize('iou_thr', [0.0, 0.3, 0.7])
def test_many_photos_at_once_are_as_one_by_one(iou_thr):
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 60, (600, 2))
    some = np.hstack([corner, corner + rng.uniform(5, 25, (600, 2))])
    scores, photos = rng.uniform(size=600).round(1), rng.integers(0, 40, 600)
    expected = []
    for photo in range(40):
        own = np.flatnonzero(photos == photo)
        kept = []
        for i in own[np.argsort(-scores[own], kind='stable')]:
            overlap = [np.minimum(some[i, 2:], some[j, 2:]) - np.maximum(some[i, :2], some[j, :2]) for j in kept]
            shared = [sides.clip(0).prod() for sides in overlap]
            areas = [(some[[i, j], 2:] - some[[i, j], :2]).prod(axis=1).sum() for j in kept]
            if all(part <= iou_thr * (area - part) for part, area in zip(shared, areas, strict=True)):
                kept.append(i)
        expected += kept
    assert nms(some, scores, iou_thr, photos).tolist() == expected


def test_xywh_becomes_xyxy():
    assert xywh_to_xyxy(np.array([[2, 3, 10, 20], [0, 0, 0, 5.5]])).tolist() == [[2, 3, 12, 23], [0, 0, 0, 5.5]]
    assert xywh_to_xyxy(np.zeros((0, 4))).shape == (0, 4)


def test_ious_are_those_of_torchvision():
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 30, (80, 2))
    some = np.hstack([corner, corner + rng.integers(1, 20, (80, 2))]).astype(float)
    expected = box_iou(torch.from_numpy(some), torch.from_numpy(some[:50]))
    assert ious(some[:, None], some[:50]) == pytest.approx(expected.numpy())
    assert ious(some, some).tolist() == [1] * 80
    assert ious(np.zeros(4), np.zeros((2, 4))).tolist() == [0, 0]


def test_pairs_of_a_group_are_all_of_the_same_number():
    rng = np.random.default_rng(0)
    groups, others = rng.integers(0, 9, 40), np.sort(rng.integers(0, 9, 30))
    expected = [[i, j] for i in range(40) for j in range(30) if groups[i] == others[j]]
    assert pairs_of_a_group(groups, others).T.tolist() == expected
    assert pairs_of_a_group(groups, others[:0]).shape == (2, 0)
