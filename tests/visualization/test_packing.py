"""custom/visualization/packing.py: an even choice, and rows of about the same width."""

import pytest

from custom.visualization.packing import even_rows, evenly_spaced


@pytest.mark.parametrize(
    ('total', 'count', 'expected'),
    [(9, 3, [1, 4, 7]), (9, 1, [4]), (4, 4, [0, 1, 2, 3]), (2, 24, [0, 1]), (5, 4, [0, 1, 3, 4])],
)
def test_evenly_spaced(total, count, expected):
    assert evenly_spaced(total, count) == expected


def test_evenly_spaced_names_nothing_twice():
    for total in range(1, 60):
        for count in range(1, total + 1):
            chosen = evenly_spaced(total, count)
            assert len(set(chosen)) == count
            assert set(chosen) <= set(range(total))
            assert max(b - a for a, b in zip(chosen, [*chosen[1:], total], strict=True)) <= -(-total // count)


def test_rows_keep_the_order_and_are_of_about_the_same_width():
    assert even_rows([300] * 12, row_width=1200) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    # 1700 px are two rows of 850 px: the third one, from 700 to 1000 px, has its middle on the edge
    assert even_rows([200, 500, 300, 200, 500], row_width=1200) == [[0, 1], [2, 3, 4]]
    # 1300 px in rows of 1200 px are two rows, not one and a photo alone
    assert even_rows([260] * 5, row_width=1200) == [[0, 1], [2, 3, 4]]


@pytest.mark.parametrize(
    ('widths', 'expected'), [([50], [[0]]), ([9000, 8000], [[0], [1]]), ([10, 10], [[0, 1]]), ([900, 10], [[0, 1]])]
)
def test_few_or_wide_things(widths, expected):
    assert even_rows(widths, row_width=1200) == expected


def test_no_row_is_empty_and_nothing_is_lost():
    for widths in ([5000, 10, 10, 10], [10, 10, 5000], [10, 5000, 10, 5000]):
        rows = even_rows(widths, row_width=1200)
        assert all(rows)
        assert [i for row in rows for i in row] == list(range(len(widths)))
