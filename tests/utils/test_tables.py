import csv

import pytest

from custom.utils.tables import neutral, plain, write_csv


@pytest.mark.parametrize('text', ['=1+1', '+a', '-a', '@a', '\ta', '\ra', '\na', "'=a", '=cmd|calc.png', '--1', "''=a"])
def test_a_formula_is_text_and_comes_back(text):
    assert neutral(text) == f"'{text}"
    assert plain(neutral(text)) == text


@pytest.mark.parametrize('cell', ['-1', '+49', '-3.5e-7', '7.png', "'7", '', 'a=b', 5, -5, 0.25, None])
def test_numbers_and_other_text_stay(cell):
    assert neutral(cell) == cell
    if isinstance(cell, str):
        assert plain(cell) == cell


def test_a_row_is_one_row_for_every_reader(tmp_path):
    names = ['a\rb.png', 'a\nb.png', 'a, "b".png', '=cmd|calc.png', '\udcff.png']
    write_csv(tmp_path / 'a.csv', ('id', 'file'), enumerate(names))
    with (tmp_path / 'a.csv').open(newline='', encoding='utf-8', errors='surrogateescape') as file:
        rows = list(csv.reader(file))
    assert [[row[0], plain(row[1])] for row in rows] == [
        ['id', 'file'],
        *([str(i), name] for i, name in enumerate(names)),
    ]
    assert (tmp_path / 'a.csv').read_bytes().splitlines()[0] == b'"id","file"'
