"""Starts the ranks of a run as forks of a process that has imported everything: in a second, not in ten.

As a script it is that process. Each line of its stdin asks for ranks; when all of them have ended, it answers with
their exit codes, negative where a signal ended them. No torchrun watches them: the others find that one is missing.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


class Ended(NamedTuple):
    """How a run ended: of each rank the exit code, what it printed, what it said on stderr."""

    codes: list[int]
    out: list[str]
    err: list[str]


class ForkedRanks:
    """The process that forks; it starts when it is first needed."""

    def __init__(self) -> None:
        self.server: subprocess.Popen | None = None

    def run(self, ranks: int, script: Path, *args: object, cwd: Path, apart: bool = False, limit: float = 120) -> Ended:
        """Run a Python script in `cwd`, which is made; one rank is a plain process; killed after `limit` seconds.

        With `apart` each rank works in a folder of its own, as on machines that share no disk.
        """
        if self.server is None:
            env = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1', 'TORCH_CPP_LOG_LEVEL': 'ERROR'}
            pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'text': True}
            self.server = subprocess.Popen([sys.executable, __file__], env=env, **pipes)
        folders = [cwd / f'machine{rank}' if apart else cwd for rank in range(ranks)]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        order = {'folders': [*map(str, folders)], 'script': str(script), 'args': [*map(str, args)], 'limit': limit}
        print(json.dumps({**order, 'port': free_port()}), file=self.server.stdin, flush=True)
        codes = json.loads(self.server.stdout.readline())
        said = [
            [(folder / f'rank{i}.{kind}').read_text() for i, folder in enumerate(folders)] for kind in ('out', 'err')
        ]
        return Ended(codes, *said)

    def stop(self) -> None:
        if self.server is not None:
            self.server.stdin.close()
            self.server.wait(10)


@pytest.fixture(scope='session')
def forks():
    server = ForkedRanks()
    yield server
    server.stop()


def start_rank(order: dict, rank: int) -> int:
    """Fork; the child becomes the rank and never returns."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        ranks = len(order['folders'])
        os.chdir(order['folders'][rank])
        for number, kind in ((1, 'out'), (2, 'err')):
            with open(f'rank{rank}.{kind}', 'w') as file:
                os.dup2(file.fileno(), number)
        if ranks > 1:
            place = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': order['port'], 'WORLD_SIZE': ranks}
            place |= {'LOCAL_WORLD_SIZE': ranks, 'RANK': rank, 'LOCAL_RANK': rank}
            os.environ.update({name: str(value) for name, value in place.items()})
        sys.argv = [order['script'], *order['args']]
        runpy.run_path(order['script'], run_name='__main__')
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
    importlib.import_module('custom.register')
    importlib.import_module('custom.models.checkpoints')
    layout = importlib.import_module('yapf.yapflib.yapf_api')
    layout.FormatCode = lambda text, **_: (text, True)  # mmengine lays out the config seven times a run, for seconds
    gc.freeze()  # what is there is not looked through again
    for line in sys.stdin:
        order = json.loads(line)
        children = [start_rank(order, rank) for rank in range(len(order['folders']))]
        codes: dict[int, int] = {}
        until = time.monotonic() + order['limit']
        while len(codes) < len(children):
            child, status = os.waitpid(-1, os.WNOHANG)
            if child in children:
                codes[child] = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                for late in set(children) - set(codes):
                    os.kill(late, signal.SIGKILL)
            else:
                time.sleep(0.02)
        print(json.dumps([codes[child] for child in children]), flush=True)


if __name__ == '__main__':
    serve()
