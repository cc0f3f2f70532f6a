"""Photos of a contact sheet: an even choice, and rows."""

import math
from collections.abc import Sequence
from itertools import accumulate, groupby


def evenly_spaced(total: int, count: int) -> list[int]:
    """Indices of `count` of `total` things, spread evenly; all of them where there are no more.

    Example:
        >>> evenly_spaced(9, 3)
        [1, 4, 7]
    """
    count = min(count, total)
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


def even_rows(widths: Sequence[int], row_width: int) -> list[list[int]]:
    """Cut a sequence into rows of about the same width, in the order given.

    The row of a thing is the one in which its middle lies when all things are laid out in one line.

    Args:
        widths: in pixels, each with the gap beside it.
        row_width: in pixels; the mean row is no wider, unless one thing alone is.

    Returns:
        The indices of each row.

    Example:
        >>> even_rows([100, 400, 100, 200, 300], row_width=550)
        [[0, 1, 2], [3, 4]]
    """
    count = math.ceil(sum(widths) / row_width)
    middles = [end - width / 2 for end, width in zip(accumulate(widths), widths, strict=True)]
    row_of = [int(middle * count / sum(widths)) for middle in middles]
    return [list(row) for _, row in groupby(range(len(widths)), key=row_of.__getitem__)]
