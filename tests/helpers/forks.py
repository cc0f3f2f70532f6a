"""Server that runs Python scripts as forks of one process, which has imported the libraries.

An import of torch and MMDetection takes 3 s of CPU time in a new process, and 0.1 s in a fork. The modules of `custom`
are new in each fork, apart from those that MMDetection needs to be imported at all.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
MMDET = ('mmdet.apis', 'mmdet.datasets', 'mmdet.evaluation', 'mmdet.models', 'mmdet.visualization')
OTHERS = ('jinja2', 'matplotlib.pyplot', 'msgspec', 'pandas', 'safetensors.torch', 'tensorboard', 'timm', 'yaml')


class Ended(NamedTuple):
    """The end of a run: for each process its exit code, negative after a signal, its stdout and its stderr."""

    codes: list[int]
    out: list[str]
    err: list[str]


class ForkServer:
    """The server's process, which starts with the first run and ends with the process of the tests."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None

    def run(
        self, command: Sequence[object], cwds: Sequence[Path], envs: Sequence[dict[str, str]], limit: float
    ) -> Ended:
        """Run a script in several processes at once.

        Args:
            command: the Python program and its arguments, converted to text.
            cwds: the working directory of each process.
            envs: the whole environment of each process.
            limit: seconds after which the processes are killed.
        """
        if self.process is None:
            # Variables that libraries read when they are imported.
            env = {**os.environ, 'OMP_NUM_THREADS': '1', 'TORCH_CPP_LOG_LEVEL': 'ERROR', 'THP_MEM_ALLOC_ENABLE': '1'}
            pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'text': True}
            self.process = subprocess.Popen([sys.executable, __file__], env=env, **pipes)
            atexit.register(self.stop)
        with tempfile.TemporaryDirectory() as folder:
            outputs = [[str(Path(folder, f'{rank}.{kind}')) for kind in ('out', 'err')] for rank in range(len(cwds))]
            order = {'command': [*map(str, command)], 'cwds': [*map(str, cwds)], 'envs': list(envs)}
            print(json.dumps({**order, 'outputs': outputs, 'limit': limit}), file=self.process.stdin, flush=True)
            codes = json.loads(self.process.stdout.readline())
            out, err = ([Path(pair[kind]).read_text() for pair in outputs] for kind in (0, 1))
        return Ended(codes, out, err)

    def stop(self) -> None:
        """End the server."""
        self.process.kill()
        self.process.wait()


SERVER = ForkServer()


def import_libraries() -> None:
    """Import what takes long to import, as `custom.register` does, but register no class of `custom`."""
    from custom.engine.lazy_imports import quick_imports

    with quick_imports(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        importlib.import_module('custom.models.mmcv_ops').serve_mmcv_ops()
        warnings.simplefilter('ignore')
        for name in (*MMDET, *OTHERS):
            importlib.import_module(name)
    # A tool imports tqdm after it has set the variable of --quiet.
    for name in [name for name in sys.modules if name.partition('.')[0] == 'tqdm']:
        del sys.modules[name]
    layout = importlib.import_module('yapf.yapflib.yapf_api')
    layout.FormatCode = lambda text, **_: (text, True)  # mmengine lays out the config seven times a run: 0.8 s


def start(order: dict, rank: int) -> int:
    """Fork. The child runs the script and never returns."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.environ.clear()
        os.environ.update(order['envs'][rank])
        os.chdir(order['cwds'][rank])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in enumerate(order['outputs'][rank], start=1):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        # As Python does for a script: its folder comes first, then PYTHONPATH.
        script = order['command'][0]
        more = filter(None, os.environ.get('PYTHONPATH', '').split(os.pathsep))
        sys.path[:] = [str(Path(script).parent), *more, *PATH]
        sys.argv = order['command']
        runpy.run_path(script, run_name='__main__')
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if code and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        # As Python does at the end of a process.
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait_for(children: list[int], limit: float) -> list[int]:
    """Return the exit code of each child, negative after a signal; children are killed after `limit` seconds."""
    codes: dict[int, int] = {}
    until = time.monotonic() + limit
    while len(codes) < len(children):
        child, status = os.waitpid(-1, os.WNOHANG)
        if child in children:
            codes[child] = os.waitstatus_to_exitcode(status)
        elif time.monotonic() > until:
            for late in set(children) - set(codes):
                os.kill(late, signal.SIGKILL)
        else:
            time.sleep(0.01)
    return [codes[child] for child in children]


def serve() -> None:
    """Answer each line of stdin, the arguments of `ForkServer.run`, with a line of exit codes."""
    sys.path.insert(0, str(ROOT))
    import_libraries()
    gc.freeze()  # the children do not search what is there for garbage
    for line in sys.stdin:
        order = json.loads(line)
        children = [start(order, rank) for rank in range(len(order['cwds']))]
        print(json.dumps(wait_for(children, order['limit'])), flush=True)


if __name__ == '__main__':
    PATH = sys.path[1:]  # without the folder of this file
    serve()
