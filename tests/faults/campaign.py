"""Faults, the scene that they share, and the campaign that runs them."""

import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from helpers.forks import ForkServer
from helpers.project import FAST, ROOT, make_tiny_root

from custom.utils.cores import usable_cores
from custom.utils.messages import duration

LITE = ROOT / 'configs/digits_frcnn_lite.py'
LIMIT = 120.0  # seconds after which a tool counts as hung
REPORT_EVERY = 20.0  # seconds between two lines of progress


class NotRun(Exception):
    """A fault that this machine cannot produce; the message says why. It counts as neither tried nor survived."""


class Ended(NamedTuple):
    """The end of a tool: exit code, negative after a signal; stdout; stderr."""

    code: int
    out: str
    err: str

    def must_succeed(self) -> 'Ended':
        """Raise AssertionError unless the exit code is 0."""
        assert self.code == 0, f'exit code {self.code}: {self.err[-300:]}'
        return self

    def must_refuse(self, named: str = '') -> 'Ended':
        """Raise AssertionError unless the tool ended with exit code 2 and one line `error: …` that has `named`."""
        assert self.code == 2, f'exit code {self.code} instead of 2: {(self.err or self.out)[-300:]}'
        lines = [line for line in self.err.splitlines() if line.startswith('error: ')]
        assert len(lines) == 1, f'{len(lines)} error lines: {self.err[-300:]}'
        assert named in lines[0], f'{named} is not named: {lines[0]:.300}'
        assert 'Traceback' not in self.err, self.err[-300:]
        assert not re.search(r'[\x00-\x08\x0b-\x1f\x7f\x9b]', self.err), f'control characters: {lines[0]!r:.300}'
        return self


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: what is done, in a few words.
        check: produces the fault with a `Scene` in an empty folder; raises AssertionError if the fault was not
            survived, and NotRun if the machine cannot produce the fault.
        seconds: expected duration, for the time left. Defaults to 2.
    """

    name: str
    check: Callable[['Scene', Path], None]
    seconds: float = 2.0


@dataclass
class Counts:
    """Faults of a section."""

    tried: int = 0
    survived: int = 0
    skipped: int = 0


class Scene:
    """Data and a finished run, which faults may read but not change, and the tools as processes.

    Attributes:
        folder: folder of the scene.
        seed: seed of the random moments.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self._servers = threading.local()
        self._all_servers: list[ForkServer] = []
        self._made: dict[str, Any] = {}
        self._lock = threading.RLock()

    def tool(self, name: str, *args: object, limit: float = LIMIT, cwd: Path = ROOT, **env: str) -> Ended:
        """Run a tool as a fork of a process that has imported the libraries; kill -9 ends it after `limit` seconds."""
        return self.tools(name, *args, count=1, limit=limit, cwd=cwd, **env)[0]

    def tools(
        self, name: str, *args: object, count: int, limit: float = LIMIT, cwd: Path = ROOT, **env: str
    ) -> list[Ended]:
        """Run `count` processes of one command at once."""
        if not hasattr(self._servers, 'own'):
            self._servers.own = ForkServer()
            self._all_servers.append(self._servers.own)
        command = [ROOT / 'tools' / name, *args]
        codes, out, err = self._servers.own.run(command, [cwd] * count, [{**os.environ, **env}] * count, limit)
        return [Ended(*parts) for parts in zip(codes, out, err, strict=True)]

    def new_process(self, name: str, *args: object, within: Sequence[str] = (), **popen: object) -> subprocess.Popen:
        """Start a tool as a new Python process in a session of its own, with pipes for stdout and stderr.

        `within` is a command that runs the tool under a limit.
        """
        command = [*within, sys.executable, str(ROOT / 'tools' / name), *map(str, args)]
        pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True, 'cwd': ROOT}
        return subprocess.Popen(command, start_new_session=True, **{**pipes, **popen})

    def once(self, name: str, make: Callable[[Path], Any]) -> Any:
        """Return what `make` returns for a folder that stays until the end; it is called once for each name."""
        with self._lock:
            if name not in self._made:
                (self.folder / name).mkdir()
                self._made[name] = make(self.folder / name)
            return self._made[name]

    def random(self, name: str) -> random.Random:
        """Return a source of random numbers that depends on the seed and the name of a fault only."""
        return random.Random(f'{self.seed} {name}')

    def train_arguments(self, work_dir: Path, *options: str, epochs: int = 2) -> list[object]:
        """List the arguments of train.py for a run of a few seconds on the data of `root`."""
        settings = [f'data_root={self.root}', f'train_cfg.max_epochs={epochs}', *FAST, *options]
        return [LITE, '--work-dir', work_dir, '--cfg-options', *settings]

    @property
    def root(self) -> Path:
        """Data root of 6, 3 and 2 photos."""
        return self.once('root', make_tiny_root)

    @property
    def trained(self) -> Path:
        """Work dir of a finished run of two epochs."""

        def train(folder: Path) -> Path:
            self.tool('train.py', *self.train_arguments(folder / 'run')).must_succeed()
            return folder / 'run'

        return self.once('trained', train)

    @property
    def dumped(self) -> Path:
        """Folder of the predictions of the run on its validation photos."""

        def dump(folder: Path) -> Path:
            self.tool('test.py', *self.dump_arguments(folder / 'valid')).must_succeed()
            return folder / 'valid'

        return self.once('dumped', dump)

    def dump_arguments(self, out: Path, *more: object) -> list[object]:
        """List the arguments of test.py that write the predictions on the validation photos to `out`."""
        photos = ['--split', 'valid', '--no-tta', '--dump', out, *more]
        return [LITE, '--work-dir', self.trained, *photos, '--cfg-options', f'data_root={self.root}', *FAST]

    def prepare(self) -> None:
        """Make the data, the run and its predictions, before faults use them from several threads."""
        for name in ('root', 'trained', 'dumped'):
            getattr(self, name)

    def stop(self) -> None:
        """End the servers."""
        for server in self._all_servers:
            if server.process is not None:
                server.stop()


