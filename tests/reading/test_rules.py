"""Rules on candidate digits, by hand."""

import numpy as np
import pytest

from custom.reading.rules import best_group, of_one_size, row_by_row, typical_height


def boxes(*corners, width=6, height=10):
    """Boxes of one size with these left upper corners."""
    return np.array([[x, y, x + width, y + height] for x, y in corners], dtype=float)


def heights(*values):
    return np.array([[0, 0, 5, value] for value in values], dtype=float)


def test_the_typical_height_is_weighed_by_the_scores():
    assert typical_height(heights(10, 20, 30), np.array([0.5, 0.5, 0.5])) == 20
    assert typical_height(heights(30, 10, 20), np.array([0.9, 0.2, 0.2])) == 30
    assert typical_height(heights(7), np.array([0.0])) == 7


def test_the_size_ratio_counts_up_and_down_and_includes_its_end():
    some = heights(9.9, 10, 20, 40, 40.1)
    assert of_one_size(some, 20, 2).tolist() == [False, True, True, True, False]


def test_the_best_group_is_that_of_the_best_summed_score():
    some = boxes((0, 0), (8, 0), (40, 0))  # gaps of 2 and 26 px
    assert best_group(some, np.array([0.5, 0.6, 0.9]), 25).tolist() == [0, 1]
    assert best_group(some, np.array([0.5, 0.6, 1.2]), 25).tolist() == [2]
    assert best_group(some, np.array([0.5, 0.6, 0.9]), 26).tolist() == [0, 1, 2]


def test_boxes_far_above_or_below_are_apart_too():
    assert best_group(boxes((0, 0), (8, 1), (4, 40)), np.array([0.5, 0.6, 0.9]), 10).tolist() == [0, 1]


def test_a_gap_is_from_the_furthest_edge_so_far():
    wide = np.array([[0, 0, 50, 10], [2, 0, 8, 10], [55, 0, 61, 10]], dtype=float)
    assert best_group(wide, np.full(3, 0.9), 5).tolist() == [0, 1, 2]


@pytest.mark.parametrize('slope', [-25, -10, 0, 10, 25])
@pytest.mark.parametrize('step', [4, 8, 14, 25])
def test_a_slanted_line_is_one_row(slope, step):
    rise = np.tan(np.radians(slope))
    line = boxes(*((step * i, 100 + step * i * rise) for i in (3, 0, 4, 1, 2)))
    assert row_by_row(line).tolist() == [1, 3, 4, 0, 2]


@pytest.mark.parametrize('slope', [-25, -10, 0, 10, 25])
def test_slanted_rows_stay_apart(slope):
    turn = np.radians(slope)
    level = [(8 * column, 12 * row) for row in (0, 1) for column in (0, 1, 2)]
    turned = [(x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)) for x, y in level]
    shuffled = [4, 2, 0, 5, 1, 3]
    assert np.array(shuffled)[row_by_row(boxes(*(turned[i] for i in shuffled)))].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_column_is_read_from_top_to_bottom():
    assert row_by_row(boxes((1, 24), (0, 0), (2, 12))).tolist() == [1, 2, 0]
    assert row_by_row(boxes((0, 0))).tolist() == [0]


def test_digits_of_a_row_may_stand_unevenly():
    assert row_by_row(boxes((8, 0), (0, 4), (16, 4.9))).tolist() == [1, 0, 2]
