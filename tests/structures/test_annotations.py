"""Annotations of a set of photos."""

import numpy as np

from custom.structures.annotations import DigitAnnotations, subset, true_numbers


def annotations():
    """Make photos 1, 2 and 3."""
    boxes = [(3, 50, 5), (3, 10, 0), (1, 10, 7), (1, 50, 8)]  # photo, left edge, digit; the last one is a crowd
    ids, lefts, labels = (np.array(column) for column in zip(*boxes, strict=True))
    bboxes = np.stack([lefts, np.full(4, 10), np.full(4, 20), np.full(4, 30)], axis=1).astype(float)
    sizes, iscrowd = np.full((3, 2), 100), np.array([False, False, False, True])
    return DigitAnnotations(np.array([1, 2, 3]), ['1.png', '2.png', '3.png'], sizes, ids, bboxes, labels, iscrowd)


def test_ground_truth_numbers():
    assert true_numbers(annotations()) == {1: '7', 2: '', 3: '05'}
    assert list(true_numbers(annotations())) == [1, 2, 3]


def test_a_subset_has_its_own_photos_and_boxes_only():
    part = subset(annotations(), np.array([False, True, True]))
    assert part.image_ids.tolist() == [2, 3] and part.file_names == ['2.png', '3.png'] and len(part.sizes) == 2
    assert part.box_image_ids.tolist() == [3, 3] and part.labels.tolist() == [5, 0]
    assert part.bboxes[:, 0].tolist() == [50, 10] and part.iscrowd.tolist() == [False, False]


def numbers_of(*corners):
    """Read digits of 6 x 10 px, 1, 2, 3 …, with these left upper corners."""
    count = len(corners)
    bboxes = np.array([[x, y, 6, 10] for x, y in corners], dtype=float)
    ids, labels, crowd = np.zeros(count, int), np.arange(1, count + 1), np.zeros(count, dtype=bool)
    return true_numbers(DigitAnnotations(np.array([0]), ['0.png'], np.full((1, 2), 99), ids, bboxes, labels, crowd))[0]


def test_digits_above_one_another_are_read_by_row():
    assert numbers_of((1, 0), (3, 14), (0, 28)) == '123'  # a column, whose lefts differ
    assert numbers_of((4, 0), (12, 0), (0, 14), (8, 14)) == '1234'
    assert numbers_of((0, 30), (5, 23), (10, 16), (15, 9), (20, 2)) == '12345'  # a steep line
    assert numbers_of((0, 5), (8, 0), (16, 9)) == '123'
