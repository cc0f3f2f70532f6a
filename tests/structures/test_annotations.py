"""Ground-truth numbers of annotated photos."""

import numpy as np

from custom.structures.annotations import DigitAnnotations, ground_truth_numbers


def test_ground_truth_numbers():
    boxes = [(3, 50, 5), (3, 10, 0), (1, 10, 7), (1, 50, 8)]  # photo, left edge, digit; the last one is a crowd
    ids, lefts, labels = (np.array(column) for column in zip(*boxes, strict=True))
    bboxes = np.stack([lefts, np.full(4, 10), np.full(4, 20), np.full(4, 30)], axis=1).astype(float)
    sizes, iscrowd = np.full((3, 2), 100), np.array([False, False, False, True])
    truth = DigitAnnotations(np.array([1, 2, 3]), ['1.png', '2.png', '3.png'], sizes, ids, bboxes, labels, iscrowd)
    assert ground_truth_numbers(truth) == {1: '7', 2: '', 3: '05'}
    assert list(ground_truth_numbers(truth)) == [1, 2, 3]
