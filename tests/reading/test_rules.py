"""Rules on candidate digits, by hand. Digits are 6 x 10 px, unless they are not."""

import numpy as np
import pytest

from custom.reading.rules import find_lines, find_numbers, irregularity, of_one_size, typical_height
from custom.reading.settings import ReaderConfig


def boxes(*corners, width=6, height=10):
    """Boxes of one size with these left upper corners."""
    return np.array([[x, y, x + width, y + height] for x, y in corners], dtype=float)


def row(*lefts, **size):
    return boxes(*((left, 0) for left in lefts), **size)


def heights(*values):
    return np.array([[0, 0, 5, value] for value in values], dtype=float)


def lines(bboxes, scores=None, score_thr=0.6, **settings):
    scores = np.full(len(bboxes), 0.9) if scores is None else np.array(scores)
    return find_lines(bboxes, scores, score_thr, ReaderConfig(**settings))


def numbers(bboxes, **settings):
    return find_numbers(bboxes, np.full(len(bboxes), 0.9), 0.6, ReaderConfig(**settings))


def test_the_typical_height_is_weighed_by_the_scores():
    assert typical_height(heights(10, 20, 30), np.array([0.5, 0.5, 0.5])) == 20
    assert typical_height(heights(30, 10, 20), np.array([0.9, 0.2, 0.2])) == 30
    assert typical_height(heights(7), np.array([0.0])) == 7


def test_the_size_ratio_counts_up_and_down_and_includes_its_end():
    some = heights(9.9, 10, 20, 40, 40.1)
    assert of_one_size(some, 20, 2).tolist() == [False, True, True, True, False]


def test_a_line_is_read_from_left_to_right():
    assert lines(row(16, 0, 8)) == [[1, 2, 0]]
    assert lines(row(3)) == [[0]]
    assert lines(row()) == []


def test_neighbours_are_at_most_max_gap_apart():
    # gaps of 2 and 10 px
    assert lines(row(0, 8, 24)) == [[0, 1, 2]]
    assert lines(row(0, 8, 24), max_gap=0.9) == [[0, 1], [2]]
    assert lines(row(0, 8, 500), max_gap=None) == [[0, 1, 2]]


def test_a_decimal_point_leaves_the_number_whole():
    # 427.13: gaps of 2 px, and of 8 px at the point
    assert lines(row(0, 8, 16, 30, 38)) == [[0, 1, 2, 3, 4]]
    assert lines(row(0, 13, 26, 46, 59)) == [[0, 1, 2, 3, 4]]  # between frames: pitches of 13 px, and of 20 px


def test_the_wheels_of_a_register_stand_apart_at_one_pitch():
    # frames between the wheels: gaps of 14 px, a pitch of 2 heights; the 1 in the middle is 3 px wide
    register = row(0, 20, 40, 60, 80)
    register[2] = [42, 0, 45, 10]
    assert lines(register) == [[0, 1, 2, 3, 4]]


def test_a_wide_jump_without_a_pitch_separates_numbers():
    assert lines(row(0, 20)) == [[0], [1]]  # two digits have no pitch
    assert lines(row(0, 8, 16, 36, 44)) == [[0, 1, 2], [3, 4]]
    assert lines(row(0, 12, 33)) == [[0, 1], [2]]  # pitches of 1.2 and 2.1 heights
    assert lines(row(0, 23, 46)) == [[0], [1], [2]]  # a pitch of 2.3 heights is no register's


def test_neighbours_are_of_one_height():
    tall = np.array([[0, 0, 6, 10], [8, -6, 14, 10], [16, 0, 22, 10]], dtype=float)  # 16 px in the middle
    assert lines(tall) == [[0, 2], [1]]
    assert lines(tall, size_ratio=1.6) == [[0, 1, 2]]
    assert lines(tall, size_ratio=None) == [[0, 1, 2]]


@pytest.mark.parametrize('slope', [-50, -30, -10, 0, 10, 30, 50])
@pytest.mark.parametrize('step', [4, 6])
def test_a_slanted_line_is_one_line(slope, step):
    rise = np.tan(np.radians(slope))
    assert lines(boxes(*((step * i, 100 + step * i * rise) for i in (3, 0, 4, 1, 2)))) == [[1, 3, 4, 0, 2]]


def test_digits_below_one_another_are_no_slanted_line():
    assert lines(boxes((0, 0), (6, 9))) == [[0], [1]]  # 9 of 10 px lower


