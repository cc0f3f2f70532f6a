"""A contestant's process, as the benchmark sees it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20  # seconds that a process has to end by itself


def environment() -> dict[str, str]:
    """That of a Python process which is to find the project, wherever it is started."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    return {**os.environ, 'PYTHONPATH': path}


class Worker:
    """A process of `custom.benchmark.contestant`; as a context, it is ended at the end.

    Args:
        module: of the task.
        contestant: its name there.
        settings: the fields of `custom.benchmark.compare.Settings`.

    Attributes:
        facts: what the contestant told when it was ready.

    Raises:
        UserError: it failed.
    """

    def __init__(self, module: str, contestant: str, settings: dict[str, Any]) -> None:
        self.name = f'{module.rpartition("_")[2]}, {contestant}'
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'custom.benchmark.contestant', module, contestant],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            # Unbuffered, or what libraries print would come after the last words of a process that fails.
            # A rival's process gets its memory as torch does by itself; ours asks for large pages.
            env={
                **environment(),
                'PYTHONUNBUFFERED': '1',
                **({} if contestant.startswith('ours') else {'THP_MEM_ALLOC_ENABLE': '0'}),
            },
        )
        try:
            self.facts = self.ask(settings)
        except BaseException:
            self.end()
            raise

    def ask(self, message: Any) -> dict:
        """Send a message, and wait for the answer.

        Raises:
            UserError: the process ended instead.
        """
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):  # it has ended: then there is no answer either
            self.process.stdin.write(json.dumps(message).encode() + b'\n')
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise UserError(f'{self.name}: failed ({self._last_words()})')
        return json.loads(answer)

    def _last_words(self) -> str:
        code = self.process.wait()
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors.read().decode('utf-8', 'replace').splitlines() if line.strip()]
        return f'ended by signal {-code}; is there enough memory?' if code < 0 else (lines or [f'exit code {code}'])[-1]

    def end(self) -> None:
        """End the process: it ends by itself when nobody asks any more."""
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

    def __enter__(self) -> 'Worker':
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
