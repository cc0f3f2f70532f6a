import os
import subprocess
import sys

import pytest
from helpers.project import ROOT, run_tool

from custom.utils import messages
from custom.utils.messages import one_line


def test_notes_go_to_stderr_unless_quiet(monkeypatch, capsys):
    monkeypatch.delenv('DIGITS_QUIET', raising=False)
    messages.say('a note')
    assert capsys.readouterr() == ('', 'a note\n')
    monkeypatch.setattr(os, 'environ', dict(os.environ))
    messages.be_quiet()
    assert messages.is_quiet()
    messages.say('a note')
    assert capsys.readouterr() == ('', '')


@pytest.mark.integration
def test_a_quiet_tool_prints_results_and_errors_only():
    loud, quiet = (run_tool('train.py', 'configs/gone.py', *more) for more in ([], ['--quiet']))
    assert quiet.stderr == loud.stderr
    assert quiet.stderr.startswith('error: configs/gone.py')


def test_one_module_prints_to_stderr():
    """It escapes what is printed, and --quiet applies to all notes."""
    files = [path for folder in ('custom', 'tools') for path in (ROOT / folder).rglob('*.py')]
    loud = [path.name for path in files if 'file=sys.stderr' in path.read_text()]
    assert sorted(loud) == ['__init__.py', 'messages.py']  # the first one before anything can be imported


@pytest.mark.integration
def test_bars_are_off_before_anything_can_show_one():
    code = (
        'import sys; sys.argv = ["x", "--quiet"]\n'
        'from custom.commands.parser import ToolParser; ToolParser("x").parse_args()\n'
        'from tqdm import tqdm; print(tqdm([1], disable=False).disable, tqdm([1]).disable)'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split()[1] == 'True'


@pytest.mark.integration
def test_the_version_is_that_of_the_checkout_and_its_packages():
    done = run_tool('predict.py', '--version')
    assert done.returncode == 0
    lines = dict(line.split(': ', 1) for line in done.stdout.splitlines())
    assert lines['torch'].startswith('2.')
    assert lines['commit']


@pytest.mark.parametrize(
    ('seconds', 'said'),
    [
        (0, '0 s'),
        (48.4, '48 s'),
        (59.6, '1 min 00 s'),
        (200, '3 min 20 s'),
        (3599.7, '1 h 00 min'),
        (2 * 3600 + 5 * 60 + 59, '2 h 05 min'),
        (100 * 3600, '100 h 00 min'),
    ],
)
def test_durations(seconds, said):
    assert messages.duration(seconds) == said


def test_one_line_escapes_what_is_not_printable():
    assert one_line('a\nb "ü" 八.png') == 'a\\nb "ü" 八.png'
    assert one_line('\udcff') == '\\udcff'