def test_a_weak_digit_continues_a_line():
    # the last wheel has turned halfway
    wheels = row(0, 20, 40, 60, 80)
    scores = [0.9, 0.9, 0.9, 0.9, 0.35]
    assert lines(wheels, scores) == [[0, 1, 2, 3, 4]]
    assert lines(wheels, scores, weak_thr=0.4) == [[0, 1, 2, 3]]
    assert lines(wheels, scores, weak_thr=1.0) == [[0, 1, 2, 3]]


def test_a_weak_digit_comes_before_a_line_or_completes_it():
    wheels, scores = row(20, 40, 60, 80, 0), [0.9, 0.9, 0.9, 0.9, 0.35]
    assert lines(wheels, scores) == [[4, 0, 1, 2, 3]]
    hole = row(0, 8, 16, 32, 24)
    assert lines(hole, scores) == [[0, 1, 2, 4, 3]]


def test_weak_digits_follow_one_another():
    assert lines(row(0, 8, 16, 24, 40, 32), [0.9, 0.9, 0.9, 0.9, 0.4, 0.35]) == [[0, 1, 2, 3, 5, 4]]


def test_a_weak_digit_of_a_short_line_scores_the_mean_of_the_thresholds():
    assert lines(row(0, 8, 16), [0.9, 0.9, 0.44]) == [[0, 1]]
    assert lines(row(0, 8, 16), [0.9, 0.9, 0.45]) == [[0, 1, 2]]
    assert lines(row(0, 16, 8), [0.9, 0.9, 0.45]) == [[0, 2, 1]]


@pytest.mark.parametrize(
    'stray',
    [
        [50, 0, 56, 10],  # a gap of 20 px
        [32, 4, 38, 14],  # 4 px lower
        [32, 2, 35, 7],  # half as high: a lamp
        [27, 0, 33, 10],  # half on the last digit
        [11, 0, 17, 10],  # between digits that have no room
    ],
)
def test_a_weak_box_off_the_pitch_the_line_or_the_size_is_no_digit(stray):
    wheels = np.vstack([row(0, 8, 16, 24), [stray]])
    assert lines(wheels, [0.9, 0.9, 0.9, 0.9, 0.5]) == [[0, 1, 2, 3]]


def test_a_weak_box_alone_or_beside_one_digit_is_no_digit():
    assert lines(row(0, 8), [0.9, 0.5]) == [[0]]
    assert lines(row(0, 8), [0.5, 0.5]) == []


def test_two_numbers_of_a_photo():
    assert numbers(row(0, 8, 60, 68)) == [[0, 1], [2, 3]]
    assert numbers(boxes((0, 0), (8, 0), (0, 40), (8, 40))) == [[0, 1], [2, 3]]


def test_a_stacked_plate_is_one_number():
    plate = boxes((0, 14), (8, 14), (0, 0), (8, 0))
    assert numbers(plate) == [[2, 3, 0, 1]]
    far = boxes((0, 21), (8, 21), (0, 0), (8, 0))  # 11 px between the rows
    assert numbers(far) == [[0, 1], [2, 3]]


def test_rows_of_a_directory_are_numbers_of_their_own():
    assert numbers(boxes(*((x, y) for y in (0, 12) for x in (0, 8, 16)))) == [[0, 1, 2], [3, 4, 5]]


def test_rows_of_another_height_or_place_are_numbers_of_their_own():
    small = np.vstack([boxes((0, 0), (8, 0)), boxes((0, 14), (4, 14), width=3, height=5)])
    assert numbers(small) == [[0, 1], [2, 3]]
    assert numbers(boxes((0, 0), (8, 0), (30, 14), (38, 14))) == [[0, 1], [2, 3]]


def test_a_column_is_read_from_top_to_bottom():
    assert numbers(boxes((1, 28), (0, 0), (2, 14))) == [[1, 2, 0]]
    assert numbers(boxes((1, 22), (0, 0), (2, 11))) == [[1, 2, 0]]


def test_the_spacing_by_hand():
    assert irregularity(row(0, 8)) == 0
    assert irregularity(row(0, 8, 16, 30)) == pytest.approx(0.6)  # gaps of 2, 2 and 8 px
    wheels = row(0, 20, 40, 60)
    wheels[1] = [21.5, 0, 24.5, 10]  # a 1: gaps of 15.5, 15.5 and 14 px, pitches of 20 px
    assert irregularity(wheels) == 0
    assert irregularity(boxes((0, 0), (0, 12), (0, 30))) == 0  # a column has no steps to the right
