"""Candidates of a benchmark: the interface of the tasks, and a process for each candidate.

A task is a module (`custom.benchmark.task_infer`, for example) that is light to import and has

- `UNIT`: the counted unit, in the plural: 'photos';
- `CANDIDATES`: name to a description in one line. Names that begin with 'ours' are this project's, all others are
  baselines;
- `prepare(candidate, settings)`: returns a `Prepared`; called in the process of the candidate;
- `FILES`, where files are made for all candidates: the name of a candidate that `prepare` makes them for, in a process
  of its own;
- `OPTIONAL`, where baselines are compared only if they are named: their names;
- `AGREE`, where figures of this project and of a baseline must agree: name of the figure to the largest difference.

The process gets JSON lines on stdin and answers each with one on stdout: first the settings (answer: the facts), then
"round", any number of times (answer: units, seconds, memory), and "figures". It ends at the end of stdin.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
# In the place of the current folder, which may have another package called custom.
START = 'import sys; sys.path[0] = {!r}; from custom.benchmark.candidate import main; main()'
PATIENCE = 20  # seconds in which a process has to end by itself
GFLOP = 'GFLOP'  # the fact with the multiplications and additions of one unit, in 1e9; GFLOP/s are computed from it


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of all candidates of a task."""

    images: str | None = None  # folder of photos; None: synthetic images
    weights: str | None = None  # checkpoint of digits_frcnn with stock's anchors, for all that can; None: random
    batch: int | None = None  # batch size of all candidates; None: the usual one of each
    short: bool = False  # rounds of a few seconds
    busy: bool = False  # measure beside other processes, one per core
    # A folder that is removed after the task. Candidates are prepared one after another, this project's first. The
    # first one may leave files for the others there: synthetic images, weights.
    scratch: str = ''


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A candidate that is ready to start.

    `run` does one round and returns its number of units. It must leave nothing running: a data loader that goes on
    reading would slow down the other candidates.
    """

    run: Callable[[], int]
    facts: dict[str, float | str] = dataclasses.field(default_factory=dict)  # columns of the table; see also `GFLOP`
    figures: Callable[[], dict[str, float]] = dict  # quality of the results, AP for example; after the last round


def is_ours(candidate: str) -> bool:
    """Return whether a candidate is this project's, not a baseline."""
    return candidate.startswith('ours')


class Build(NamedTuple):
    """A state of this project: its folder, and the Python interpreter with what it needs."""

    root: Path
    python: str


THIS_BUILD = Build(ROOT, sys.executable)


def environment(build: Build = THIS_BUILD) -> dict[str, str]:
    """Return the environment of a Python process that imports a build of this project from any working directory.

    Python keeps compiled modules, as it does by default: a start otherwise compiles a hundred modules of the build.
    """
    path = os.pathsep.join(filter(None, [str(build.root), os.environ.get('PYTHONPATH')]))
    kept = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
    return {**kept, 'PYTHONPATH': path}


class Worker:
    """The process of a candidate of the task `module` in a build; `facts` are the candidate's.

    Raises:
        UserError: the candidate failed.
    """

    def __init__(self, module: str, candidate: str, settings: Settings, build: Build = THIS_BUILD) -> None:
        self.name = f'{module.rpartition("_")[2]}, {candidate}'
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        # Unbuffered, or the output of libraries would come after the error message of a process that fails.
        # Baselines get memory as torch allocates it by default; this project asks for huge pages.
        more = {'PYTHONUNBUFFERED': '1'} | ({} if is_ours(candidate) else {'THP_MEM_ALLOC_ENABLE': '0'})
        self.process = subprocess.Popen(
            [build.python, '-c', START.format(str(build.root)), module, candidate],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment(build) | more,
        )
        try:
            self.facts = self.ask(dataclasses.asdict(settings))
        except BaseException:
            self.close()
            raise

    def ask(self, message: Any) -> dict:
        """Send a message, and return the answer.

        Raises:
            UserError: the process ended instead.
        """
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):  # the process has ended: there is no answer either
            self.process.stdin.write(json.dumps(message).encode() + b'\n')
            self.process.stdin.flush()
        if answer := self.process.stdout.readline():
            return json.loads(answer)
        code = self.process.wait()
        self.errors.seek(0)
        why = f'ended by signal {-code}; is there enough memory?' if code < 0 else last_line(self.errors.read(), code)
        raise UserError(f'{self.name}: failed ({why})')

    def close(self) -> None:
        """Close stdin, which ends the process, and kill the process if it does not end."""
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def last_line(stderr: bytes, code: int) -> str:
    """Return the last line of a program's stderr that is not blank, or else its exit code."""
    lines = [line.strip() for line in stderr.decode('utf-8', 'replace').split('\n') if line.strip()]
    return (lines or [f'exit code {code}'])[-1]


def memory_mb(field: str, reset_peak: bool = False) -> float:
    """Return this process's memory on Linux, in 1e6 bytes: VmRSS, the present, or VmHWM, the peak; nan elsewhere."""
    try:
        if reset_peak:
            Path('/proc/self/clear_refs').write_text('5')
        status = Path('/proc/self/status').read_text()
    except OSError:
        return float('nan')
    match = re.search(rf'{field}:\s*(\d+) kB', status)
    return int(match[1]) * 1024 / 1e6 if match else float('nan')


def _peak_mb() -> float:
    """Return the peak memory of this process or of the largest one of its children, in 1e6 bytes.

    On Linux ru_maxrss includes the memory of the parent at the start of this process; VmHWM does not.
    """
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    if sys.platform == 'darwin':
        return max(own, children) / 1e6
    return max(memory_mb('VmHWM'), children * 1024 / 1e6)


def _measure(run: Callable[[], int]) -> dict[str, float | None]:
    """Do one round. Its time includes the work of the GPU; torch is not imported for this."""
    start = time.perf_counter()
    units = run()
    torch = sys.modules.get('torch')
    cuda = torch.cuda if torch is not None and torch.cuda.is_initialized() else None
    if cuda:
        cuda.synchronize()
    seconds = time.perf_counter() - start
    gpu = cuda.max_memory_allocated() / 1e6 if cuda else None
    return {'units': units, 'seconds': seconds, 'peak_mb': _peak_mb(), 'peak_gpu_mb': gpu}


def main() -> None:
    """Run the process of a candidate; sys.argv holds the task's module and the candidate."""
    module, candidate = sys.argv[1:]
    with os.fdopen(os.dup(1), 'w', buffering=1) as answers:
        os.dup2(2, 1)  # the output of libraries is no answer
        try:
            settings = Settings(**json.loads(sys.stdin.readline()))
            prepared = importlib.import_module(module).prepare(candidate, settings)
            print(json.dumps(prepared.facts), file=answers)
            for line in sys.stdin:
                answer = _measure(prepared.run) if json.loads(line) == 'round' else prepared.figures()
                print(json.dumps(answer), file=answers)
        except UserError as error:
            sys.exit(str(error))
        except KeyboardInterrupt:
            sys.exit(130)
