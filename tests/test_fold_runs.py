import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT

from custom import fold_runs
from custom.cli import load_config
from custom.errors import UserError
from custom.fold_runs import FoldRuns, settings_of

ODD = Path('/photos, of 2024/0007')  # a path that must survive --cfg-options
LITE, MIX = 'digits_frcnn_lite.py', 'digits_frcnn_lite_mix.py'


def config(name, *options):
    arguments = {'config': str(ROOT / 'configs' / name), 'cfg_options': options, 'work_dir': None}
    return load_config(Namespace(**arguments, launcher='none'))


def runs_of(cfg, processes=1):
    return FoldRuns.of(cfg, Path('kept.py'), ODD, processes)


def options_of(command):
    return command[command.index('--cfg-options') + 1 :]


class Process:
    """In the place of a process: keeps its command, and ends as `outcome` says."""

    commands, outcome = [], 0

    def __init__(self, command, stdout, env):
        assert stdout is sys.stderr  # stdout is for the figures
        self.commands.append(command)
        self.terminated = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.terminated == isinstance(self.outcome, KeyboardInterrupt)

    def wait(self):
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def terminate(self):
        self.terminated = True


@pytest.fixture
def commands(monkeypatch):
    """What would have been run."""
    monkeypatch.setattr(Process, 'commands', [])
    monkeypatch.setattr(fold_runs, 'subprocess', SimpleNamespace(Popen=Process))
    return Process.commands


@pytest.mark.parametrize('name', [LITE, MIX])
def test_a_fold_trains_on_its_labelled_photos_and_validates_on_none(commands, tmp_path, name):
    given = ['train_cfg.max_epochs=1'] + (['synth_root=/drawn'] if name == MIX else [])
    runs_of(config(name, *given)).train(tmp_path / 'fold_1')
    (command,) = commands
    assert command[:3] == [sys.executable, str(ROOT / 'tools/train.py'), 'kept.py']
    assert command[3:6] == ['--work-dir', str(tmp_path / 'fold_1'), '--cfg-options']
    cfg = config(name, *given, *options_of(command))
    dataset, others = cfg.train_dataloader.dataset, []
    if name == MIX:
        dataset, *others = dataset.datasets
    assert dataset.data_root == str(ODD)
    assert dataset.ann_file == str(tmp_path / 'fold_1/train.json')
    assert dataset.data_prefix.img == ''
    assert [(other.data_root, other.ann_file, other.data_prefix.img) for other in others] == (
        [('/drawn', 'train.json', 'train/')] if name == MIX else []
    )
    assert (cfg.val_dataloader, cfg.val_cfg, cfg.val_evaluator) == (None, None, None)
    assert cfg.train_cfg.max_epochs == 1
    assert cfg.train_dataloader.batch_size == 16


@pytest.mark.parametrize('name', [LITE, MIX])
def test_the_last_epoch_is_tested_on_the_photos_of_the_fold(commands, tmp_path, name):
    runs = runs_of(config(name))
    with pytest.raises(UserError, match='training left no checkpoint'):
        runs.test(tmp_path)
    for file in ('best_number_epoch_1.pth', 'epoch_2.pth'):
        (tmp_path / file).touch()
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/epoch_2.pth')
    runs.test(tmp_path)
    (command,) = commands
    assert Path(command[3]) == tmp_path / 'epoch_2.pth'
    assert command[4:10] == ['--split', 'valid', '--dump', str(tmp_path / 'valid'), '--reader', 'none']
    dataset = config(name, *options_of(command)).val_dataloader.dataset
    assert (dataset.data_root, dataset.data_prefix.img) == (str(ODD), '')
    assert dataset.ann_file == str(tmp_path / 'valid.json')


def test_several_processes_share_the_batch_and_a_stopped_run_goes_on(commands, tmp_path):
    given = ['train_dataloader.batch_size=6']
    (tmp_path / 'epoch_1.pth').touch()
    (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
    runs_of(config(LITE, *given), 3).train(tmp_path)
    (command,) = commands
    start = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=3', str(ROOT / 'tools/train.py')]
    assert command[1:6] == start
    assert command[7:12] == ['--resume', '--launcher', 'pytorch', '--work-dir', str(tmp_path)]
    assert config(LITE, *given, *options_of(command)).train_dataloader.batch_size == 2


@pytest.mark.parametrize('key', ['data_root', 'val_cfg', 'train_dataloader.dataset.ann_file'])
def test_what_a_fold_says_itself_is_not_to_be_given(key):
    with pytest.raises(UserError, match=f'--cfg-options {key}=x: is set for each fold'):
        runs_of(config(LITE)).refuse_own(['train_cfg.max_epochs=1', f'{key}=x'])


@pytest.mark.parametrize('processes', [0, 3])
def test_processes_that_cannot_share_a_batch_are_refused(processes):
    with pytest.raises(UserError, match=f'--processes {processes}: must divide the batch of 16 photos'):
        runs_of(config(LITE), processes)


def test_labelled_photos_that_are_not_one_data_set_are_refused():
    with pytest.raises(UserError, match=r"lite_mix\.py: train_dataloader must have one .*root='data/real'.* has 2$"):
        runs_of(config(MIX, 'synth_root=data/real'))
    with pytest.raises(UserError, match=r'val_dataloader must have one .* has 0$'):
        runs_of(config(LITE, 'val_dataloader.dataset.data_root=/other'))


def test_a_tool_that_fails_ends_the_folds(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(Process, 'outcome', 2)
    with pytest.raises(UserError, match=r'tools/train\.py failed there, see above \(exit code 2\)'):
        runs_of(config(LITE)).train(tmp_path)


def test_ctrl_c_ends_what_runs(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(Process, 'outcome', KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        runs_of(config(LITE)).train(tmp_path)


def test_any_setting_changes_the_settings_text_but_not_the_work_dir():
    plain = settings_of(config(LITE))
    assert settings_of(config(LITE, 'work_dir=/b')) == plain
    assert settings_of(config(LITE, 'train_cfg.max_epochs=5')) != plain
