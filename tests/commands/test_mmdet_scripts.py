"""MMDetection's own scripts on this project's configs, data, checkpoints and results."""

import io
import json
import os
import pickle

import numpy as np
import pytest
import torch
from helpers.project import ROOT, run_tool

from custom.commands import mmdet_scripts
from custom.commands.mmdet_scripts import BROKEN, adapt_arguments, scripts, split_arguments
from custom.utils.errors import UserError

LITE = str(ROOT / 'configs/digits_frcnn_lite.py')
SMALL = [
    f'{name}_dataloader.{key}'
    for name in ('train', 'val', 'test')
    for key in ('batch_size=3', 'num_workers=0', 'persistent_workers=False')
]


@pytest.fixture(scope='module')
def root(trained):
    return trained[0]


@pytest.fixture(scope='module')
def run(trained):
    """A work dir after an epoch of training."""
    return trained[1]


@pytest.fixture(scope='module')
def results(tmp_path_factory, root, run):
    """What `test --out` wrote."""
    path = tmp_path_factory.mktemp('results') / 'results.pkl'
    arguments = ['--work-dir', path.parent, '--out', path]
    printed = mmdet('test', LITE, run / 'epoch_1.pth', *arguments, root=root, fresh=True)
    assert 'number accuracy ' in printed and 'AP50 ' in printed  # as tools/test.py prints them
    return path


def mmdet(*args, root=None, fresh=False):
    more = ['--cfg-options', f'data_root={root}', 'model.backbone.init_cfg=None', *SMALL] if root else []
    done = run_tool('mmdet_script.py', *args, *more, fresh=fresh)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_options_are_separated_from_other_arguments():
    assert split_arguments(['a.py', '--cfg-options', 'x=1', 'y=2', '--show']) == (['a.py', '--show'], ['x=1', 'y=2'])
    assert split_arguments(['a.py', 'b=c']) == (['a.py', 'b=c'], [])
    assert split_arguments(['--cfg-options', 'x=1', 'a.py', 'y=2']) == (['a.py', 'y=2'], ['x=1'])
    twice = ['--cfg-options', 'x=1', '--show', '--cfg-options=y=2', 'z=3', '--cfg', 'v=4']
    assert split_arguments(twice) == (['--show'], ['x=1', 'y=2', 'z=3', 'v=4'])


def test_the_copy_of_a_config_has_the_overrides_and_a_split_with_ground_truth(tmp_path, root):
    arguments = [LITE, 'results.pkl', '--cfg-options', f'data_root={root}', 'train_cfg.max_epochs=7']
    config, *others = adapt_arguments('eval_metric', arguments, 'valid', tmp_path)
    assert config == str(tmp_path / 'digits_frcnn_lite.py')
    assert others == ['results.pkl']
    text = (tmp_path / 'digits_frcnn_lite.py').read_text()
    assert 'max_epochs=7' in text
    assert f"'{root}'" in text  # a long path begins a line of its own
    assert 'DigitFolder' not in text


def test_arguments_without_a_config_stay(tmp_path):
    assert adapt_arguments('publish_model', ['a.pth', 'b.pth'], 'valid', tmp_path) == ['a.pth', 'b.pth']
    (named,) = adapt_arguments('print_config', ['digits_frcnn_lite'], 'valid', tmp_path)
    assert named == str(tmp_path / 'digits_frcnn_lite.py')
    assert (
        adapt_arguments('analyze_logs', ['plot_curve', 'a.json', '--style', 'ggplot'], 'valid', tmp_path)[-1]
        == 'ggplot'
    )


def test_an_option_of_a_script_that_is_given_twice_is_noted(tmp_path, capsys):
    adapt_arguments('analyze_logs', ['cal_train_time', 'a.json', '--keys', 'a', '--keys', 'b'], 'valid', tmp_path)
    assert capsys.readouterr().err == 'note: --keys: given more than once; analyze_logs may take the last one only\n'


@pytest.mark.integration
def test_an_unknown_or_broken_script_is_one_line():
    done = run_tool('mmdet_script.py', 'confusion')
    assert done.returncode == 2
    assert done.stderr.startswith('error: confusion: MMDetection has no such script; it has ')
    assert 'confusion_matrix' in done.stderr
    done = run_tool('mmdet_script.py', 'fuse_results', '--help')
    assert done.returncode == 2
    assert 'use tools/fuse_results.py' in done.stderr


