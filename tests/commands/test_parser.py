import argparse
import os
import time
from pathlib import Path

import pytest
import torch
from helpers.project import ROOT

from custom.commands import parser
from custom.engine import builders
from custom.models import checkpoints
from custom.runs import checkpoint_files, config
from custom.utils.errors import UserError


def arguments(config='digits_frcnn.py', **values):
    defaults = {'config': str(ROOT / 'configs' / config), 'work_dir': None, 'cfg_options': [], 'launcher': 'none'}
    return argparse.Namespace(**{**defaults, 'local_rank': 0, **values})


def test_the_work_dir_is_the_command_lines_else_the_configs_else_named_after_it():
    assert config.load_config(arguments()).work_dir == 'work_dirs/digits_frcnn'
    assert config.load_config(arguments(cfg_options=['work_dir=/b'])).work_dir == '/b'
    assert config.load_config(arguments(cfg_options=['work_dir=/b'], work_dir='/a')).work_dir == '/a'


def test_a_misspelt_config_is_answered_with_those_that_exist(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match=r'configs/digits_frcn\.py: no such config.*configs/digits_frcnn\.py'):
        config.load_config(arguments(config='configs/digits_frcn.py'))


def test_a_config_that_is_no_python_is_named(tmp_path):
    (tmp_path / 'x.py').write_text('model = (')
    with pytest.raises(UserError, match=r'x\.py: cannot be read as a config'):
        config.load_config(arguments(config=tmp_path / 'x.py'))


def test_a_moved_work_dir_still_resumes(tmp_path):
    assert checkpoint_files.last_checkpoint(tmp_path) is None
    (tmp_path / 'last_checkpoint').write_text('/where/it/was/epoch_3.pth')
    assert checkpoint_files.last_checkpoint(tmp_path) is None
    (tmp_path / 'epoch_3.pth').touch()
    assert checkpoint_files.last_checkpoint(tmp_path) == tmp_path / 'epoch_3.pth'


def test_only_a_checkpoint_of_a_training_run_is_resumed(tmp_path, capsys):
    assert checkpoints.resume_from(tmp_path, 'auto') is None
    assert 'starting at the first epoch' in capsys.readouterr().err
    with pytest.raises(UserError, match=r'gone\.pth'):
        checkpoints.resume_from(tmp_path, str(tmp_path / 'gone.pth'))
    torch.save({'state_dict': {'weight': torch.ones(1)}, 'meta': {}}, tmp_path / 'best.pth')
    with pytest.raises(
        UserError, match=r'best\.pth: holds weights .*\(message_hub, optimizer, param_schedulers missing\)'
    ):
        checkpoints.resume_from(tmp_path, str(tmp_path / 'best.pth'))
    whole = {'state_dict': {}, 'meta': {}, 'message_hub': {}, 'optimizer': {}, 'param_schedulers': []}
    torch.save(whole | {'state_dict': {'weight': torch.ones(1)}}, tmp_path / 'epoch_3.pth')
    assert checkpoints.resume_from(tmp_path, str(tmp_path / 'epoch_3.pth')) == tmp_path / 'epoch_3.pth'


def test_settings_that_do_not_build_are_said_with_the_config(tmp_path):
    cfg = config.load_config(arguments(work_dir=str(tmp_path), cfg_options=['model.backbone.depth=17']))
    with pytest.raises(UserError, match=r'digits_frcnn\.py: cannot be built .*17'):
        builders.build_runner(cfg)


def test_the_best_checkpoint_is_the_newest_best_else_the_last(tmp_path):
    with pytest.raises(UserError, match='holds no checkpoint'):
        checkpoint_files.best_checkpoint(tmp_path)
    (tmp_path / 'last_checkpoint').write_text('epoch_3.pth')
    (tmp_path / 'epoch_3.pth').touch()
    assert checkpoint_files.best_checkpoint(tmp_path).name == 'epoch_3.pth'
    for age, name in ((10, 'best_x_epoch_9.pth'), (5, 'best_x_epoch_10.pth')):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    assert checkpoint_files.best_checkpoint(tmp_path).name == 'best_x_epoch_10.pth'


def test_the_test_split_has_truth_where_there_is_a_test_json(tmp_path):
    def dataset(split):
        cfg = config.load_config(arguments(cfg_options=[f'data_root={tmp_path}']))
        assert config.select_split(cfg, split) == tmp_path / split
        return cfg.test_dataloader.dataset

    assert dataset('valid').ann_file == 'valid.json'
    assert dataset('test').type == 'DigitFolder'
    (tmp_path / 'test.json').write_text('{"images": []}')  # a list of photos is no truth
    assert dataset('test').type == 'DigitFolder'
    (tmp_path / 'test.json').write_text('{"annotations": [{"bbox": [1, 2, 3, 4]}]}')
    assert dataset('test').type == 'DigitDataset'
    assert dataset('test').ann_file == 'test.json'


def test_a_folder_of_photos_takes_the_place_of_a_split(tmp_path):
    (tmp_path / 'test.json').write_text('{"annotations": [{"bbox": [1, 2, 3, 4]}]}')
    cfg = config.load_config(arguments(cfg_options=[f'data_root={tmp_path}']))
    pipeline = cfg.test_dataloader.dataset.pipeline
    assert config.select_split(cfg, 'test', 'my/photos') == Path('my/photos')
    dataset = cfg.test_dataloader.dataset
    assert (dataset.type, dataset.data_root, dataset.data_prefix.img) == ('DigitFolder', '', 'my/photos')
    assert dataset.pipeline == pipeline


@pytest.mark.parametrize(
    ('error', 'code', 'said'),
    [
        (UserError('x.png: is damaged'), 2, 'error: x.png: is damaged\n'),
        (
            UserError('Caught UserError in DataLoader worker\nTrace\ncustom.errors.UserError: x.png: no'),
            2,
            'error: x.png: no\n',
        ),
        (KeyboardInterrupt(), 130, 'stopped\n'),
    ],
)
def test_errors_end_as_one_line_and_an_exit_code(capsys, error, code, said):
    def main():
        raise error

    with pytest.raises(SystemExit) as end:
        parser.run_tool(main)
    assert end.value.code == code
    assert capsys.readouterr().err == said


def test_an_exit_code_is_passed_on():
    with pytest.raises(SystemExit) as end:
        parser.run_tool(lambda: 1)
    assert end.value.code == 1
