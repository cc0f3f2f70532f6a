"""custom/packing.py: an even choice, and rows of nearly the same width."""

import pytest

from custom.packing import balanced_rows, evenly_spaced


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


def test_rows_that_can_be_equal_are():
    # the widest first gives 300 + 200 + 200 and 300 + 200; a swap of 300 and 200 makes both 600
    widths = [200, 300, 200, 300, 200]
    rows = balanced_rows(widths, row_width=600)
    assert [sum(widths[i] for i in row) for row in rows] == [600, 600]
    assert sorted(i for row in rows for i in row) == [0, 1, 2, 3, 4]
    assert all(row == sorted(row) for row in rows)
    assert rows == sorted(rows)


def test_the_number_of_rows_is_the_one_that_wastes_least():
    # 3600 / 850 asks for 5 rows, which would be of 3, 3, 2, 2, 2; 4 rows of 900 are within a tenth and even
    assert [len(row) for row in balanced_rows([300] * 12, row_width=850)] == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ('widths', 'expected'), [([50], [[0]]), ([9000, 8000], [[0], [1]]), ([10, 10], [[0, 1]]), ([900, 10], [[0, 1]])]
)
def test_few_or_wide_things(widths, expected):
    assert balanced_rows(widths, row_width=1200) == expected
