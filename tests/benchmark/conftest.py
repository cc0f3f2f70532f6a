"""Synthetic images, a light model and a toy task, shared by the tests of the benchmarks."""

import pytest

from custom.benchmark import models
from custom.benchmark.candidate import Settings
from custom.benchmark.compare import compare

TASK = """
import os, signal, sys
from custom.benchmark.candidate import GFLOP, Prepared
from custom.utils.errors import UserError

UNIT = 'photos'
CANDIDATES = {'ours': 'this one', 'ours-small': 'a smaller one', 'other': 'another one', 'bad-start': '',
              'bad-input': '', 'bad-round': '', 'killed': ''}
AGREE = {'AP': 0.01}

def prepare(candidate, settings):
    log = open(settings.images, 'a', buffering=1)
    state = 'the first' if not os.path.exists(settings.scratch + '/weights') else 'finds weights'
    open(settings.scratch + '/weights', 'w').close()
    print(f'{candidate} is ready, {state}', file=log)
    print('output of a library')
    if candidate == 'bad-start':
        raise RuntimeError('no such part')
    if candidate == 'bad-input':
        raise UserError('photos: no such folder')
    def run():
        print(candidate, file=log)
        os.system('echo output of a subprocess')
        if candidate == 'bad-round':
            raise ValueError('round went wrong')
        if candidate == 'killed':
            os.kill(os.getpid(), signal.SIGKILL)
        return 6
    ap = {'ours': 0.5, 'ours-small': 0.45, 'other': 0.505}
    return Prepared(run, {GFLOP: 2.0, 'batch': 4}, lambda: {'AP': ap[candidate]})
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Compare candidates of the toy task; `run.log` holds the lines that they logged."""
    (tmp_path / 'toy_task.py').write_text(TASK)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    log = tmp_path / 'log'

    def run(candidates, rounds=2):
        log.write_text('')
        try:
            return compare('toy_task', candidates, Settings(images=str(log)), rounds)
        finally:
            run.log = log.read_text().splitlines()

    return run


@pytest.fixture(scope='session')
def settings(tmp_path_factory):
    """Settings of short rounds with synthetic images, drawn once."""
    settings = Settings(short=True, scratch=str(tmp_path_factory.mktemp('benchmark')))
    models.photos_of(settings)
    return settings


@pytest.fixture
def light_model(monkeypatch):
    """A light model with random weights that takes the place of the detectors with ResNet-50."""
    from mmdet.registry import MODELS

    model = MODELS.build(models.config_of('digits_frcnn_lite').model)
    monkeypatch.setattr(models, 'detector', lambda *_: model)
    return model
