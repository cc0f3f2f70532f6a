import shutil

import pytest
from helpers.project import ROOT

from custom.runs.config import load_config
from custom.runs.named_files import checkpoint_of_run, config_beside, find_checkpoint, find_config, find_work_dir
from custom.utils.errors import UserError

LITE = ROOT / 'configs/digits_frcnn_lite.py'


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A folder with work_dirs/digits_frcnn_lite, whose best checkpoint is of epoch 2; the current one."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'work_dirs/digits_frcnn_lite'
    folder.mkdir(parents=True)
    (folder / 'last_checkpoint').write_text('epoch_3.pth')
    for name in ('epoch_3.pth', 'best_number_accuracy_epoch_2.pth', 'digits_frcnn_lite.py'):
        (folder / name).touch()
    return folder


def test_a_config_is_a_file_a_name_a_work_dir_or_a_checkpoint_in_one(run):
    own = run / 'digits_frcnn_lite.py'
    assert find_config('digits_frcnn_lite') == find_config('digits_frcnn_lite.py') == (LITE, None)
    assert find_config(own) == (own, None)
    assert find_config(run) == find_config(run / 'epoch_3.pth') == (own, run)


def test_a_checkpoint_is_a_file_a_work_dir_or_the_name_of_a_config(run):
    best = run / 'best_number_accuracy_epoch_2.pth'
    assert find_checkpoint(run) == best
    assert find_checkpoint('digits_frcnn_lite').resolve() == best
    assert find_checkpoint(run / 'epoch_3.pth') == run / 'epoch_3.pth'
    assert find_checkpoint('gone.pth').name == 'gone.pth'
    with pytest.raises(UserError, match='digits_frcnn_r50v1: work_dirs/digits_frcnn_r50v1, where its run would lie'):
        find_checkpoint('digits_frcnn_r50v1')


def test_the_checkpoint_to_test_is_the_one_named_else_that_of_the_run(run):
    best = run / 'best_number_accuracy_epoch_2.pth'
    assert checkpoint_of_run(LITE, None, str(run)) == checkpoint_of_run(run, None, str(run)) == best
    assert checkpoint_of_run(run / 'epoch_3.pth', None, str(run)) == run / 'epoch_3.pth'
    assert checkpoint_of_run(run / 'epoch_3.pth', run, str(run)) == best


def test_a_work_dir_is_a_folder_a_name_or_the_folder_of_a_checkpoint(run):
    assert find_work_dir(run) == find_work_dir(run / 'epoch_3.pth') == run
    assert find_work_dir('digits_frcnn_lite').resolve() == run
    assert find_work_dir('pred.json').name == 'pred.json'


def test_only_the_config_of_a_run_is_taken_and_only_if_there_is_one(run, tmp_path):
    assert config_beside(run / 'epoch_3.pth') == run / 'digits_frcnn_lite.py'
    (run / 'other.py').touch()
    with pytest.raises(UserError, match=r'2 configs lie there \(digits_frcnn_lite\.py, other\.py\); name the one'):
        find_config(run)
    (run / 'last_checkpoint').unlink()  # any program may lie there
    assert config_beside(run / 'epoch_3.pth') is None
    with pytest.raises(UserError, match=r'epoch_3\.pth: is no config; there are: .*digits_frcnn_lite\.py'):
        find_config(run / 'epoch_3.pth')
    with pytest.raises(UserError, match='holds no config of a run'):
        find_config(tmp_path)


def test_the_config_of_a_work_dir_is_read_and_not_run(tmp_path):
    load_config(LITE, ['train_cfg.max_epochs=7', 'load_from=a.pth']).dump(tmp_path / 'mine.py')
    with (tmp_path / 'mine.py').open('a') as file:
        file.write('\nresume = True\n')
    cfg = load_config(tmp_path, ['data_root=elsewhere'])
    assert (cfg.train_cfg.max_epochs, cfg.work_dir) == (7, str(tmp_path))
    assert cfg.train_dataloader.dataset.data_root == 'elsewhere'
    assert (cfg.resume, cfg.load_from) == (False, None)  # the run that was resumed is over
    ran = tmp_path / 'ran'
    with (tmp_path / 'mine.py').open('a') as file:
        file.write(f"open({str(ran)!r}, 'w')\n")
    with pytest.raises(UserError, match=r'mine\.py: is no dumped config'):
        load_config(tmp_path)
    assert not ran.exists()


def test_training_may_start_from_a_work_dir(run):
    assert load_config(LITE, [f'load_from={run}']).load_from == str(run / 'best_number_accuracy_epoch_2.pth')
    shutil.rmtree(run)
    assert load_config(LITE, [f'load_from={run}']).load_from == str(run)
