"""Where the ranks of a Slurm job meet."""

import os
import subprocess

from custom.errors import UserError


def find_others() -> None:
    """Put into the environment where the ranks of this job meet, as torchrun does.

    Raises:
        UserError: Slurm has not started this process, or does not tell which machines it has.
    """
    told = {name: os.environ.get(f'SLURM_{name}', '') for name in ('PROCID', 'NTASKS', 'LOCALID', 'NNODES', 'JOB_ID')}
    if not told['PROCID']:
        raise UserError('--launcher slurm: start it by tools/slurm_train.sh or srun')
    os.environ.update(RANK=told['PROCID'], WORLD_SIZE=told['NTASKS'], LOCAL_RANK=told['LOCALID'])
    # Of this job alone: others may run on the same machine.
    os.environ.setdefault('MASTER_PORT', str(20000 + int(told['JOB_ID'] or 0) % 10000))
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = '127.0.0.1' if told['NNODES'] == '1' else _first_machine()


def _first_machine() -> str:
    machines = os.environ.get('SLURM_STEP_NODELIST') or os.environ.get('SLURM_NODELIST', '')
    try:
        said = subprocess.run(['scontrol', 'show', 'hostnames', machines], capture_output=True, text=True, check=True)
        return said.stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise UserError(
            f'--launcher slurm: scontrol does not tell the names of {machines!r}; set MASTER_ADDR to the first machine'
        ) from error
