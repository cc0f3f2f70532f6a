import io
import json
import math
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from custom.utils import files
from custom.utils.errors import LostTextError, UserError
from custom.utils.files import (
    building,
    finish_set,
    is_free,
    is_regular,
    open_regular,
    parse_json,
    read_file,
    read_to_end,
    real_path,
    remove_leftovers,
    replacing,
    replacing_set,
)


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


@pytest.mark.parametrize('writing', [replacing, building, replacing_set])
def test_folders_that_are_made_for_an_output_go_with_it(tmp_path, monkeypatch, writing):
    (tmp_path / 'kept').mkdir()
    with pytest.raises(UserError, match='could not be written'), writing(tmp_path / 'kept/new/er/out'):
        raise OSError(28, 'No space left on device')
    assert list(tmp_path.rglob('*')) == [tmp_path / 'kept']

    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(files, '_make_locked', full)
    with pytest.raises(UserError, match='cannot write here'), writing(tmp_path / 'kept/new/er/out'):
        pass
    assert list(tmp_path.rglob('*')) == [tmp_path / 'kept']


def test_text_that_is_lost_while_a_file_is_written_is_no_error_of_the_file(tmp_path):
    with pytest.raises(LostTextError), replacing(tmp_path / 'a'):
        raise LostTextError(32, 'Broken pipe')
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_itself_has_a_path(tmp_path):
    (tmp_path / 'loop').symlink_to('loop')
    (tmp_path / 'link').symlink_to('a')
    assert real_path(tmp_path / 'loop') == tmp_path / 'loop'
    assert real_path(tmp_path / 'link') == tmp_path / 'a'


def test_a_folder_of_many_files_is_not_listed_for_each(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, 'iterdir', lambda folder: pytest.fail(f'{folder} is listed'))
    with replacing(tmp_path / 'a', clean=False) as beside:
        beside.write_text('whole')
    assert (tmp_path / 'a').read_text() == 'whole'


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


def test_only_regular_files_are_opened(tmp_path):
    (tmp_path / 'a').write_bytes(b'abc')
    (tmp_path / 'link').symlink_to('a')
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'loop').symlink_to('loop')
    for name in ('a', 'link'):
        assert is_regular(tmp_path / name) and read_file(tmp_path / name) == b'abc'
    for name, reason in (
        ('pipe', 'a named pipe, not a regular file'),
        ('loop', 'Too many levels'),
        ('gone', 'No such file'),
        ('n' * 5000, 'File name too long'),
        ('', 'Is a directory'),
    ):
        assert not is_regular(tmp_path / name)
        with pytest.raises(OSError, match=reason):
            open_regular(tmp_path / name)
    assert not is_regular('a\0b')
    with pytest.raises(OSError, match='a device, not a regular file'):
        open_regular('/dev/zero')


def test_a_pipe_that_takes_the_place_of_a_file_is_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / 'a')
    (tmp_path / 'b').touch()
    before, seen = os.stat(tmp_path / 'b'), os.stat
    monkeypatch.setattr(os, 'stat', lambda path, **more: before if str(path).endswith('a') else seen(path, **more))
    with pytest.raises(OSError, match='a named pipe'):
        open_regular(tmp_path / 'a')


def test_a_file_that_is_read_as_a_whole_has_a_limit(tmp_path):
    with (tmp_path / 'a').open('wb') as file:
        file.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(OSError, match='larger than 1074 MB'):
        read_file(tmp_path / 'a')
    (tmp_path / 'b').write_bytes(b'abc')
    assert read_file(tmp_path / 'b', 3) == b'abc'
    with pytest.raises(OSError, match='larger than 0 MB'):
        read_file(tmp_path / 'b', 2)


def test_a_file_of_unknown_size_has_a_limit():
    class Slow(io.BytesIO):
        def read(self, size):
            return super().read(min(size, 2))  # as a connection may

    assert read_to_end(Slow(b'abcde'), 5) == b'abcde'
    with pytest.raises(OSError, match='larger than 0 MB'):
        read_to_end(Slow(b'abcdef'), 5)