def end_of(process: subprocess.Popen, limit: float = LIMIT) -> Ended:
    """Wait for a tool of `Scene.new_process`; after `limit` seconds kill -9 ends its session.

    Raises:
        AssertionError: the tool did not end.
    """
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise AssertionError(f'hung for {limit:.0f} s') from None
    return Ended(process.returncode, out, err)


@contextmanager
def small_disk(folder: Path, megabytes: float) -> Iterator[Path]:
    """Mount a file system of this size on a new folder; yield the folder.

    Raises:
        NotRun: this process may not mount.
    """
    folder.mkdir()
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', f'size={int(megabytes * 1024)}k', 'tmpfs', str(folder)], capture_output=True
    )
    if mounted.returncode:
        raise NotRun(f'mounting a small disk needs root: {mounted.stderr.decode().strip()[:100]}')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)


def make_read_only(disk: Path) -> None:
    """Make a disk of `small_disk` read-only, which also holds for root."""
    subprocess.run(['mount', '-o', 'remount,ro', str(disk)], check=True)


class Campaign:
    """A campaign: all faults of several sections, as many at once as there are cores."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.scene = Scene(folder, seed)
        self._print_lock = threading.Lock()

    def run(self, sections: Sequence[ModuleType], only: str = '') -> dict[str, Counts]:
        """Run the faults whose name has `only`; say on stderr which were not survived, and the progress."""
        try:
            self._say('preparing: a data set, a trained model and its predictions')
            self.scene.prepare()
            listed = [
                (module.__name__.rpartition('.')[2], [fault for fault in module.faults() if only in fault.name])
                for module in sections
            ]
            counts = {name: Counts() for name, _ in listed}
            self._total = sum(fault.seconds for _, faults in listed for fault in faults)
            self._done, self._started, self._reported = 0.0, time.monotonic(), 0.0
            numbers = itertools.count()
            for name, faults in listed:
                with ThreadPoolExecutor(usable_cores()) as pool:
                    for _ in pool.map(lambda fault, name=name: self._try(name, fault, counts[name], numbers), faults):
                        self._report(name, counts[name], len(faults))
            return counts
        finally:
            self.scene.stop()

    def _try(self, section: str, fault: Fault, counts: Counts, numbers: Iterator[int]) -> None:
        folder = self.folder / f'{section}-{next(numbers)}'
        folder.mkdir()
        outcome = ''
        try:
            fault.check(self.scene, folder)
        except NotRun as reason:
            outcome = f'not run: {reason}'
        except AssertionError as reason:
            outcome = f'NOT SURVIVED: {reason}'
        except Exception:
            outcome = f'NOT SURVIVED: {traceback.format_exc(limit=-2)}'
        shutil.rmtree(folder, ignore_errors=True)
        with self._print_lock:
            counts.tried += not outcome.startswith('not run')
            counts.survived += not outcome
            counts.skipped += outcome.startswith('not run')
            self._done += fault.seconds
        if outcome:
            self._say(f'{section}: {fault.name}: {outcome}')

    def _report(self, section: str, counts: Counts, total: int) -> None:
        passed = time.monotonic() - self._started
        if passed - self._reported >= REPORT_EVERY or counts.tried + counts.skipped == total:
            self._reported = passed
            left = duration(passed / self._done * (self._total - self._done))
            self._say(f'{section}: {counts.survived} of {counts.tried} survived, {total} in all; about {left} left')

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
