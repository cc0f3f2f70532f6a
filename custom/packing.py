"""Which photos a contact sheet shows, and in which row each one stands."""

import math
from collections.abc import Sequence
from itertools import combinations


def evenly_spaced(total: int, count: int) -> list[int]:
    """Indices of `count` of `total` things, spread evenly; all of them where there are no more.

    Example:
        >>> evenly_spaced(9, 3)
        [1, 4, 7]
    """
    count = min(count, total)
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


def balanced_rows(widths: Sequence[int], row_width: int) -> list[list[int]]:
    """Deal things out to rows of nearly the same width, within a tenth of `row_width` where that can be.

    For each number of rows that fits: the widest first, each to the row that is shortest so far; then any two rows swap
    two things as long as that brings them nearer to each other. The dealing with the least waste wins.

    Args:
        widths: in pixels, each with the gap beside it.
        row_width: in pixels.

    Returns:
        The indices of each row, rising; rows by their first one.

    Example:
        >>> balanced_rows([100, 400, 100, 200, 300], row_width=550)
        [[0, 1, 2], [3, 4]]
    """

    def length(row: list[int]) -> int:
        return sum(widths[i] for i in row)

    def deal(count: int) -> list[list[int]]:
        rows: list[list[int]] = [[] for _ in range(count)]
        for i in sorted(range(len(widths)), key=lambda i: -widths[i]):
            min(rows, key=length).append(i)
        swapped = True
        while swapped:
            swapped = False
            for one, other in combinations(rows, 2):
                excess = length(one) - length(other)
                left, i, j = min((abs(excess - 2 * (widths[i] - widths[j])), i, j) for i in one for j in other)
                if left < abs(excess):
                    one[one.index(i)], other[other.index(j)] = j, i
                    swapped = True
        return sorted(sorted(row) for row in rows)

    fewest, most = (min(math.ceil(sum(widths) / row_width / share), len(widths)) for share in (1.1, 0.9))
    return min(map(deal, range(fewest, most + 1)), key=lambda rows: len(rows) * max(map(length, rows)))
