"""Worker processes: Ctrl-C twice, a killed parent, a tiny /dev/shm, few file descriptors."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from .campaign import Fault, NotRun, Scene, end_of
from .resume import WORKERS

MOMENTS = 4  # of each interruption
PATIENCE = 15.0  # seconds until all processes of a tool must have ended
TINY_SHM = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"'
LIMITS = {
    'a /dev/shm of 64 kB': (['unshare', '-m', 'sh', '-c', TINY_SHM, 'sh'], '/dev/shm is too small'),
    '24 open files': (['prlimit', '--nofile=24:24'], 'open files'),
}


def command(kind: str, scene: Scene, folder: Path) -> list[object]:
    """Return the arguments of a tool that has worker processes for longer than the test."""
    if kind == 'synth':
        return ['prepare_data.py', 'synth', '--images', 20000, '--workers', 2, '--out', folder / 'set']
    return ['train.py', *scene.train_arguments(folder / 'work', *WORKERS, epochs=500)]


def running(session: int) -> list[int]:
    """List the processes of a session that have not ended."""
    found = []
    for path in Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            state, _, _, own = path.read_text().rpartition(')')[2].split()[:4]
            if int(own) == session and state not in 'ZX':
                found.append(int(path.parent.name))
    return found


def must_all_end(process: subprocess.Popen) -> None:
    """Raise AssertionError, and kill them, if processes of a tool's session are left after PATIENCE."""
    until = time.monotonic() + PATIENCE
    while left := running(process.pid):
        if time.monotonic() > until:
            for one in left:
                os.kill(one, signal.SIGKILL)
            raise AssertionError(f'{len(left)} processes are left {PATIENCE:.0f} s later')
        time.sleep(0.1)
    process.wait()


def interrupted(kind: str, number: int, scene: Scene, folder: Path) -> None:
    """Send SIGINT twice to the whole process group, as a terminal does."""
    process = scene.new_process(*command(kind, scene, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(4 + 2 * (number + scene.random(f'{kind} {number}').random()))
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    must_all_end(process)


def killed(kind: str, number: int, scene: Scene, folder: Path) -> None:
    """Kill the main process alone: its workers end, and the next run succeeds in the same place."""
    process = scene.new_process(*command(kind, scene, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(4 + 2 * (number + scene.random(f'{kind} {number} kill').random()))
    process.kill()
    must_all_end(process)


def limited(name: str, scene: Scene, folder: Path) -> None:
    """Train with workers under a limit: one line names the cause and the setting."""
    within, named = LIMITS[name]
    probe = subprocess.run([*within, 'true'], capture_output=True, text=True)
    if probe.returncode:
        raise NotRun(f'{within[0]} is refused: {probe.stderr.strip()[:100]}')
    arguments = scene.train_arguments(folder / 'work', *WORKERS)
    process = scene.new_process('train.py', *arguments, within=within)
    ended = end_of(process)
    errors = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    assert ended.code in (1, 2), f'exit code {ended.code}: {ended.err[-300:]}'
    assert len(errors) == 1 and named in errors[0] and 'Traceback' not in ended.err, ended.err[-500:]
    must_all_end(process)


def faults() -> Iterable[Fault]:
    """List the interruptions at several moments, and the limits."""
    checks: dict[str, Callable] = {'Ctrl-C twice': interrupted, 'kill -9 of the main process': killed}
    for kind in ('synth', 'train'):
        for name, check in checks.items():
            for number in range(MOMENTS):
                yield Fault(f'{kind}, {name}, {number + 1} of {MOMENTS}', partial(check, kind, number), 10)
    for name in LIMITS:
        yield Fault(f'train, {name}', partial(limited, name), 12)
