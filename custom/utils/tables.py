"""CSV files that a spreadsheet takes as text and numbers, not as formulas."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from .files import replacing

# Spreadsheets take a cell that begins so as a formula, which may start programs or send data. A number is none.
FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
NUMBER = re.compile(r'[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?')


def neutral(cell: Any) -> Any:
    """Put an apostrophe before text that is a formula for spreadsheets, or that `plain` would change.

    Example:
        >>> [neutral(cell) for cell in ('=1+1', '-1', "'=1+1", '7.png')]
        ["'=1+1", '-1', "''=1+1", '7.png']
    """
    is_formula = isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def plain(cell: str) -> str:
    """Return the text of a cell of `neutral`."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def write_csv(path: str | os.PathLike, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV in UTF-8. Text is neutral, and quoted: names may have commas, quotes and any line break.

    Raises:
        UserError: the file cannot be written.
    """
    with replacing(path) as beside, beside.open('w', encoding='utf-8', errors='surrogateescape', newline='') as file:
        write_row = row_writer(file)
        write_row(columns)
        for row in rows:
            write_row(row)


def row_writer(file: TextIO) -> Callable[[Iterable[Any]], object]:
    """Return a function that writes a row as `write_csv` does; `file` translates no line ends."""
    table = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator='\n')
    return lambda row: table.writerow(map(neutral, row))