def test_broken_scripts_exist_and_detection_comes_first():
    assert set(BROKEN) <= set(scripts())
    assert scripts()['browse_dataset'].parent.name == 'analysis_tools'


def test_a_misspelt_override_is_refused(tmp_path):
    with pytest.raises(UserError, match='max_epoch'):
        adapt_arguments('print_config', [LITE, '--cfg-options', 'train_cfg.max_epoch=7'], 'valid', tmp_path)


@pytest.mark.integration
def test_a_missing_file_is_one_line():
    done = run_tool('mmdet_script.py', 'analyze_logs', 'plot_curve', 'gone.json', '--out', 'x.png')
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith('error: gone.json: no such file')


@pytest.mark.integration
def test_print_config():
    assert "type='TimmFeatures'" in mmdet('print_config', LITE)


@pytest.mark.integration
def test_browse_dataset(tmp_path, root):
    mmdet('browse_dataset', LITE, '--output-dir', tmp_path, '--not-show', root=root)
    assert len(list(tmp_path.glob('*.png'))) == 6


@pytest.mark.integration
def test_get_flops_needs_no_data_set(tmp_path):
    done = run_tool('mmdet_script.py', 'get_flops', LITE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'Params: 1.735M' in done.stdout
    assert 'Input shape: (80, 320)' in done.stdout
    assert 'a blank image of 320 x 80 px instead of the data set' in done.stderr


@pytest.mark.integration
def test_analyze_logs(tmp_path, run):
    (log,) = (path for path in run.glob('*/vis_data/*.json') if path.name != 'scalars.json')
    mmdet('analyze_logs', 'plot_curve', log, '--keys', 'loss', '--out', tmp_path / 'loss.png')
    assert (tmp_path / 'loss.png').read_bytes().startswith(b'\x89PNG')
    assert 'average iter time' in mmdet('analyze_logs', 'cal_train_time', log)


@pytest.mark.integration
def test_confusion_matrix(tmp_path, root, results):
    printed = mmdet('confusion_matrix', LITE, results, tmp_path, root=root)
    assert printed.splitlines()[-1] == f'{tmp_path}: 1 file written, confusion_matrix.png'
    assert (tmp_path / 'confusion_matrix.png').is_file()


@pytest.mark.integration
def test_analyze_results(tmp_path, root, results):
    mmdet('analyze_results', LITE, results, tmp_path, '--topk', '1', root=root)
    assert len(list(tmp_path.glob('good/*.png'))) == 1


@pytest.mark.integration
def test_eval_metric(root, results):
    assert "'digits/AP': 0.0" in mmdet('eval_metric', LITE, results, root=root)


@pytest.mark.integration
def test_coco_error_analysis(tmp_path, root):
    boxes = json.loads((root / 'valid.json').read_text())['annotations']
    pred_json = tmp_path / 'pred.json'
    pred_json.write_text(json.dumps([{**box, 'score': 0.5} for box in boxes]))
    mmdet('coco_error_analysis', pred_json, tmp_path, '--ann', root / 'valid.json')
    assert len(list(tmp_path.rglob('*.png'))) > 10
    assert 'supercategory' not in json.loads((root / 'valid.json').read_text())['categories'][0]


@pytest.mark.integration
def test_publish_model(tmp_path, run):
    mmdet('publish_model', run / 'epoch_1.pth', tmp_path / 'small.pth')
    (published,) = tmp_path.glob('small-*.pth')
    assert published.stat().st_size < (run / 'epoch_1.pth').stat().st_size


class Runs:
    def __reduce__(self):
        return os.system, ('touch ran',)


def test_results_run_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = [
        {'img_id': 1, 'ori_shape': (20, 40), 'scores': torch.ones(2), 'boxes': np.zeros((2, 4)), 'x': np.float64(2)}
    ]
    read = mmdet_scripts._unpickle(io.BytesIO(pickle.dumps(results, protocol=2)))
    assert read[0]['img_id'] == 1 and read[0]['scores'].tolist() == [1, 1] and read[0]['boxes'].shape == (2, 4)
    for content in (pickle.dumps(Runs()), pickle.dumps([{'a': Runs()}], protocol=2), b'none'):
        with pytest.raises(UserError, match='the results cannot be read'):
            mmdet_scripts._unpickle(io.BytesIO(content))
    assert list(tmp_path.iterdir()) == []