def test_json_of_limited_size(monkeypatch):
    monkeypatch.setattr(files, 'MOST_VALUES', 3)
    assert parse_json('[[], 1]') == [[], 1]
    for text in ('[[],[],[]]', b'[[],[],[]]', '{"a": {"b": {"c": {}}}}'):
        with pytest.raises(ValueError, match='holds more than'):
            parse_json(text)


def test_whole_numbers_beyond_floats_are_infinite():
    digits = '9' * 5000
    assert parse_json(f'[{digits}, -{digits}, 12, -3]') == [math.inf, -math.inf, 12, -3]


OLD = {'a.txt': 'old', 'b.txt': 'old', 'gone.txt': 'old', 'sub/c.txt': 'old'}
NEW = {'a.txt': 'new', 'b.txt': 'new', 'sub/c.txt': 'new', 'sub/d.txt': 'new'}


def write_set(folder, contents):
    with replacing_set(folder, OLD) as new:
        for name, text in contents.items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(text)


def texts_in(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob('*') if path.is_file()}


def visible_in(folder):
    return {name: text for name, text in texts_in(folder).items() if name[0] != '.'}


def test_a_set_replaces_its_files_and_removes_what_it_lacks(tmp_path):
    write_set(tmp_path / 'out', OLD)
    (tmp_path / 'out/mine.txt').write_text('mine')
    (tmp_path / 'out/a.txt').chmod(0o600)
    write_set(tmp_path / 'out', NEW)
    assert texts_in(tmp_path / 'out') == {**NEW, 'mine.txt': 'mine'}
    assert (tmp_path / 'out/a.txt').stat().st_mode & 0o777 == 0o600
    write_set(tmp_path / 'out', {})
    assert texts_in(tmp_path / 'out') == {**NEW, 'mine.txt': 'mine'}


def test_a_set_is_old_or_new_however_many_steps_are_done_before_a_kill(tmp_path, monkeypatch):
    """Each call of the system that makes, moves or removes a file is the last one once."""

    class Killed(BaseException):
        pass

    left = 0

    def counted(function):
        def call(*args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return function(*args, **kwargs)

        return call

    for owner, name in ((Path, 'replace'), (Path, 'unlink'), (Path, 'mkdir'), (Path, 'write_text'), (shutil, 'rmtree')):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    outcomes = []
    for steps in range(100):
        left, out = 10**9, tmp_path / str(steps)
        write_set(out, OLD)
        left = steps
        try:
            write_set(out, NEW)
            break
        except Killed:
            pass
        left = 10**9
        finish_set(out)  # what a reader does
        outcomes.append(visible_in(out))
        write_set(out, NEW)
        assert visible_in(out) == NEW
    assert [outcome for outcome in outcomes if outcome not in (OLD, NEW)] == []
    assert OLD in outcomes and NEW in outcomes[:-1]  # kills between the moves of files, too
    assert visible_in(out) == NEW


def test_a_set_that_fails_changes_nothing(tmp_path):
    write_set(tmp_path, OLD)
    with pytest.raises(UserError, match=r'could not be written \(No space'), replacing_set(tmp_path) as new:
        (new / 'a.txt').write_text('half')
        raise OSError(28, 'No space left on device')
    (tmp_path / 'e.txt').mkdir()
    with pytest.raises(UserError, match=r'e\.txt: is a folder'):
        write_set(tmp_path, {'a.txt': 'new', 'e.txt': 'new'})
    assert texts_in(tmp_path) == OLD


def test_a_set_leaves_its_folder_by_no_link(tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere/c.txt').write_text('mine')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/.new-set').symlink_to(tmp_path / 'elsewhere')
    finish_set(tmp_path / 'out')
    assert texts_in(tmp_path / 'elsewhere') == {'c.txt': 'mine'}
    (tmp_path / 'out/.new-set').unlink()
    (tmp_path / 'out/.new-set/sub').mkdir(parents=True)
    (tmp_path / 'out/.new-set/sub/c.txt').write_text('theirs')
    (tmp_path / 'out/.new-set/.removed').write_text('../elsewhere/c.txt')
    (tmp_path / 'out/sub').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(UserError, match='in a linked one'):
        finish_set(tmp_path / 'out')
    assert texts_in(tmp_path / 'elsewhere') == {'c.txt': 'mine'}
