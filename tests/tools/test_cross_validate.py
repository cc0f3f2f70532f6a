"""tools/cross_validate.py as a person runs it, on a tiny data set."""

import json
from pathlib import Path

import pytest
from helpers.project import FAST, ROOT, run_tool

from custom.reading.settings import ReaderSettings, write_reader
from custom.structures.detections import Detections
from custom.submission.pred_json import write_pred_json

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MIX = ROOT / 'configs' / 'digits_frcnn_lite_mix.py'


def test_what_is_left_is_done_and_every_photo_is_tested_once(tiny_root, tmp_path):
    work = tmp_path / 'work'
    folds = [work / 'fold_1', work / 'fold_2']
    write_pred_json(folds[0] / 'valid/pred.json', Detections.from_model([], [], [], []))  # of a run that was stopped
    write_reader(folds[0] / 'valid/reader.json', ReaderSettings())
    options = [f'synth_root={tiny_root}', 'train_dataloader.sampler.epoch_size=4', 'train_cfg.max_epochs=1', *FAST]
    command = ['cross_validate.py', MIX, '--data', tiny_root, '--folds', 2, '--work-dir', work]
    done = run_tool(*command, '--cfg-options', *options, fresh=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f'{MIX} on the 9 labelled photos of {tiny_root}, 2 folds'
    assert ' of 9 photos; 95 % interval ' in lines[1]
    folds_said = ['fold 1 (5 photos)', 'fold 2 (4 photos)', 'mean ± standard deviation of the folds']
    assert [line.split(':')[0] for line in lines[-4:-1]] == folds_said
    said = done.stderr.splitlines()
    assert said[:2] == [
        'fold 1 of 2: 4 photos to train on, 5 to test: done before',
        'fold 2 of 2: 5 photos to train on, 4 to test',
    ]
    assert any(line.startswith('epoch 1/1 | loss ') for line in said)
    tested = [[image['id'] for image in json.loads((fold / 'valid.json').read_text())['images']] for fold in folds]
    assert sorted([*tested[0], *tested[1]]) == list(range(1, 10))
    rows = (folds[1] / 'valid/pred.csv').read_text().splitlines()[1:]
    assert [int(row.split(',')[0]) for row in rows] == tested[1]
    assert not list(work.rglob('best_*'))
    assert f"synth_root = '{tiny_root}'" in (work / MIX.name).read_text()
    scored = run_tool('dump_results.py', work / 'pred.json', '--ann', work / 'all.json', '--out', tmp_path / 'out')
    assert scored.stdout.splitlines()[2:] == lines[1:-4]  # the same figures, from the two files


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--folds', '1'], 'error: 1 folds of 9 different photos: give from 2 to 9'),
        (['--data', '/nowhere'], 'error: /nowhere/train.json: no such file'),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(tiny_root, arguments, said):
    options = {'--data': tiny_root, '--work-dir': tiny_root / 'work'} | dict([arguments])
    done = run_tool('cross_validate.py', MIX, *(word for option in options.items() for word in option))
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1
    assert not Path(tiny_root, 'work').exists()
