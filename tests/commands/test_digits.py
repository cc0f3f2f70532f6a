"""The console command `digits` and the name digits_frcnn."""

import os
import subprocess
import sys

import pytest
from helpers.project import ROOT

pytestmark = pytest.mark.integration


def run(code, *args, cwd):
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.run([sys.executable, '-c', code, *args], cwd=cwd, env=env, capture_output=True, text=True)


def digits(*args, cwd):
    return run('from custom.commands.digits import main; main()', *args, cwd=cwd)


def test_it_lists_every_tool(tmp_path):
    done = digits(cwd=tmp_path)
    assert done.returncode == 0
    for path in (ROOT / 'tools').glob('*.py'):
        assert f'  {path.stem} ' in done.stdout


@pytest.mark.parametrize('name', ['dump_results', 'dump-results'])
def test_it_runs_a_tool_from_any_folder(tmp_path, name):
    done = digits(name, '--help', cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(f'usage: digits {name} ')


def test_the_exit_code_is_the_tool_s(tmp_path):
    done = digits('report', 'gone', cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith('error: gone')
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('name', ['fly', '../tools/train', ''])
def test_an_unknown_tool_is_refused(tmp_path, name):
    done = digits(name, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f'error: digits {name}: unknown tool; the tools are benchmark, ')
    assert done.stderr.count('\n') == 1


def test_the_other_name_works_where_another_package_is_called_custom(tmp_path):
    (tmp_path / 'custom').mkdir()
    (tmp_path / 'custom/__init__.py').write_text('mine = True\n')
    code = """
import sys
sys.path.insert(0, '')
import custom, numpy
assert custom.mine
from digits_frcnn import DigitReader
reading = DigitReader().read(numpy.full((40, 80, 3), 128, 'uint8'))
print(type(reading).__module__, [name for name in sys.modules if name.startswith('custom.')])
"""
    done = run(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == 'digits_frcnn.inference.reader []\n'


@pytest.mark.parametrize(('first', 'second'), [('custom', 'digits_frcnn'), ('digits_frcnn', 'custom')])
def test_both_names_in_one_process_are_refused(tmp_path, first, second):
    done = run(f'from {first} import DigitReader\nfrom {second} import DigitReader', cwd=tmp_path)
    message = 'custom and digits_frcnn are two names of one package; import it by one name in a process'
    assert done.stderr.splitlines()[-1] == f'ImportError: {message}'
