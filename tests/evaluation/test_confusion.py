import numpy as np

from custom.evaluation.confusion import BACKGROUND, PhotoDigits, compare_digits, confusion_matrix, pair_boxes
from custom.reading.numbers import read_numbers
from custom.structures.annotations import DigitAnnotations
from custom.structures.detections import Detections


def boxes(*lefts, width=10.0):
    """xywh, 20 pixels high."""
    return np.array([[left, 0, width, 20] for left in lefts], dtype=float).reshape(-1, 4)


def compare(detected, true, crowd=()):
    """Compare photo 1; detections and ground truth are lists of (left edge, digit)."""
    columns = zip(*[(1, 0.9, digit) for _, digit in detected], strict=True) if detected else ((), (), ())
    ids, scores, labels = (np.array(column) for column in columns)
    detections = Detections(ids.astype(int), boxes(*(x for x, _ in detected)), scores.astype(float), labels.astype(int))
    every = [*true, *crowd]
    truth = DigitAnnotations(
        np.array([1]),
        ['1.png'],
        np.array([[100, 40]]),
        np.ones(len(every), dtype=int),
        boxes(*(x for x, _ in every)),
        np.array([digit for _, digit in every], dtype=int),
        np.arange(len(every)) >= len(true),
    )
    return compare_digits(detections, read_numbers(detections, [1]), truth)


def test_label_pairs_of_a_photo():
    # 7 read as 1, 0 right, 5 missed, 3 made up
    photo = compare([(0, 1), (20, 0), (38, 3)], [(1, 7), (21, 0), (50, 5)])[1]
    assert photo.pairs == [(0, 0), (1, 1)]
    assert photo.label_pairs() == [(7, 1), (0, 0), (5, BACKGROUND), (BACKGROUND, 3)]
    assert photo.read.tolist()[0] == [0, 0, 10, 20] and photo.true.tolist()[0] == [1, 0, 11, 20]  # xyxy


def test_the_matrix_counts_all_photos():
    one, other = compare([(0, 1)], [(1, 7)])[1], compare([(0, 1), (30, 1)], [(1, 7)])[1]
    counts = confusion_matrix({1: one, 2: other})
    assert counts.shape == (11, 11)
    assert counts[7, 1] == 2 and counts[BACKGROUND, 1] == 1 and counts.sum() == 3


def test_boxes_below_the_least_iou_are_not_matched():
    # 10 px wide: 5 px apart the IoU is 1/3, 6 px apart 1/4
    assert compare([(0, 1)], [(5, 1)])[1].label_pairs() == [(1, 1)]
    assert compare([(0, 1)], [(6, 1)])[1].label_pairs() == [(1, BACKGROUND), (BACKGROUND, 1)]


def test_matches_are_greedy_by_iou():
    corners = np.array([[0, 0, 10, 20], [3, 0, 13, 20.0]])
    assert pair_boxes(corners, np.array([[2, 0, 12, 20.0]])) == [(1, 0)]
    assert pair_boxes(corners, corners[::-1]) == [(0, 1), (1, 0)]
    assert pair_boxes(np.zeros((0, 4)), corners) == []
    assert pair_boxes(np.zeros((2, 4)), np.zeros((2, 4))) == []  # no area, no overlap


def test_a_box_on_a_crowd_is_no_insertion():
    photo = compare([(0, 1), (30, 4)], [(0, 1)], crowd=[(30, 9)])[1]
    assert photo.label_pairs() == [(1, 1)]
    assert photo.ignored == [1]
    assert len(photo.true) == 1


def test_a_photo_without_digits_and_one_without_boxes():
    assert compare([], [])[1].label_pairs() == []
    assert compare([], [(0, 4)])[1].label_pairs() == [(4, BACKGROUND)]


def test_photos_in_any_order():
    detections = Detections(np.array([9, 2]), boxes(0, 0), np.array([0.9, 0.9]), np.array([1, 2]))
    truth = DigitAnnotations(
        np.array([9, 5, 2]),
        ['9', '5', '2'],
        np.full((3, 2), 99),
        np.array([2, 9, 5]),
        boxes(0, 0, 0),
        np.array([2, 1, 5]),
        np.zeros(3, dtype=bool),
    )
    found = compare_digits(detections, read_numbers(detections, [9, 5, 2]), truth)
    assert {i: photo.label_pairs() for i, photo in found.items()} == {9: [(1, 1)], 5: [(5, BACKGROUND)], 2: [(2, 2)]}


def test_without_truth():
    detections = Detections(np.array([1]), boxes(3), np.array([0.9]), np.array([4]))
    photo = PhotoDigits.without_truth(detections, read_numbers(detections, [1])[1])
    assert photo.read.tolist() == [[3, 0, 13, 20]] and photo.read_labels.tolist() == [4] and len(photo.true) == 0
