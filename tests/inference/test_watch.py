import json
import os
import signal
import subprocess
import sys
from datetime import datetime

import pytest
from helpers.columns import photo_of, reader_of_columns
from helpers.project import ROOT

from custom.inference.answers import answer_of
from custom.inference.watch import HIDDEN, Journal, Watch, require_folder
from custom.utils.errors import UserError


def watch(folder, journal=None):
    journal = journal or Journal(folder / HIDDEN)
    return Watch(folder, reader_of_columns(), journal, lambda *photo: answer_of(*photo, 0))


def passes(watched, count=2):
    """What is read in so many passes over the folder: names and numbers, or errors."""
    return [
        (arrival.record['file'], arrival.record.get('number', arrival.record.get('error')))
        for _ in range(count)
        for arrival in watched.read(lambda: False)
    ]


def write(path, content, mtime=None):
    path.write_bytes(content)
    if mtime is not None:
        os.utime(path, (mtime, mtime))


def test_new_photos_are_read_once_oldest_first_when_they_are_complete(tmp_path):
    for name, number, mtime in (('b.png', '12', 1), ('a.png', '21', 2), ('c.png', '', 3)):
        write(tmp_path / name, photo_of(number), mtime)
    watched = watch(tmp_path)
    assert passes(watched, 1) == []
    assert passes(watched, 1) == [('b.png', '12'), ('a.png', '21'), ('c.png', None)]
    assert passes(watched, 3) == []


def test_a_file_that_grows_or_changes_is_read_when_it_has_its_last_content(tmp_path):
    photo = photo_of('12')
    watched = watch(tmp_path)
    for end in (30, 60, len(photo)):
        write(tmp_path / 'a.png', photo[:end])
        assert passes(watched, 1) == []
    assert passes(watched, 1) == [('a.png', '12')]
    write(tmp_path / 'a.png', photo_of('21'), 5)  # a camera that writes under one name
    assert passes(watched) == [('a.png', '21')]
    os.utime(tmp_path / 'a.png', (6, 6))
    assert passes(watched) == [('a.png', '21')]


def test_a_photo_that_changes_while_it_is_read_is_read_again(tmp_path):
    write(tmp_path / 'a.png', photo_of('12'))
    watched = watch(tmp_path)
    reader = watched.reader

    class Slow:
        def read_many(self, paths):
            for reading in reader.read_many(paths):
                write(tmp_path / 'a.png', photo_of('212'), 7)
                yield reading

    watched.reader = Slow()
    assert passes(watched) == []
    watched.reader = reader
    assert passes(watched) == [('a.png', '212')]


def test_a_file_that_cannot_be_read_is_said_once_and_again_when_it_is_replaced(tmp_path):
    write(tmp_path / 'a.png', b'no photo')
    watched = watch(tmp_path)
    ((name, error),) = passes(watched, 4)
    assert (name, error[: error.index(';')]) == ('a.png', f'{tmp_path}/a.png: is not a photo that can be read')
    write(tmp_path / 'a.png', photo_of('1'))
    assert passes(watched) == [('a.png', '1')]


def test_other_and_hidden_files_are_noted_once(tmp_path, capsys):
    for name in ('notes.pdf', '.part.png', 'labels.json'):
        write(tmp_path / name, b'x')
    (tmp_path / 'folder').mkdir()
    assert passes(watch(tmp_path), 3) == []
    assert capsys.readouterr().err.count('3 × file or folder that is no photo') == 1


def test_a_second_start_reads_only_what_is_new(tmp_path):
    write(tmp_path / 'a.png', photo_of('1'))
    journal = Journal(tmp_path / 'out' / 'readings.jsonl')
    first = watch(tmp_path, journal)
    assert passes(first) == [('a.png', '1')]
    journal.close()
    write(tmp_path / 'b.png', photo_of('2'))
    journal = Journal(tmp_path / 'out' / 'readings.jsonl')
    assert passes(watch(tmp_path, journal), 4) == [('b.png', '2')]
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    stat = (tmp_path / 'a.png').stat()
    assert [line['file'] for line in lines] == ['a.png', 'b.png']
    assert (lines[0]['size'], lines[0]['mtime_ns'], lines[0]['digits'][0]['box']) == (
        stat.st_size,
        stat.st_mtime_ns,
        [0, 0, 10, 20],
    )
    assert datetime.fromisoformat(lines[0]['time']).tzinfo


def test_a_line_that_a_crash_cut_is_removed_and_its_photo_read_again(tmp_path, capsys):
    for name in ('a.png', 'b.png'):
        write(tmp_path / name, photo_of('1'))
    watched = watch(tmp_path)
    passes(watched)
    watched.journal.close()
    whole = (tmp_path / HIDDEN).read_bytes()
    for cut in (1, 10, len(whole.splitlines()[1])):
        (tmp_path / HIDDEN).write_bytes(whole[:-cut])
        watched = watch(tmp_path)
        assert len(passes(watched)) == 1
        watched.journal.close()
        assert [json.loads(line)['number'] for line in (tmp_path / HIDDEN).read_text().splitlines()] == ['1', '1']
    assert 'the last line is cut; its photo is read again' in capsys.readouterr().err


