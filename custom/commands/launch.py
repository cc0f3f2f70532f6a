"""Starts a tool on several processes of this machine, as torchrun does, but ends with a line instead of a report.

    python -m custom.commands.launch PROCESSES SCRIPT [ARGUMENTS ...]

tools/dist_train.sh and tools/dist_test.sh do it. The environment says what MMDetection's scripts read there: NNODES
machines (1), of which this is number NODE_RANK (0); they meet at MASTER_ADDR (127.0.0.1), port PORT (one that is free,
with several machines 29500).
"""

import logging
import os
import sys

from ..engine.ranks import LAUNCHED, WAY_OUT
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from .parser import run_tool


def _whole(name: str, text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise UserError(f'{name}={text!r}: give a whole number, {least} or more')
    return int(text)


def torchrun_arguments(processes: str, command: list[str]) -> list[str]:
    """What torchrun is to be told, from the words of the command line and the environment.

    Raises:
        UserError: a number that is none, or machines that are not told where to meet.
    """
    machines = _whole('NNODES', os.environ.get('NNODES', '1'), 1)
    number = _whole('NODE_RANK', os.environ.get('NODE_RANK', '0'), 0)
    count = _whole('the number of processes (GPUS)', processes, 1)
    place = ['--standalone']
    if machines > 1 or 'PORT' in os.environ:
        if number >= machines:
            raise UserError(f'NODE_RANK={number}: of NNODES={machines} machines the first is number 0')
        if machines > 1 and 'MASTER_ADDR' not in os.environ:
            raise UserError('MASTER_ADDR: say the address of the first machine, on every one of them')
        place = [
            f'--node-rank={number}',
            f'--master-addr={os.environ.get("MASTER_ADDR", "127.0.0.1")}',
            f'--master-port={_whole("PORT", os.environ.get("PORT", "29500"), 1)}',
        ]
    return [f'--nnodes={machines}', f'--nproc-per-node={count}', *place, *command]


def main() -> int:
    """Start the processes and wait for them; the exit code of the first that fails, or 0."""
    if len(sys.argv) < 3:
        raise UserError(f'{__doc__.splitlines()[2].strip()}: say how many processes, and of what')
    arguments = torchrun_arguments(sys.argv[1], sys.argv[2:])
    os.environ.setdefault('OMP_NUM_THREADS', str(max(1, usable_cores() // int(sys.argv[1]))))
    os.environ[LAUNCHED] = '1'

    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable(logging.ERROR)  # what goes wrong is said below, or by the ranks
    try:
        run.run(run.parse_args(arguments))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            print(f'error: rank {rank} was ended by {failure.signal_name()}: {WAY_OUT}', file=sys.stderr)
        return failure.exitcode if failure.exitcode > 0 else 1
    except SignalException as error:
        return 128 + error.sigval
    return 0


if __name__ == '__main__':
    run_tool(main)
