import cv2
import numpy as np
import pytest

from custom.reading.crops import Region, number_region, scaled_crop

TEN = np.array([[60, 30, 70, 50], [72, 30, 82, 50.0]])  # two digits of 20 px


def region(bboxes, scores, size=(200, 100)):
    bboxes = np.array(bboxes, dtype=float).reshape(-1, 4)
    return number_region(bboxes, np.array(scores, dtype=float), np.arange(len(bboxes)) % 10, size)


def test_the_number_has_a_digit_height_on_either_side_and_less_above_and_below():
    assert region(TEN, [0.9, 0.8]) == Region((40, 16, 102, 64), 20)


def test_it_ends_where_the_photo_does():
    assert region(TEN, [0.9, 0.8], (85, 60)) == Region((40, 16, 85, 60), 20)


def test_what_is_far_away_or_of_another_size_is_no_part_of_it():
    far, large = [150, 30, 160, 50], [84, 0, 104, 60]
    assert region([*TEN, far], [0.9, 0.8, 0.7]) == Region((40, 16, 102, 64), 20)
    assert region([*TEN, large], [0.9, 0.8, 0.7]) == Region((40, 16, 102, 64), 20)
    near = [100, 30, 110, 50]  # a gap of 18 px, less than the digits' height
    assert region([*TEN, near], [0.9, 0.8, 0.3]) == Region((40, 16, 130, 64), 20)


def test_low_scores_count_only_without_higher_ones():
    assert region(TEN, [0.9, 0.1]) == Region((40, 16, 90, 64), 20)
    assert region(TEN, [0.1, 0.08]) == Region((40, 16, 102, 64), 20)


@pytest.mark.parametrize(
    ('bboxes', 'scores'), [([], []), (TEN, [0.04, 0.01]), ([[10, 10, 20, 10]], [0.9]), ([[300, 10, 310, 30]], [0.9])]
)
def test_no_region_without_a_number(bboxes, scores):
    assert region(bboxes, scores) is None


def test_digits_get_the_height_that_is_asked_for():
    photo = np.zeros((100, 200, 3), np.uint8)
    photo[30:50, 60:70] = 255
    part = scaled_crop(photo, Region((40, 16, 102, 64), 20.0), 50)
    assert part.shape == (120, 155, 3)
    _, top, _, height = cv2.boundingRect((part[..., 0] > 127).astype(np.uint8))
    assert (top, height) == (35, 50)


def test_a_region_longer_than_any_number_is_scaled_down():
    assert scaled_crop(np.zeros((40, 4000, 3), np.uint8), Region((0, 0, 4000, 40), 20.0), 40).shape == (5, 480, 3)


def test_a_region_far_too_long_is_a_pixel_high():
    assert scaled_crop(np.zeros((4, 4000, 3), np.uint8), Region((0, 0, 4000, 1), 1.0), 10).shape == (1, 120, 3)
