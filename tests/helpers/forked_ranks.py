"""Ranks of a distributed run as forks, which start in a second and not in ten.

No torchrun watches the ranks: the others find that one is missing.
"""

import os
import socket
from pathlib import Path

from helpers.forks import ROOT, SERVER, Ended


def free_port() -> int:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


def run_ranks(ranks: int, script: Path, *args: object, cwd: Path, apart: bool = False, limit: float = 120) -> Ended:
    """Run a Python script in `cwd`, which is made; one rank is a plain process; killed after `limit` seconds.

    With `apart` each rank works in a folder of its own, as on machines that share no disk.
    """
    cwds = [cwd / f'machine{rank}' if apart else cwd for rank in range(ranks)]
    for folder in cwds:
        folder.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1', 'TORCH_CPP_LOG_LEVEL': 'ERROR'}
    env['PYTHONPATH'] = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])
    if ranks > 1:
        env |= {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(free_port())}
        env |= {name: str(ranks) for name in ('WORLD_SIZE', 'LOCAL_WORLD_SIZE')}
    places = [{name: str(rank) for name in ('RANK', 'LOCAL_RANK') if ranks > 1} for rank in range(ranks)]
    return SERVER.run([script, *args], cwds, [env | place for place in places], limit)
