import os
import signal
import time
from pathlib import Path

import pytest

from custom.runs.work_dir import LOCK, WorkDir
from custom.utils.errors import UserError


def test_one_training_at_a_time_and_a_killed_one_does_not_block(tmp_path):
    reading, told = os.pipe()
    child = os.fork()
    if not child:
        WorkDir(tmp_path / 'work').claim()
        os.write(told, b'x')
        time.sleep(60)
    os.read(reading, 1)
    try:
        with pytest.raises(UserError, match=f'work: another training writes here .process {child} on .*: wait for its'):
            WorkDir(tmp_path / 'work').claim()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert (tmp_path / 'work' / LOCK).exists()
    claimed = WorkDir(tmp_path / 'work')
    claimed.claim()
    assert (tmp_path / 'work' / LOCK).read_text().startswith(f'process {os.getpid()} on ')
    claimed.release()
    assert not list((tmp_path / 'work').iterdir())


@pytest.mark.parametrize('name', ['epoch_2.pth', 'iter_500.pth'])
def test_a_run_is_continued_or_left_alone(tmp_path, name):
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work' / name).touch()
    with pytest.raises(UserError, match=rf'holds a trained run \({name}\): continue it by --resume, or choose another'):
        WorkDir(tmp_path / 'work').claim()
    with pytest.raises(UserError, match=r'holds another run than that of .*other/epoch_1.pth'):
        WorkDir(tmp_path / 'work').claim(tmp_path / 'other/epoch_1.pth')
    WorkDir(tmp_path / 'work').claim(tmp_path / 'work' / name)


def test_leftovers_of_killed_trainings_are_removed(tmp_path):
    left = tmp_path / '.epoch_3.pth.0123456789abcdef'
    left.touch()
    WorkDir(tmp_path).claim()
    assert not left.exists()


def test_nothing_is_left_of_folders_that_were_made_here(tmp_path):
    made = WorkDir(tmp_path / 'a/b/work')
    made.claim()
    log = made.path / '20260101_000000'
    log.mkdir()
    made.leave_nothing(log)
    assert not list(tmp_path.iterdir())
    (tmp_path / 'used').mkdir()
    WorkDir(tmp_path / 'used/work').leave_nothing()
    assert [path.name for path in tmp_path.iterdir()] == ['used']


def test_a_work_dir_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match=r'file/work: cannot be made .Not a directory.; choose another --work-dir'):
        WorkDir(tmp_path / 'file/work')
    assert Path(tmp_path / 'file').is_file()
