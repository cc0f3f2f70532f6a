"""custom/data/known_numbers.py: the boxes that show a known number."""

import numpy as np
import pytest

from custom.data.known_numbers import KnownNumberRule, evidence, others, spell
from custom.utils.errors import UserError


def boxes(*entries):
    """Arrays of (left, digit, score), 8 x 12 px at top 4, or (left, digit, score, top)."""
    xyxy = [[left, *(top or [4]), left + 8, (*top, 4)[0] + 12] for left, _, _, *top in entries]
    return np.array(xyxy, float), np.array([entry[2] for entry in entries]), np.array([entry[1] for entry in entries])


def found(number, *entries, min_score=0.3):
    used = spell(*boxes(*entries), number, min_score)
    return None if used is None else used.tolist()


def test_evidence_sums_the_best_score_of_each_label_at_one_place():
    given = boxes((0, 5, 0.4), (0, 3, 0.3), (1, 3, 0.2), (20, 3, 0.9), (0, 8, 0.6))
    assert evidence(*given).tolist() == pytest.approx([1, 1, 1, 0.9, 1])
    assert evidence(*boxes((0, 5, 0.4), (0, 3, 0.3), (20, 3, 0.9))).tolist() == pytest.approx([0.7, 0.7, 0.9])


def test_the_label_of_the_known_number_is_taken_where_another_is_stronger():
    assert found('47', (0, 4, 0.9), (9, 1, 0.8), (9, 7, 0.05)) == [0, 2]
    assert found('41', (0, 4, 0.9), (9, 1, 0.8), (9, 7, 0.05)) == [0, 1]
    assert found('45', (0, 4, 0.9), (9, 1, 0.8), (9, 7, 0.05)) is None
    assert found('47', (0, 4, 0.9), (9, 1, 0.1), (9, 7, 0.05)) is None  # 0.15 in sum
    assert found('47', (0, 4, 0.9), (9, 1, 0.1), (9, 7, 0.05), min_score=0.15) == [0, 2]


def test_a_digit_is_used_once_and_from_left_to_right():
    assert found('44', (0, 4, 0.9)) is None
    assert found('44', (0, 4, 0.9), (1, 4, 0.8)) is None  # one digit, twice
    assert found('44', (0, 4, 0.9), (9, 4, 0.8)) == [0, 1]
    assert found('74', (0, 4, 0.9), (9, 7, 0.8)) is None
    assert found('47', (9, 4, 0.4), (0, 4, 0.9), (18, 7, 0.8)) == [1, 2]  # the product decides


@pytest.mark.parametrize(
    ('second', 'is_neighbour'),
    [
        ((26, 7, 0.9), True),  # a gap of 18 px, 1.5 heights
        ((27, 7, 0.9), False),
        ((9, 7, 0.9, 11), True),  # 7 px lower, 9 px further
        ((9, 7, 0.9, 12), False),
        ((4, 7, 0.9), True),  # half of it on the other
        ((3, 7, 0.9), False),
    ],
)
def test_neighbours_are_near_and_in_line(second, is_neighbour):
    assert found('47', (0, 4, 0.9), second) == ([0, 1] if is_neighbour else None)


def test_neighbours_have_one_size():
    xyxy = np.array([[0, 0, 8, 12], [9, 0, 17, 20.5]])
    assert spell(xyxy, np.array([0.9, 0.9]), np.array([4, 7]), '47', 0.3) is None
    xyxy[1, 3] = 20
    assert spell(xyxy, np.array([0.9, 0.9]), np.array([4, 7]), '47', 0.3).tolist() == [0, 1]


def test_no_box_shows_no_number():
    assert found('4') is None


def test_strong_boxes_beside_the_number_are_others():
    given = boxes((0, 4, 0.9), (9, 7, 0.1), (30, 1, 0.6), (30, 7, 0.5), (2, 1, 0.9), (9, 1, 0.9))
    assert others(*given[:2], np.array([0, 1]), 0.5).tolist() == [2]
    assert others(*given[:2], np.array([0, 1]), 0.4).tolist() == [2, 3]
    assert others(*given[:2], np.array([0, 1]), 0.6).tolist() == []


@pytest.mark.parametrize('settings', [{'min_score': 1.5}, {'max_other': -0.1}])
def test_a_rule_out_of_range_is_named(settings):
    ((name, value),) = settings.items()
    with pytest.raises(UserError, match=f'{name}={value}'):
        KnownNumberRule(**settings)
