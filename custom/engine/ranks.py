"""Several processes as one run: which of them speaks, and how all of them end when one is lost."""

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

from ..utils.errors import UserError

LAUNCHED = 'DIGITS_LAUNCHED'  # set by custom.commands.launch, which says itself that a rank of its machine is lost
WAY_OUT = (
    'start again (training: with --resume), with fewer processes or smaller batches if the machine was short of memory'
)
# How gloo and nccl, through whatever stands above them, say that another rank does not answer.
_LOST = re.compile(
    r'gloo/transport|ncclRemoteError|remote process exited|Connection (was )?(closed|reset)', re.IGNORECASE
)
_MEMORY = re.compile("out of memory|can't allocate memory|DataLoader worker .* killed by signal: Killed", re.I)
_STOPPED = re.compile('DataLoader worker .* killed by signal: (Terminated|Interrupt)')  # and so will this rank be
_processes: list[tuple[str, int]] = []  # machine and process id of every rank


def local_rank() -> int:
    """Return the rank of this process on its machine; 0 without a launcher."""
    return int(os.environ.get('LOCAL_RANK') or os.environ.get('SLURM_LOCALID') or 0)


def local_size() -> int:
    """Return the number of processes that the launcher has started on this machine; 1 where it does not say."""
    return int(os.environ.get('LOCAL_WORLD_SIZE') or os.environ.get('SLURM_NTASKS_PER_NODE') or 1)


def find_others(launcher: str) -> None:
    """Put the address at which the ranks meet into the environment; torchrun has done so, Slurm has names of its own.

    Raises:
        UserError: the launcher has not started this process, or Slurm does not tell the names of the machines.
    """
    if launcher == 'pytorch' and 'RANK' not in os.environ:
        raise UserError('--launcher pytorch: start it by tools/dist_train.sh, tools/dist_test.sh or torchrun')
    if launcher != 'slurm':
        return
    if not os.environ.get('SLURM_PROCID'):
        raise UserError('--launcher slurm: start it by tools/slurm_train.sh or srun')
    for name, theirs in (('RANK', 'PROCID'), ('WORLD_SIZE', 'NTASKS'), ('LOCAL_RANK', 'LOCALID')):
        os.environ[name] = os.environ.get(f'SLURM_{theirs}', '')
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
            f'--launcher slurm: scontrol does not tell the names of {machines!r}; set MASTER_ADDR to the first machine'
        ) from error


def group() -> Any:
    """`torch.distributed` where this process is one of several, else None; torch is not imported for that."""
    distributed = sys.modules.get('torch.distributed')
    return distributed if distributed and distributed.is_initialized() else None


def watch() -> None:
    """Learn who the other ranks are, and end with a line when a launcher stops this one; call it on every rank."""
    from mmengine.dist import all_gather_object

    _processes[:] = all_gather_object((_machine(), os.getpid()))
    signal.signal(signal.SIGTERM, _stopped)


def _machine() -> str:
    return f'{socket.gethostname()} {os.environ.get("GROUP_RANK")}'  # torchrun's number for it: names may be alike


def _ranks_here() -> list[int]:
    return [rank for rank, (machine, _) in enumerate(_processes) if machine == _machine()]


def lost_ranks() -> list[int]:
    """The ranks of this machine whose process is no longer there."""
    return [rank for rank in _ranks_here() if not _runs(_processes[rank][1])]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _asked(distributed: Any, more: int) -> int:
    """How many ranks have asked who speaks, with `more` of them now."""
    return distributed.distributed_c10d._get_default_store().add('spoken', more)


def may_speak() -> bool:
    """Whether this is the first rank that asks: of several that fail, or that see another fail, one says so.

    Before the ranks have met it is the first one of each machine. The others wait to be stopped by their launcher, so
    that they do not make it stop the first one before that has spoken.
    """
    distributed = group()
    if distributed:
        try:
            return _asked(distributed, 1) == 1
        except RuntimeError:  # it was with a rank that is gone: then the first one left on each machine
            rank = distributed.get_rank()
            return rank == min(set(_ranks_here()) - set(lost_ranks()), default=rank)  # before watch() none is known
    if local_rank():
        time.sleep(3)
    return local_rank() == 0


def say_error(message: str) -> None:
    """Print an error on stderr, as one of several ranks with its number, unless another one has said its own."""
    if may_speak():
        rank = f'rank {group().get_rank()}: ' if group() else ''
        print(f'error: {rank}{message}', file=sys.stderr, flush=True)


def end_of(error: Exception) -> int:
    """Say why this process ends with an error that it is in the middle of handling, and return its exit code.

    The error goes on where the process is alone, unless it is about memory. Of several ranks, one says where the fault
    is its own, with the traceback; the others were not to blame.
    """
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, MemoryError) or _MEMORY.search(str(error)):
        say_error(f'{reason}: {WAY_OUT}')
    elif not group():
        raise error
    elif _LOST.search(str(error)):
        _say_lost(2.0, f'rank {group().get_rank()} has no answer from the others')
    elif _STOPPED.search(str(error)):
        _say_lost(0.5, f'rank {group().get_rank()} was stopped')
    elif may_speak():
        traceback.print_exception(error)
        print(f'error: rank {group().get_rank()}: failed, as told above ({reason})', file=sys.stderr, flush=True)
    return 1


def _say_lost(patience: float, otherwise: str) -> None:
    """Name the ranks that are gone, where any is: the launcher may notice a little later than this rank."""
    until = time.monotonic() + patience
    while not lost_ranks() and time.monotonic() < until:
        time.sleep(0.1)
    names = ', '.join(map(str, lost_ranks()))
    if not (names and LAUNCHED in os.environ) and may_speak():
        reason = f'rank {names} is gone (killed?)' if names else otherwise
        print(f'error: {reason}, and the run ends: {WAY_OUT}', file=sys.stderr, flush=True)


def _stopped(number: int, frame: FrameType | None) -> NoReturn:
    """What SIGTERM does: a launcher sends it to the other ranks when one is lost, or to all when time is up."""
    _say_lost(0.5, f'rank {group().get_rank()} was stopped by {signal.Signals(number).name}')
    os._exit(128 + number)


def _wait_for_askers(distributed: Any) -> None:
    """Keep the first rank for a second, or until all have asked who speaks: without torchrun the answer is with it."""
    if distributed.get_rank() == 0 and 'TORCHELASTIC_RUN_ID' not in os.environ:
        until = time.monotonic() + 1.0
        while time.monotonic() < until and _asked(distributed, 0) < distributed.get_world_size():
            time.sleep(0.02)


def leave(code: int) -> NoReturn:
    """End the process. Ranks on CPUs wait for one another and skip the clean-up, in which gloo's threads can abort."""
    distributed = group()
    if distributed and (code or distributed.get_backend() == 'gloo'):
        if code:
            _wait_for_askers(distributed)
        else:
            try:
                distributed.barrier()
            except RuntimeError as error:
                code = end_of(error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
