import json
import os
import signal
import time

import pytest

from custom.utils.errors import UserError
from custom.utils.files import building, is_free, parse_json, remove_leftovers, replacing


def test_a_file_is_moved_into_place_with_its_folder(tmp_path):
    target = tmp_path / 'new' / 'a.txt'
    with replacing(target) as beside:
        beside.write_text('whole')
        assert not target.exists()
    assert target.read_text() == 'whole'
    assert [path.name for path in target.parent.iterdir()] == ['a.txt']


@pytest.mark.parametrize(('writing', 'mode'), [(replacing, 0o640), (building, 0o750)])
def test_a_new_output_has_the_permissions_that_the_umask_leaves(tmp_path, writing, mode):
    before = os.umask(0o027)
    try:
        with writing(tmp_path / 'a'):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / 'a').stat().st_mode & 0o777 == mode


@pytest.mark.parametrize('writing', [replacing, building])
def test_the_umask_of_other_threads_stays(tmp_path, monkeypatch, writing):
    monkeypatch.setattr(os, 'umask', lambda mask: pytest.fail(f'the umask of the whole process is set to {mask:o}'))
    with writing(tmp_path / 'a'):
        pass
    assert (tmp_path / 'a').exists()


@pytest.mark.parametrize('mode', [0o600, 0o664, 0o444])
def test_a_replaced_file_keeps_its_permissions(tmp_path, mode):
    target = tmp_path / 'a.txt'
    target.touch()
    target.chmod(mode)
    with replacing(target) as beside:
        assert beside.stat().st_mode & 0o777 == mode | 0o600  # from the first byte on
        beside.write_text('whole')
    assert target.stat().st_mode & 0o777 == mode
    assert target.read_text() == 'whole'


def test_an_empty_folder_that_is_filled_keeps_its_permissions(tmp_path):
    (tmp_path / 'set').mkdir(mode=0o700)
    with building(tmp_path / 'set'):
        pass
    assert (tmp_path / 'set').stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize('writing', [replacing, building])
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, writing):
    reading, told = os.pipe()
    child = os.fork()
    if not child:  # is killed while it writes
        with writing(tmp_path / 'a'):
            os.write(told, b'x')
            time.sleep(60)
    os.read(reading, 1)
    try:
        (left,) = tmp_path.iterdir()
        with writing(tmp_path / 'a'):
            assert left.exists()  # its process is running
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    remove = (tmp_path / 'a').rmdir if writing is building else (tmp_path / 'a').unlink
    remove()
    assert left.exists()
    with writing(tmp_path / 'other'):
        pass
    assert left.exists()
    with writing(tmp_path / 'a'):
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a', 'other']


def test_leftovers_of_all_names_are_removed_and_other_files_stay(tmp_path):
    for name in (
        '.a.txt.0123456789abcdef',
        '.b.0123456789abcdef',
        '.hidden',
        '.c.0123456789abcdeg',
        'd.0123456789abcdef',
    ):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['.c.0123456789abcdeg', '.hidden', 'd.0123456789abcdef']
    remove_leftovers(tmp_path / 'missing')


def test_a_failure_leaves_what_was_there(tmp_path):
    target = tmp_path / 'a.txt'
    target.write_text('before')
    with pytest.raises(ValueError, match='half way'), replacing(target) as beside:
        beside.write_text('half')
        raise ValueError('half way')
    assert target.read_text() == 'before'
    assert [path.name for path in tmp_path.iterdir()] == ['a.txt']


def test_an_unwritable_path_is_named_in_the_error(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match=r'a\.txt: cannot write here'), replacing(tmp_path / 'file' / 'a.txt'):
        pass


def test_a_folder_is_moved_into_place(tmp_path):
    with building(tmp_path / 'new' / 'set') as beside:
        (beside / 'a').write_text('x')
        assert not (tmp_path / 'new' / 'set').exists()
    assert (tmp_path / 'new' / 'set' / 'a').read_text() == 'x'
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['set']


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match='set: could not be written'), building(tmp_path / 'set') as beside:
        (beside / 'a').write_text('x')
        raise OSError(28, 'No space left on device')
    with pytest.raises(KeyboardInterrupt), building(tmp_path / 'set'):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_missing_and_empty_folders_are_free(tmp_path):
    assert is_free(tmp_path) and is_free(tmp_path / 'new')
    (tmp_path / 'file').write_text('')
    assert not is_free(tmp_path) and not is_free(tmp_path / 'file')


def test_json_of_limited_depth():
    deep = '[{"a":' * 25 + '0' + '}]' * 25
    assert parse_json(deep) == parse_json(deep.encode()) == json.loads(deep)
    for text in (f'[{deep}]', '[' * 990 + ']' * 990, '[' * 100_000, '{"a":' * 100_000):
        with pytest.raises(ValueError, match='nested more than 50 deep'):
            parse_json(text)
    with pytest.raises(ValueError, match='Expecting value'):
        parse_json('[')
