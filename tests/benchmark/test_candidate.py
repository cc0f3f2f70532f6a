"""Processes of candidates, on a toy task."""

import os

import pytest
from helpers.project import ROOT

from custom.benchmark.candidate import environment, last_line
from custom.utils.errors import UserError

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ('candidate', 'why'),
    [
        ('bad-start', 'RuntimeError: no such part'),
        ('bad-input', 'photos: no such folder'),
        ('bad-round', 'ValueError: round went wrong'),
        ('killed', r'ended by signal 9; is there enough memory\?'),
    ],
)
def test_a_candidate_that_fails_ends_the_task_with_its_last_line(run, candidate, why):
    with pytest.raises(UserError, match=rf'^task, {candidate}: failed \({why}\)$'):
        run(['ours', candidate])
    assert run.log.count('ours') <= 1


def test_another_package_called_custom_in_the_current_folder_is_not_imported(run, tmp_path, monkeypatch):
    (tmp_path / 'here/custom').mkdir(parents=True)
    (tmp_path / 'here/custom/__init__.py').touch()
    monkeypatch.chdir(tmp_path / 'here')
    assert not run(['ours']).disagreements


def test_last_line_skips_blank_lines_and_falls_back_to_the_exit_code():
    assert last_line(b'first\nlast\n \n', 1) == 'last'
    assert last_line(b' \n', 3) == 'exit code 3'


def test_memory_of_the_parent_is_not_counted(run):
    ballast = b'.' * 400_000_000
    outcome = run(['ours'], rounds=1).outcomes['ours']
    del ballast
    assert 5 < outcome.peak_mb < 300
    assert outcome.peak_gpu_mb is None


def test_a_candidate_keeps_compiled_modules_as_python_does_by_default(monkeypatch):
    monkeypatch.setenv('PYTHONDONTWRITEBYTECODE', '1')
    monkeypatch.setenv('PYTHONPATH', '/elsewhere')
    assert 'PYTHONDONTWRITEBYTECODE' not in environment()
    assert environment()['PYTHONPATH'] == os.pathsep.join([str(ROOT), '/elsewhere'])
