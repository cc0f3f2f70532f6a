import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.project import ROOT

from custom.commands import cross_validate
from custom.commands.cross_validate import FoldRuns, pool_folds, run_folds, settings_of
from custom.reading.settings import ReaderConfig, ReaderSettings, write_reader
from custom.runs.config import load_config
from custom.structures.annotations import DigitAnnotations
from custom.structures.detections import Detections
from custom.submission.pred_json import read_pred_json, write_pred_json
from custom.utils.errors import UserError

FOLD_OF = np.array([0, 1, 0, 1])
# Four photos with one digit each, the same as the image id.
TRUTH = DigitAnnotations(
    image_ids=np.array([1, 2, 3, 4]),
    file_names=['1.png', '2.png', '3.png', '4.png'],
    sizes=np.full((4, 2), 20),
    box_image_ids=np.array([1, 2, 3, 4]),
    bboxes=np.tile([4.0, 4.0, 8.0, 12.0], (4, 1)),
    labels=np.array([1, 2, 3, 4]),
    iscrowd=np.zeros(4, bool),
)


class Runs:
    """Finds every digit of the fold but the one on photo 4; the scores are 0.4."""

    def __init__(self):
        self.called = []

    def train(self, folder):
        self.called.append(('train', folder.name))

    def test(self, folder):
        self.called.append(('test', folder.name))
        ids = [1, 3] if folder.name == 'fold_1' else [2]
        found = Detections.from_model(ids, [[4, 4, 12, 16]] * len(ids), [0.4] * len(ids), ids)
        write_pred_json(folder / 'valid/pred.json', found)
        write_reader(folder / 'valid/reader.json', ReaderSettings(number=ReaderConfig(score_thr=0.3)))


@pytest.fixture
def folders(tmp_path):
    return [tmp_path / 'fold_1', tmp_path / 'fold_2']


def test_folds_are_run_in_turn_and_not_twice(folders, capsys, monkeypatch):
    runs, times = Runs(), iter([0, 90, 90, 170])
    monkeypatch.setattr('time.monotonic', lambda: next(times))
    run_folds(folders, FOLD_OF, runs)
    assert runs.called == [('train', 'fold_1'), ('test', 'fold_1'), ('train', 'fold_2'), ('test', 'fold_2')]
    assert capsys.readouterr().err.splitlines() == [
        'fold 1 of 2: 2 photos to train on, 2 to test',
        'fold 2 of 2: 2 photos to train on, 2 to test | about 1 min 30 s left',
    ]
    monkeypatch.undo()
    (folders[1] / 'valid/pred.json').unlink()
    again = Runs()
    run_folds(folders, FOLD_OF, again)
    assert again.called == [('train', 'fold_2'), ('test', 'fold_2')]
    assert capsys.readouterr().err.startswith('fold 1 of 2: 2 photos to train on, 2 to test: done before\n')


def test_folds_are_scored_alone_and_together_by_the_readers_threshold(folders, tmp_path):
    run_folds(folders, FOLD_OF, Runs())
    outcome = pool_folds(folders, FOLD_OF, TRUTH, tmp_path / 'pred.json')
    assert outcome.photos == [2, 2]
    assert [figures['accuracy'] for figures in outcome.figures] == [1.0, 0.5]
    assert [figures['AP'] for figures in outcome.figures] == pytest.approx([1.0, 0.5])
    lines = str(outcome).splitlines()
    assert lines[0].startswith('number accuracy 0.750 (3 of 4 photos; 95 % interval ')
    assert any(line.startswith('AP 0.750 (') for line in lines)
    assert lines[-3:] == [
        'fold 1 (2 photos): number accuracy 1.000 (0.342-1.000) | AP 1.000 | AP50 1.000 | AP75 1.000',
        'fold 2 (2 photos): number accuracy 0.500 (0.095-0.905) | AP 0.500 | AP50 0.500 | AP75 0.500',
        # 0.25 from the mean each: sqrt(2 * 0.25 ** 2 / (2 - 1))
        'mean ± standard deviation of the folds: '
        'number accuracy 0.750 ± 0.354 | AP 0.750 ± 0.354 | AP50 0.750 ± 0.354 | AP75 0.750 ± 0.354',
    ]
    assert sorted(read_pred_json(tmp_path / 'pred.json').image_ids.tolist()) == [1, 2, 3]


def test_predictions_of_other_photos_are_refused(folders, tmp_path):
    run_folds(folders, FOLD_OF, Runs())
    with pytest.raises(UserError, match=r'fold_1/valid/pred\.json: 1 of its image ids are none of the 2 photos'):
        pool_folds(folders, np.array([0, 1, 1, 0]), TRUTH, tmp_path / 'pred.json')
    assert not (tmp_path / 'pred.json').exists()


ODD = Path('/photos, of 2024/0007')  # a path that must survive --cfg-options
LITE, MIX = 'digits_frcnn_lite.py', 'digits_frcnn_lite_mix.py'


def config(name, *options):
    return load_config(ROOT / 'configs' / name, options)


def runs_of(cfg, processes=1):
    return FoldRuns(cfg, Path('kept.py'), ODD, processes)


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
    monkeypatch.setattr(cross_validate, 'subprocess', SimpleNamespace(Popen=Process))
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
def test_options_that_each_fold_overrides_are_refused(key):
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
