"""The benchmark's frame, on a task that takes no time; its speed is not what is tested here."""

import json
from types import SimpleNamespace

import pytest
from helpers.project import run_tool

from custom.benchmark.compare import Settings, choose, compare
from custom.utils.errors import UserError

TASK = """
import os, signal, sys
from custom.benchmark.compare import GFLOP, Prepared
from custom.utils.errors import UserError

UNIT = 'photos'
RIVALS = {'ours': 'this one', 'ours-small': 'a smaller one', 'other': 'another one', 'bad-start': '', 'bad-input': '',
          'bad-round': '', 'killed': ''}
AGREE = {'AP': 0.01}

def prepare(rival, settings):
    log = open(settings.images, 'a', buffering=1)
    said = 'the first' if not os.path.exists(settings.scratch + '/weights') else 'finds weights'
    open(settings.scratch + '/weights', 'w').close()
    print(f'{rival} is ready, {said}', file=log)
    print('a library says something on stdout')
    if rival == 'bad-start':
        raise RuntimeError('no such part')
    if rival == 'bad-input':
        raise UserError('photos: no such folder')
    def run():
        print(rival, file=log)
        os.system('echo so does a program of its own')
        if rival == 'bad-round':
            raise ValueError('round went wrong')
        if rival == 'killed':
            os.kill(os.getpid(), signal.SIGKILL)
        return 6
    ap = {'ours': 0.5, 'ours-small': 0.45, 'other': 0.505}
    return Prepared(run, {GFLOP: 2.0, 'batch': 4}, lambda: {'AP': ap[rival]})
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Compares contestants of the toy task; gives the comparison, and the log that they wrote."""
    (tmp_path / 'toy_task.py').write_text(TASK)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    log = tmp_path / 'log'

    def run(contestants, rounds=2):
        log.write_text('')
        try:
            return compare('toy_task', contestants, Settings(images=str(log)), rounds)
        finally:
            run.log = log.read_text().splitlines()

    return run


def test_contestants_take_turns_after_a_round_to_warm_up(run, capsys):
    ballast = b'.' * 400_000_000
    found = run(['ours', 'ours-small', 'other'])
    del ballast
    ready = ['ours is ready, the first', 'ours-small is ready, finds weights', 'other is ready, finds weights']
    assert run.log == ready + ['ours', 'ours-small', 'other'] * 3
    assert (found.task, found.unit) == ('task', 'photos')
    assert list(found.outcomes) == ['ours', 'ours-small', 'other']
    outcome = found.outcomes['other']
    assert outcome.what == 'another one'
    assert outcome.units == [6, 6]  # the round to warm up is not among them
    assert len(outcome.seconds) == 2
    assert outcome.facts == {'GFLOP': 2.0, 'batch': 4}
    assert outcome.figures == {'AP': 0.505}
    assert 5 < outcome.peak_mb < 300  # what this process holds is not the contestant's
    assert outcome.peak_gpu_mb is None
    assert found.disagreements == ['AP of ours-small, 0.45, differs from that of other, 0.505, by more than 0.01']
    said, progress = capsys.readouterr()
    assert said == ''
    assert progress.startswith('task: preparing ours\n')
    assert 'task: round 2 of 2, about 0 s left\n' in progress


@pytest.mark.parametrize(
    ('rival', 'why'),
    [
        ('bad-start', 'RuntimeError: no such part'),
        ('bad-input', 'photos: no such folder'),
        ('bad-round', 'ValueError: round went wrong'),
        ('killed', r'ended by signal 9; is there enough memory\?'),
    ],
)
def test_a_contestant_that_fails_ends_it_with_its_last_words(run, rival, why):
    with pytest.raises(UserError, match=rf'^task, {rival}: failed \({why}\)$'):
        run(['ours', rival])
    assert run.log.count('ours') <= 1


def test_scratch_folders_are_removed(run, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temp'))
    (tmp_path / 'temp').mkdir()
    run(['ours'])
    with pytest.raises(UserError):
        run(['bad-start'])
    assert list((tmp_path / 'temp').iterdir()) == []


def task(name, *rivals):
    return SimpleNamespace(__name__=name, RIVALS=dict.fromkeys(rivals, ''))


INFER = task('infer', 'ours', 'stock', 'torchvision', 'torchvision-v2')
EVAL = task('eval', 'ours', 'pycocotools')


@pytest.mark.parametrize(
    ('against', 'infer'),
    [
        ([], ['ours', 'stock', 'torchvision', 'torchvision-v2']),
        (['stock'], ['ours', 'stock']),
        (['torchvision'], ['ours', 'torchvision', 'torchvision-v2']),
        (['torchvision-v2', 'stock'], ['ours', 'stock', 'torchvision-v2']),
        (['pycocotools'], ['ours', 'stock', 'torchvision', 'torchvision-v2']),
    ],
)
def test_which_rivals_are_measured(against, infer):
    # a task that has none of those named is measured against all of its own
    assert choose([INFER, EVAL], against) == {'infer': infer, 'eval': ['ours', 'pycocotools']}


@pytest.mark.parametrize('name', ['tensorflow', 'ours', 'torch'])
def test_a_rival_that_no_task_has_is_refused_with_those_there_are(name):
    said = f'--against {name}: no such rival here; there are pycocotools, stock, torchvision, torchvision-v2'
    with pytest.raises(UserError, match=said):
        choose([INFER, EVAL], ['stock', name])


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        (['all', '--against', 'tensorflow'], '--against tensorflow: no such rival here; there are '),
        (['sleep'], "argument task: invalid choice: 'sleep'"),
        (['eval', '--pairs', '0'], '--pairs 0: give at least 1'),
        (['train', '--batch', '0'], '--batch 0: give at least 1'),
        (['infer', '--weights', 'no.pth'], '--weights no.pth: no such file'),
        (['infer', '--picture', 'p.png'], '--picture p.png: not of infer; leave it out'),
        (['profile', '--json', 'p.json'], '--json p.json: not of profile; leave it out'),
        (['infer', '--images', 'no/folder'], '--images no/folder: no such folder'),
    ],
)
def test_the_tool_refuses_what_it_cannot_do(args, said):
    done = run_tool('benchmark.py', *args)
    assert done.returncode == 2
    assert said in done.stderr
    assert 'Traceback' not in done.stderr
    assert done.stdout == ''


def test_the_tool_measures_and_writes_json(tmp_path):
    done = run_tool('benchmark.py', 'eval', '--short', '--pairs', 1, '--json', tmp_path / 'out/bench.json', '--quiet')
    assert (done.returncode, done.stderr) == (0, '')
    assert 'eval: photos/s, median (min-max) of 1 round, taken in turns' in done.stdout
    content = json.loads((tmp_path / 'out/bench.json').read_text())
    assert content['machine']['cores'] >= 1
    assert content['settings']['short'] is True
    assert list(content['tasks']) == ['eval']
    assert content['tasks']['eval']['disagreements'] == []
