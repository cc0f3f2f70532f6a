"""docs/reliability.md names tests that exist."""

import re

import pytest
from helpers.project import ROOT

ROWS = [
    line.strip('|').split('|')
    for line in (ROOT / 'docs/reliability.md').read_text().splitlines()
    if line.startswith('| ') and not line.startswith(('| guarantee', '| ---'))
]


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row[0].strip()[:40])
def test_each_guarantee_names_existing_tests(row):
    named = re.findall(r'`(tests/[\w/]+\.py)(?:::(\w+))?`', row[-1])
    assert named, row
    for path, test in named:
        assert f'def {test}(' in (ROOT / path).read_text() if test else (ROOT / path).is_file()
