import errno
import io
import os
import subprocess
import sys

import pytest
from helpers.project import ROOT

from custom.utils.console import PlainParser, describe, is_shortage, run_command
from custom.utils.errors import UserError

PROGRAM = """
import sys
from custom.utils.console import run_command
def main():
    print('a' * 100_000)
    print('b')
sys.exit(run_command(main))
"""


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ('error', 'code', 'said'),
    [
        (UserError('x.png: is damaged'), 2, 'error: x.png: is damaged\n'),
        (UserError('a\x1b[2J\nb:\n  - c'), 2, 'error: a\\x1b[2J\\nb:\n  - c\n'),
        (
            OSError(errno.EROFS, 'Read-only file system', 'a\nb'),
            2,
            'error: a\\nb: Read-only file system; choose another place\n',
        ),
        (MemoryError(), 1, 'error: too little memory; end other programs, or allow more by ulimit -v (MemoryError)\n'),
        (KeyboardInterrupt(), 130, 'stopped\n'),
        (SystemExit(3), 3, ''),
        (SystemExit('no'), 1, 'error: no\n'),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(capsys, error, code, said):
    assert run_command(raising(error)) == code
    assert capsys.readouterr() == ('', said)


def test_a_fault_of_the_program_keeps_its_traceback(capsys):
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 // 0)
    assert run_command(lambda: 1 // 0, fail=lambda error: 7) == 7


def test_text_on_stdout_cannot_rewrite_the_terminal(capsys):
    text = 'é\t\x1b[2J\r\x9b1m\u202e\udcff\n'
    assert run_command(lambda: sys.stdout.write(text) and None) == 0
    print('later')
    assert capsys.readouterr().out == 'é\t\\x1b[2J\\r\\x9b1m\\u202e\\udcff\nlater\n'


def test_an_argument_cannot_rewrite_the_terminal(capsys):
    with pytest.raises(SystemExit) as end:
        PlainParser('tool').parse_args(['a\x1b[2J\nb'])
    assert end.value.code == 2
    assert capsys.readouterr().err == ('usage: tool [-h]\ntool: error: unrecognized arguments: a\\x1b[2J\\nb\n')


def test_a_part_of_an_option_is_not_taken_for_it(capsys):
    parser = PlainParser()
    parser.add_argument('--min-confidence', type=float)
    parser.add_subparsers().add_parser('read').add_argument('--digits', type=int)
    for words in (['--min-confidenc', '0.5'], ['read', '--digit', '3']):
        with pytest.raises(SystemExit):
            parser.parse_args(words)
        assert words[-2] in capsys.readouterr().err


def test_a_shortage_is_found_behind_other_errors(capsys):
    def wrapped():
        try:
            raise ImportError('libtorch.so: failed to map segment from shared object')
        except ImportError as error:
            raise UserError('c.py: cannot be read') from error

    with pytest.raises(UserError) as caught:
        wrapped()
    assert is_shortage(caught.value)
    assert run_command(wrapped) == 1
    assert capsys.readouterr().err.startswith('error: too little memory; ')
    assert not is_shortage(UserError('x.csv: out of memory'))  # a text from data
    assert not is_shortage(None)


def test_errors_of_the_system_are_described():
    assert describe(OSError(errno.ENOSPC, 'No space left on device', b'\xff.png')).startswith('\\udcff.png: No space')
    assert describe(OSError('unknown')) == 'unknown'


@pytest.mark.integration
@pytest.mark.parametrize(
    ('redirection', 'code', 'said'),
    [
        ('>/dev/full', 2, 'error: stdout: No space left on device; free some room, or choose another place\n'),
        ('>/dev/full 2>/dev/full', 2, ''),
        ('>&-', 0, ''),
        ('>&- 2>&- <&-', 0, ''),
        ('| head -c 1', 1, ''),
    ],
)
def test_streams_that_are_full_or_closed(redirection, code, said):
    command = f'set -o pipefail; "$0" -c "$1" {redirection}'
    env = {**os.environ, 'PYTHONUNBUFFERED': ''}
    done = subprocess.run(
        ['bash', '-c', command, sys.executable, PROGRAM], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (code, said)


def test_a_stream_without_a_buffer_stays(monkeypatch):
    monkeypatch.setattr(sys, 'stdout', io.StringIO())
    assert run_command(lambda: print('a')) == 0
    assert sys.stdout.getvalue() == 'a\n'