@pytest.mark.parametrize('line', ['no json', '[]', '{"file": "a.png"}', '{"file": "a", "size": "x", "mtime_ns": 1}'])
def test_another_file_is_no_journal(tmp_path, line):
    path = tmp_path / 'readings.jsonl'
    path.write_text('{"file": "a.png", "size": 1, "mtime_ns": 1}\n' + line + '\n')
    before = path.read_bytes()
    with pytest.raises(UserError, match=r'readings\.jsonl: line 2 is no line of a journal; move the file away'):
        Journal(path)
    assert path.read_bytes() == before


@pytest.mark.skipif(os.name != 'posix', reason='files are locked on POSIX systems only')
def test_two_processes_do_not_watch_one_folder(tmp_path):
    journal = Journal(tmp_path / HIDDEN)
    code = (
        f'import sys; sys.path.insert(0, {str(ROOT)!r})\n'
        'from pathlib import Path\nfrom custom.inference.watch import Journal\n'
        f'try: Journal(Path({str(tmp_path / HIDDEN)!r}))\nexcept Exception as error: print(error)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert 'another process watches this folder; end it, or choose another --out' in done.stdout, done.stderr
    journal.close()
    Journal(tmp_path / HIDDEN).close()


def test_a_folder_may_go_and_come_back(tmp_path, capsys):
    folder = tmp_path / 'camera'
    folder.mkdir()
    write(folder / 'a.png', photo_of('1'))
    watched = watch(folder, Journal(tmp_path / 'readings.jsonl'))
    assert passes(watched) == [('a.png', '1')]
    folder.rename(tmp_path / 'away')
    assert passes(watched, 3) == []
    (tmp_path / 'away').rename(folder)
    write(folder / 'b.png', photo_of('2'))
    assert passes(watched, 3) == [('b.png', '2')]
    assert capsys.readouterr().err.count('cannot be read now') == 1


def test_a_photo_that_was_removed_is_noted_and_not_read(tmp_path, capsys):
    write(tmp_path / 'a.png', photo_of('1'))
    watched = watch(tmp_path)
    assert passes(watched, 1) == []
    reader = watched.reader

    class Late:
        def read_many(self, paths):
            (tmp_path / 'a.png').unlink(missing_ok=True)
            return reader.read_many(paths)

    watched.reader = Late()
    assert passes(watched) == []
    assert 'a.png: was removed before it was read' in capsys.readouterr().err
    assert watched.journal.known == {}


def test_reading_stops_between_two_photos(tmp_path):
    for name in ('a.png', 'b.png'):
        write(tmp_path / name, photo_of('1'), 1)
    watched = watch(tmp_path)
    list(watched.read(lambda: True))
    assert [arrival.record['file'] for arrival in watched.read(lambda: True)] == ['a.png']
    assert passes(watched) == [('b.png', '1')]


def test_bad_folders_and_places_are_named(tmp_path):
    with pytest.raises(UserError, match=r'gone: cannot be watched \(No such file or directory\); give a folder'):
        require_folder(tmp_path / 'gone')
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match=r'readings\.jsonl: cannot write here .*; choose another place with --out'):
        Journal(tmp_path / 'file' / 'readings.jsonl')


WATCH = """
import argparse, sys
sys.path[:0] = [{root!r}, {root!r} + '/tests']
from helpers.columns import reader_of_columns
from custom.inference.command import add_arguments, check_arguments, read_photos
parser = argparse.ArgumentParser()
add_arguments(parser)
args = parser.parse_args()
check_arguments(parser, args)
sys.exit(read_photos(args, reader_of_columns))
"""


@pytest.mark.integration
@pytest.mark.skipif(os.name != 'posix', reason='signals are those of POSIX systems')
def test_a_process_prints_a_line_of_json_for_each_photo_and_ends_on_ctrl_c(tmp_path):
    folder = tmp_path / 'camera'
    folder.mkdir()
    write(folder / 'a.png', photo_of('12'))
    arguments = ['--watch', folder, '--out', tmp_path / 'out', '--json', '--interval', '0.1']
    command = [sys.executable, '-c', WATCH.format(root=str(ROOT)), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert json.loads(process.stdout.readline())['number'] == '12'
        write(folder / '.b', photo_of('21'))
        (folder / '.b').rename(folder / 'b.png')
        write(folder / 'c.png', b'no photo', 2**31)
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert [(line['file'], line.get('number')) for line in lines] == [('b.png', '21'), ('c.png', None)]
    assert (process.returncode, rest) == (0, '')
    said = errors.splitlines()
    assert said[0] == f'{folder}: watched; 0 photos were read before; Ctrl-C stops'
    assert len(said) == 2 and said[1].startswith(f'error: {folder}/c.png: is not a photo that can be read')
    assert len((tmp_path / 'out/readings.jsonl').read_text().splitlines()) == 3
