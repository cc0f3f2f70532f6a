"""The process of one contestant: `python -m custom.benchmark.contestant MODULE CONTESTANT`.

It reads JSON lines from stdin and answers each with one on stdout: first the settings (answered by its facts), then
"round", as often as wanted (units, seconds, memory), and "figures". It ends when stdin does.
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from ..utils.errors import UserError
from .compare import Prepared, Settings
from .machine import memory_mb


def peak_mb() -> float:
    """The most memory that this process, or the largest one of its children, held; in 1e6 bytes.

    Linux counts in ru_maxrss what the parent held when it started this process; VmHWM is free of that.
    """
    if sys.platform == 'darwin':
        who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return max(resource.getrusage(one).ru_maxrss for one in who) / 1e6
    return max(memory_mb('VmHWM'), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)


def _cuda() -> Any:
    """torch.cuda where it is in use; nothing is imported for it."""
    torch = sys.modules.get('torch')
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def timed(run: Callable[[], int]) -> dict[str, float | None]:
    """Do one round; what a GPU was given counts when it is done."""
    start = time.perf_counter()
    units = run()
    cuda = _cuda()
    if cuda:
        cuda.synchronize()
    seconds = time.perf_counter() - start
    gpu = cuda.max_memory_allocated() / 1e6 if cuda else None
    return {'units': units, 'seconds': seconds, 'peak_mb': peak_mb(), 'peak_gpu_mb': gpu}


def work(prepare: Callable[[], Prepared], questions: IO[str], answers: IO[str]) -> None:
    """Answer until there are no more questions."""

    def answer(content: dict) -> None:
        answers.write(json.dumps(content) + '\n')
        answers.flush()

    prepared = prepare()
    answer(prepared.facts)
    for question in questions:
        answer(timed(prepared.run) if json.loads(question) == 'round' else prepared.figures())


def main() -> None:
    module, contestant = sys.argv[1:]
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # what libraries print is no answer
    settings = Settings(**json.loads(sys.stdin.readline()))
    try:
        work(lambda: importlib.import_module(module).prepare(contestant, settings), sys.stdin, answers)
    except UserError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == '__main__':
    main()
