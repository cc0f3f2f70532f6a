"""Standard streams that are full or closed, arguments beyond all bounds, and little memory, for every tool.

A tool must end with at most one line, without a traceback.
"""

import resource
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from helpers.project import ROOT

from .campaign import LIMIT, Fault, Scene
from .writers import WRITERS

TOOLS = tuple(sorted(path.name for path in (ROOT / 'tools').glob('*.py')))
LONG, MANY = 'a' * 5000, '9' * 400
LITTLE = 700_000_000  # bytes of address space: torch cannot be loaded
# Arguments of each tool; an option that the tool lacks is an error of one line, too.
ARGUMENTS = {
    'a name of 5,000 letters': [LONG, LONG, '--out', LONG],
    'a name of control characters': ['\x1b[2J', '\x1b[2J', '--out', '\x1b[2J'],
    'numbers of 400 digits': ['gone', 'gone', '--photos', MANY, '--folds', MANY, '--pairs', MANY, '--digits', MANY],
}


def shell(command: str, *arguments: object, **popen: object) -> subprocess.CompletedProcess:
    """Run a tool, `"$@"`, by bash, with `command` around it."""
    line = ['bash', '-c', f'set -o pipefail; {command}', 'bash', sys.executable, *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, errors='replace', timeout=LIMIT, **popen)


def at_most_one_line(done: subprocess.CompletedProcess) -> None:
    """Raise AssertionError unless a tool ended with one error line at most."""
    errors = [line for line in done.stderr.splitlines() if 'error: ' in line]
    assert len(errors) <= 1 and 'Traceback' not in done.stderr, done.stderr[-300:]
    assert 'Exception ignored' not in done.stderr, done.stderr[-300:]
    assert done.returncode not in (120, 139, 134), f'exit code {done.returncode}'
    assert '\x1b' not in done.stdout + done.stderr, 'control characters'


def help_text(redirection: str, code: int, tool: str, scene: Scene, folder: Path) -> None:
    """Print the help text to a stream."""
    done = shell(f'"$@" {redirection}', ROOT / 'tools' / tool, '--help')
    at_most_one_line(done)
    assert done.returncode == code, f'exit code {done.returncode} instead of {code}: {done.stderr[-300:]}'


def result(redirection: str, code: int, name: str, scene: Scene, folder: Path) -> None:
    """Write the result of a tool, and print to a stream."""
    tool, *arguments = WRITERS[name](scene, folder)
    done = shell(f'"$@" {redirection}', ROOT / 'tools' / tool, *arguments)
    at_most_one_line(done)
    assert done.returncode == code, f'exit code {done.returncode} instead of {code}: {done.stderr[-300:]}'


def arguments_beyond(kind: str, tool: str, scene: Scene, folder: Path) -> None:
    """Run a tool with arguments that no file or number fits."""
    code, out, err = scene.tool(tool, *ARGUMENTS[kind], cwd=folder)
    at_most_one_line(subprocess.CompletedProcess(tool, code, out, err))
    assert code, 'the tool accepted the arguments'


def little_memory(name: str, scene: Scene, folder: Path) -> None:
    """Run a tool with too little memory for torch."""
    limit = partial(resource.setrlimit, resource.RLIMIT_AS, (LITTLE, LITTLE))
    tool, *arguments = WRITERS[name](scene, folder)
    done = shell('"$@"', ROOT / 'tools' / tool, *arguments, preexec_fn=limit)
    at_most_one_line(done)
    assert done.returncode in (0, 1), f'exit code {done.returncode}'
    assert not done.returncode or 'memory' in done.stderr, done.stderr[-300:]


def faults() -> Iterable[Fault]:
    """List the faults of each tool."""
    for tool in TOOLS:
        yield Fault(f'{tool} --help, full stdout', partial(help_text, '>/dev/full', 2, tool), 1)
        yield Fault(f'{tool} --help, closed stdout and stderr', partial(help_text, '>&- 2>&-', 0, tool), 1)
        for kind in ARGUMENTS:
            yield Fault(f'{tool}, {kind}', partial(arguments_beyond, kind, tool), 1)
    for name in ('test', 'report', 'predict', 'coco'):
        yield Fault(f'{name}, full stdout', partial(result, '>/dev/full', 2, name), 6)
        yield Fault(f'{name}, full stderr', partial(result, '2>/dev/full', 0, name), 6)
        yield Fault(f'{name}, all streams closed', partial(result, '<&- >&- 2>&-', 0, name), 6)
    yield Fault('predict | head', partial(result, '| head -c 1', 1, 'predict'), 6)
    for name in ('train', 'test', 'predict', 'export_weights', 'export_onnx', 'report', 'coco', 'dump_results'):
        yield Fault(f'{name}, little memory', partial(little_memory, name), 3)
