"""Comparison with an earlier build: a checkout of its own, the same photos, rounds in turns."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.project import run_tool

from custom.benchmark import compare_builds
from custom.benchmark.candidate import THIS_BUILD, Settings
from custom.utils.errors import UserError

TASK = """
import json, os, sys
from custom.benchmark.candidate import Prepared
UNIT = 'photos'
CANDIDATES = {'ours': 'this one', 'ours-new': 'of this build alone', 'other': 'a baseline'}

def prepare(candidate, settings):
    from custom.benchmark.candidate import ROOT
    open(settings.scratch + '/weights', 'x').close()  # fails if two builds share a folder
    return Prepared(lambda: 2, {'folder': str(ROOT), 'images': settings.images})
"""


def test_pins_of_comments_and_blank_lines():
    assert compare_builds.pins('a==1 # why\n\n# --- more\nb==2\n') == {'a==1', 'b==2'}


@pytest.mark.parametrize(
    ('before', 'wanted'), [('a==1', sys.executable), ('', sys.executable), ('a==1\nb==2', '.venv/bin/python')]
)
def test_the_interpreter_serves_a_commit_that_needs_no_other_versions(tmp_path, monkeypatch, before, wanted):
    now, then = tmp_path / 'now', tmp_path / 'then'
    for folder, text in ((now, 'a==1\nc==3\n'), (then, before)):
        (folder / 'tools').mkdir(parents=True)
        (folder / 'requirements.txt').write_text(text)
        (folder / 'tools/setup.sh').write_text('exit 0')
    monkeypatch.setattr(compare_builds, 'ROOT', now)
    assert compare_builds._interpreter(then, 'abc').endswith(wanted)


def test_requirements_that_cannot_be_installed(tmp_path, monkeypatch):
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'requirements.txt').write_text('nothing==0\n')
    (tmp_path / 'tools/setup.sh').write_text('exit 1')
    with pytest.raises(UserError, match='--build abc: its requirements cannot be installed'):
        compare_builds._interpreter(tmp_path, 'abc')


@pytest.mark.integration
def test_both_builds_run_their_own_code_on_the_same_photos(tmp_path, monkeypatch):
    (tmp_path / 'toy_task.py').write_text(TASK)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    before = subprocess.run(['git', 'worktree', 'list'], capture_output=True, text=True, cwd=THIS_BUILD.root)
    if before.returncode:
        pytest.skip('this folder is no git checkout')
    monkeypatch.setattr(compare_builds, '_interpreter', lambda root, commit: sys.executable)
    task = SimpleNamespace(__name__='toy_task', UNIT='photos', CANDIDATES={'ours': 'this one', 'ours-gone': ''})
    (comparison,) = compare_builds.compare_builds(
        [task], compare_builds.commit_of('HEAD'), Settings(images=str(tmp_path)), 2
    )
    own, earlier = comparison.outcomes.values()
    first, second = comparison.outcomes
    assert first == 'ours'
    assert own.facts['folder'] == str(THIS_BUILD.root)
    assert second == f'{Path(earlier.facts["folder"]).name}: ours'
    assert own.facts['images'] == earlier.facts['images'] == str(tmp_path)
    assert [len(ratios) for ratios in comparison.ratios().values()] == [2]
    after = subprocess.run(['git', 'worktree', 'list'], capture_output=True, text=True, cwd=THIS_BUILD.root)
    assert after.stdout == before.stdout
    assert not Path(earlier.facts['folder']).exists()


@pytest.mark.integration
@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['compare'], 'compare: name the commit by --build REV'),
        (['infer', '--build', 'HEAD'], '--build HEAD: not an option of infer; leave it out'),
        (['compare', '--build', 'HEAD', '--only', 'sleep'], '--only sleep: no such task; there are '),
        (
            ['compare', '--build', 'no-such-commit', '--only', 'eval'],
            '--build no-such-commit: no commit of this checkout',
        ),
    ],
)
def test_the_tool_refuses_bad_options(args, message):
    done = run_tool('benchmark.py', *args)
    assert done.returncode == 2
    assert message in done.stderr
    assert 'Traceback' not in done.stderr


def test_slower_in_every_round_is_a_disagreement(monkeypatch, tmp_path):
    class Worker:
        def __init__(self, module, candidate, settings, build):
            self.facts, self.seconds = {}, 2.0 if build is THIS_BUILD else 1.0

        def ask(self, message):
            round_ = {'units': 1, 'seconds': self.seconds, 'peak_mb': 1.0, 'peak_gpu_mb': None}
            return round_ if message == 'round' else {}

        def close(self):
            pass

    monkeypatch.setattr(compare_builds, 'Worker', Worker)
    task = SimpleNamespace(__name__='toy', UNIT='photos', CANDIDATES={'ours': 'this one'})
    builds = {'': THIS_BUILD, 'abc': THIS_BUILD._replace(python='python')}
    comparison = compare_builds._compare(task, 'ours', builds, Settings(), tmp_path, 3)
    assert comparison.disagreements == ['ours is slower than in the earlier build in every round']
    assert json.dumps(list(comparison.ratios().values())) == '[[0.5, 0.5, 0.5]]'
