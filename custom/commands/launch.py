"""Launcher of a tool on several processes of this machine: torchrun with a one-line error instead of a report.

    python -m digits_frcnn.commands.launch PROCESSES SCRIPT [ARGUMENTS ...]

tools/dist_train.sh and tools/dist_test.sh call it. MMDetection's environment variables apply: NNODES machines (1),
NODE_RANK of this one (0), MASTER_ADDR (127.0.0.1) and PORT of the first (a free one; 29500 with several machines).
"""

import logging
import os
import sys

from ..engine.ranks import LAUNCHED, WAY_OUT
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.messages import complain
from ..utils.processes import WITH_PARENT
from .parser import run_tool


def _integer(name: str, text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise UserError(f'{name}={text!r}: give a whole number, {least} or more')
    return int(text)


def torchrun_arguments(processes: str, command: list[str]) -> list[str]:
    """Return the arguments of torchrun for the command line and the environment.

    Raises:
        UserError: a value is no whole number in its range, or the address of the first of several machines is missing.
    """
    nodes = _integer('NNODES', os.environ.get('NNODES', '1'), 1)
    node_rank = _integer('NODE_RANK', os.environ.get('NODE_RANK', '0'), 0)
    count = _integer('the number of processes (GPUS)', processes, 1)
    meeting = ['--standalone']
    if nodes > 1 or 'PORT' in os.environ:
        if node_rank >= nodes:
            raise UserError(f'NODE_RANK={node_rank}: of NNODES={nodes} machines the first is number 0')
        if nodes > 1 and 'MASTER_ADDR' not in os.environ:
            raise UserError('MASTER_ADDR: set it to the address of the first machine, on every machine')
        address = os.environ.get('MASTER_ADDR', '127.0.0.1')
        port = _integer('PORT', os.environ.get('PORT', '29500'), 1)
        meeting = [f'--node-rank={node_rank}', f'--master-addr={address}', f'--master-port={port}']
    return [f'--nnodes={nodes}', f'--nproc-per-node={count}', *meeting, *command]


def main() -> int:
    """Start the processes, wait for them, and return the exit code of the first that fails, or 0."""
    if len(sys.argv) < 3:
        raise UserError(f'{__doc__.splitlines()[2].strip()}: give the number of processes and the script')
    arguments = torchrun_arguments(sys.argv[1], sys.argv[2:])
    os.environ.setdefault('OMP_NUM_THREADS', str(max(1, usable_cores() // int(sys.argv[1]))))
    os.environ[LAUNCHED] = os.environ[WITH_PARENT] = '1'

    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable(logging.ERROR)  # errors are printed below, or by the ranks
    try:
        run.run(run.parse_args(arguments))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            complain(f'rank {rank} was ended by {failure.signal_name()}: {WAY_OUT}')
        return failure.exitcode if failure.exitcode > 0 else 1
    except SignalException as error:
        return 128 + error.sigval
    return 0


if __name__ == '__main__':
    run_tool(main)
