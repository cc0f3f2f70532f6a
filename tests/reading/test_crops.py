import cv2
import numpy as np
import pytest

from custom.reading.crops import Region, find_regions, scaled_crop

TWO = np.array([[60, 30, 70, 50], [72, 30, 82, 50.0]])  # two digits of 20 px
REGION = Region((60, 30, 82, 50), 20, 0.8, 2)


def regions(bboxes, scores, most=4):
    return find_regions(np.array(bboxes, dtype=float).reshape(-1, 4), np.array(scores, dtype=float), most)


def test_the_margin_is_a_digit_height_on_either_side_and_less_above_and_below():
    assert regions(TWO, [0.9, 0.8]) == [REGION]
    assert REGION.with_margin() == (40, 16, 102, 64)
    assert REGION.with_margin(2) == (20, 16, 122, 64)


def test_what_is_far_away_or_of_another_size_is_another_region():
    far, large = [150, 30, 160, 50], [84, 0, 104, 60]
    assert regions([*TWO, far], [0.9, 0.8, 0.7]) == [REGION, Region((150, 30, 160, 50), 20, 0.7, 1)]
    assert regions([*TWO, large], [0.9, 0.8, 0.7]) == [REGION, Region((84, 0, 104, 60), 60, 0.7, 1)]
    near = [100, 30, 110, 50]  # a gap of 18 px, less than the digits' height
    assert regions([near, *TWO], [0.3, 0.9, 0.8]) == [Region((60, 30, 110, 50), 20, 0.3, 3)]
    below = [66, 65, 76, 85]
    assert regions([*TWO, below], [0.9, 0.8, 0.7]) == [Region((60, 30, 82, 85), 20, 0.7, 3)]


def test_regions_are_sorted_by_the_scores_of_their_digits():
    rows = [[0, 100 * i, 10, 100 * i + 20] for i in range(6)]
    found = regions([*rows, [12, 300, 22, 320]], [0.6, 0.3, 0.5, 0.5, 0.4, 0.05, 0.5])
    assert [region.xyxy[1] for region in found] == [300, 0, 200, 400]
    assert [region.xyxy[1] for region in regions(rows, [0.6, 0.3, 0.5, 0.5, 0.4, 0.05], most=2)] == [0, 200]


def test_a_digit_of_two_labels_counts_once():
    assert regions([*TWO, TWO[0] + 1], [0.9, 0.8, 0.3]) == [REGION]


def test_a_low_score_makes_a_region_larger_but_not_less_clear():
    assert regions([*TWO, [84, 30, 94, 50]], [0.9, 0.8, 0.15]) == [Region((60, 30, 94, 50), 20, 0.8, 2)]
    assert regions(TWO, [0.15, 0.12]) == [Region((60, 30, 82, 50), 20, 0, 0)]


def test_one_crop_serves_regions_of_a_size_in_its_middle():
    beside = [103, 30, 113, 50]  # 21 px away, but the centre of a region is compared
    assert len(regions([*TWO, beside], [0.9, 0.8, 0.7])) == 2
    corner = [92, 10, 98, 26]  # another size by 1.25, 10 px to the right, too far up to be a neighbour by height
    assert len(regions([*TWO, corner], [0.9, 0.8, 0.7])) == 1
    part = [62, 32, 66, 38]  # 6 px high: not seen well at the digits' scale
    assert len(regions([*TWO, part], [0.9, 0.8, 0.7])) == 2


@pytest.mark.parametrize(('bboxes', 'scores'), [([], []), (TWO, [0.09, 0.01]), ([[10, 10, 20, 10]], [0.9])])
def test_no_region_without_a_digit(bboxes, scores):
    assert regions(bboxes, scores) == []


def test_digits_get_the_height_that_is_asked_for():
    photo = np.zeros((100, 200, 3), np.uint8)
    photo[30:50, 60:70] = 255
    part = scaled_crop(photo, (40, 16, 102, 64), 20, 50)
    assert part.shape == (120, 155, 3)
    _, top, _, height = cv2.boundingRect((part[..., 0] > 127).astype(np.uint8))
    assert (top, height) == (35, 50)


def test_a_region_longer_than_any_number_is_scaled_down():
    assert scaled_crop(np.zeros((40, 4000, 3), np.uint8), (0, 0, 4000, 40), 20, 40).shape == (5, 480, 3)


def test_a_region_far_too_long_is_a_pixel_high():
    assert scaled_crop(np.zeros((4, 4000, 3), np.uint8), (0, 0, 4000, 1), 1, 10).shape == (1, 120, 3)
