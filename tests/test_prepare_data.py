"""`tools/prepare_data.py` as a person runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def prepare(*arguments):
    command = [sys.executable, 'tools/prepare_data.py', *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_synth_makes_a_set_once(tmp_path):
    out = tmp_path / 'set'
    arguments = ('synth', '--out', out, '--images', 10, '--seed', 1, '--hardness', 0.3, '--workers', 1)
    first = prepare(*arguments)
    assert first.returncode == 0, first.stderr
    assert f'{out}: 10 photos (train 8, valid 1, test 1; test has no labels)' in first.stdout
    assert first.stdout.rstrip().endswith('photos/s')
    assert json.loads((out / 'synth.json').read_text())['hardness'] == 0.3
    again = prepare(*arguments)
    assert (again.returncode, again.stdout) == (0, f'{out}: already there, with the same settings\n')


@pytest.mark.parametrize(
    ('changed', 'named'),
    [(('--images', 3), 'images=3'), (('--hardness', 2), 'hardness=2.0'), (('--workers', 0), 'workers=0')],
)
def test_synth_refuses_bad_values_in_one_line(tmp_path, changed, named):
    done = prepare('synth', '--out', tmp_path / 'set', '--images', 10, *changed)
    assert done.returncode == 2
    assert done.stdout == ''
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith('note: ')]
    assert line.startswith('error: ')
    assert named in line
    assert not (tmp_path / 'set').exists()
