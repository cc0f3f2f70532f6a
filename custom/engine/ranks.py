"""Rank discovery, error reports and process exit in distributed runs."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
from types import FrameType
from typing import Any, NoReturn

from ..utils.console import describe, first_line, is_of_system, is_shortage
from ..utils.errors import UserError
from ..utils.messages import complain
from .worker_faults import worker_fault

LAUNCHED = 'DIGITS_LAUNCHED'  # set by custom.commands.launch, which itself reports lost ranks of its machine
WAY_OUT = (
    'start again (training: with --resume), with fewer processes or smaller batches if the machine was short of memory'
)
# Messages of gloo and nccl when another rank does not answer.
_LOST = re.compile(
    r'gloo/transport|ncclRemoteError|remote process exited|Connection (was )?(closed|reset)', re.IGNORECASE
)
_STOPPED = re.compile('DataLoader worker .* killed by signal: (Terminated|Interrupt)')  # the rank is stopped next
_processes: list[tuple[str, int]] = []  # machine and process id of every rank


def _first_number(*names: str, default: int) -> int:
    return next((int(os.environ[name]) for name in names if os.environ.get(name)), default)


def local_rank() -> int:
    """Return the rank of this process on its machine; 0 without a launcher."""
    return _first_number('LOCAL_RANK', 'SLURM_LOCALID', 'OMPI_COMM_WORLD_LOCAL_RANK', default=0)


def local_size() -> int:
    """Return the number of processes that the launcher started on this machine; 1 if unknown."""
    return _first_number('LOCAL_WORLD_SIZE', 'SLURM_NTASKS_PER_NODE', 'OMPI_COMM_WORLD_LOCAL_SIZE', default=1)


def set_rendezvous(launcher: str) -> None:
    """Set torch's rendezvous variables from Slurm's; torchrun sets them itself.

    Raises:
        UserError: the launcher has not started this process, or Slurm does not give the names of the machines.
    """
    if launcher == 'pytorch' and 'RANK' not in os.environ:
        raise UserError('--launcher pytorch: start it by tools/dist_train.sh, tools/dist_test.sh or torchrun')
    if launcher != 'slurm':
        return
    if not os.environ.get('SLURM_PROCID'):
        raise UserError('--launcher slurm: start it by tools/slurm_train.sh or srun')
    for name, source in (('RANK', 'PROCID'), ('WORLD_SIZE', 'NTASKS'), ('LOCAL_RANK', 'LOCALID')):
        os.environ[name] = os.environ.get(f'SLURM_{source}', '')
    # A port of this job alone: other jobs may run on the same machine.
    os.environ.setdefault('MASTER_PORT', str(20000 + int(os.environ.get('SLURM_JOB_ID') or 0) % 10000))
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = '127.0.0.1' if os.environ.get('SLURM_NNODES') == '1' else _first_machine()


def _first_machine() -> str:
    machines = os.environ.get('SLURM_STEP_NODELIST') or os.environ.get('SLURM_NODELIST', '')
    try:
        command = ['scontrol', 'show', 'hostnames', machines]
        return subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True).split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise UserError(
            f'--launcher slurm: scontrol does not list the names of {machines!r}; set MASTER_ADDR to the first machine'
        ) from error


def group() -> Any:
    """Return `torch.distributed` in a distributed run, else None; torch is not imported for this."""
    distributed = sys.modules.get('torch.distributed')
    return distributed if distributed and distributed.is_initialized() else None


def register_ranks() -> None:
    """Gather the processes of all ranks, and handle the SIGTERM of a launcher; to be called on every rank."""
    from mmengine.dist import all_gather_object

    _processes[:] = all_gather_object((_machine(), os.getpid()))
    signal.signal(signal.SIGTERM, _terminate)


def _machine() -> str:
    return f'{socket.gethostname()} {os.environ.get("GROUP_RANK")}'  # with torchrun's number: names may be equal


def _ranks_here() -> list[int]:
    return [rank for rank, (machine, _) in enumerate(_processes) if machine == _machine()]


def lost_ranks() -> list[int]:
    """Return the ranks of this machine whose process has ended."""
    return [rank for rank in _ranks_here() if not _is_running(_processes[rank][1])]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def _add_reports(distributed: Any, more: int) -> int:
    """Add to the number of ranks that asked to report, kept in the store of the process group; return the sum."""
    return distributed.distributed_c10d._get_default_store().add('reports', more)


def may_report() -> bool:
    """Return True on the first rank that asks: of several ranks with errors, one prints its error.

    Without a process group, the first rank of each machine may report. The other ranks wait for the signal of their
    launcher, since their exit would make it stop the first rank too early.
    """
    distributed = group()
    if distributed:
        try:
            return _add_reports(distributed, 1) == 1
        except RuntimeError:  # the store was lost with its rank: the first running rank of each machine reports
            rank = distributed.get_rank()
            return rank == min(set(_ranks_here()) - set(lost_ranks()), default=rank)  # none before register_ranks()
    if local_rank():
        time.sleep(3)
    return local_rank() == 0


def print_error(message: str, is_error: bool = True) -> None:
    """Print an error on stderr once for all ranks, prefixed with the rank; see `complain`."""
    if may_report():
        rank = f'rank {group().get_rank()}: ' if group() and is_error else ''
        complain(f'{rank}{message}', is_error)


def exit_code_of(error: Exception) -> int:
    """Print the reason of an error that is being handled; return the exit code.

    A single process raises the error again, unless it is of the system, or a process is short of memory or files. In a
    distributed run, the rank with the fault prints its traceback, and ranks that lost the connection name those that
    are gone.
    """
    reason = first_line(error)
    if fault := worker_fault(error):
        print_error(fault)
    elif is_shortage(error):
        print_error(f'{reason}: {WAY_OUT}')
    elif is_of_system(error):
        print_error(describe(error))
        return 2
    elif not group():
        raise error
    elif _LOST.search(str(error)):
        _print_lost(2.0, f'rank {group().get_rank()} has no answer from the others')
    elif _STOPPED.search(str(error)):
        _print_lost(0.5, f'rank {group().get_rank()} was stopped')
    elif may_report():
        traceback.print_exception(error)
        complain(f'rank {group().get_rank()}: failed, see above ({reason})')
    return 1


def _print_lost(patience: float, otherwise: str) -> None:
    """Print the ranks that are gone, after at most `patience` seconds, or another reason if all are running."""
    until = time.monotonic() + patience
    while not lost_ranks() and time.monotonic() < until:
        time.sleep(0.1)
    names = ', '.join(map(str, lost_ranks()))
    if not (names and LAUNCHED in os.environ) and may_report():
        reason = f'rank {names} is gone (killed?)' if names else otherwise
        complain(f'{reason}, and the run ends: {WAY_OUT}')


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM, which a launcher sends to the other ranks if one is lost, or to all at the time limit."""
    _print_lost(0.5, f'rank {group().get_rank()} was stopped by {signal.Signals(number).name}')
    os._exit(128 + number)


def exit_process(code: int) -> NoReturn:
    """End the process. Ranks on CPUs wait for one another and skip the clean-up, in which gloo's threads can abort."""
    distributed = group()
    if distributed and (code or distributed.get_backend() == 'gloo'):
        if not code:
            try:
                distributed.barrier()
            except RuntimeError as error:
                code = exit_code_of(error)
        elif distributed.get_rank() == 0 and 'TORCHELASTIC_RUN_ID' not in os.environ:
            # Without torchrun this rank has the store: wait up to a second until all ranks have asked to report.
            until = time.monotonic() + 1.0
            while time.monotonic() < until and _add_reports(distributed, 0) < distributed.get_world_size():
                time.sleep(0.02)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
