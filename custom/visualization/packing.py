"""Selection and rows of the photos of a contact sheet."""

import math
from collections.abc import Sequence
from itertools import accumulate, groupby


def evenly_spaced(total: int, count: int) -> list[int]:
    """Return the indices of min(count, total) evenly spaced items of `total`: [1, 4, 7] for (9, 3)."""
    count = min(count, total)
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


def even_rows(widths: Sequence[int], row_width: int) -> list[list[int]]:
    """Cut a sequence into rows of about the same width; return the indices of each row.

    The line of all items is cut into equal parts. An item is in the row of its centre. The mean row is at most
    `row_width` wide, unless one item alone is wider. Widths are in pixels and include the gap.

    Example:
        >>> even_rows([100, 400, 100, 200, 300], row_width=550)
        [[0, 1, 2], [3, 4]]
    """
    count = math.ceil(sum(widths) / row_width)
    middles = [end - width / 2 for end, width in zip(accumulate(widths), widths, strict=True)]
    row_of = [int(middle * count / sum(widths)) for middle in middles]
    return [list(row) for _, row in groupby(range(len(widths)), key=row_of.__getitem__)]
