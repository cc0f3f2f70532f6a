import numpy as np
import pytest

from custom.models.onnx_check import Difference, difference, drawn_photos


class Fixed:
    """Finds the same boxes in each view: rows of xyxy, score, label."""

    def __init__(self, *rows):
        self.rows = rows

    def detect(self, views):
        bboxes = np.array([row[0] for row in self.rows], np.float32).reshape(-1, 4)
        scores = np.array([row[1] for row in self.rows], np.float32)
        return [(bboxes, scores, np.array([row[2] for row in self.rows], np.int64)) for _ in views]


PHOTO = np.zeros((20, 30, 3), np.uint8)
BOX = [2, 2, 10, 18]


def compared(some, others, most=100):
    return difference(Fixed(*some), Fixed(*others), [PHOTO], 0.001, most)


def test_the_largest_differences_are_those_of_matching_boxes():
    found = compared([(BOX, 0.9, 7), (BOX, 0.5, 3)], [(BOX, 0.5005, 3), ([2, 2, 10, 18.25], 0.8999, 7)])
    assert found == (pytest.approx(0.25), pytest.approx(0.0005, abs=1e-6), 4, 0)  # in a batch and alone
    assert found.is_small


@pytest.mark.parametrize(
    'other',
    [
        (BOX, 0.898, 7),  # score
        (BOX, 0.9, 8),  # label
        ([2, 2, 10, 18.6], 0.9, 7),  # box
    ],
)
def test_a_larger_difference_is_not_small(other):
    assert not compared([(BOX, 0.9, 7)], [other]).is_small
    assert not compared([other], [(BOX, 0.9, 7)]).is_small


def test_a_box_may_be_missing_near_the_threshold_only():
    assert compared([(BOX, 0.9, 7), (BOX, 0.0015, 3)], [(BOX, 0.9, 7)]).is_small
    assert compared([(BOX, 0.9, 7)], [(BOX, 0.9, 7), (BOX, 0.003, 3)]).unmatched == 2
    assert compared([], []) == (0, 0, 0, 0)
    assert compared([], [(BOX, 0.9, 7)]).unmatched == 2


def test_the_lowest_boxes_of_a_full_photo_may_change_places():
    pair = [(BOX, 0.9, 7), (BOX, 0.5, 3)], [(BOX, 0.9, 7), ([20, 2, 28, 18], 0.5, 3)]
    assert compared(*pair, most=2).is_small
    assert not compared(*pair, most=3).is_small


def test_the_text_names_the_differences():
    assert str(Difference(0.25, 1e-4, 7, 0)) == '7 boxes differ by at most 0.25 px, their scores by 0.0001'
    assert str(Difference(0, 0, 7, 2)).endswith('; 2 boxes have no counterpart')


def test_photos_of_many_sizes_are_drawn():
    photos = list(drawn_photos())
    assert len({photo.shape for photo in photos}) > 10
    assert all(photo.dtype == np.uint8 for photo in photos)
    assert any(photo.min(axis=(0, 1)).tolist() == photo.max(axis=(0, 1)).tolist() for photo in photos)  # no digit
