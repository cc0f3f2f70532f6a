"""Facts of the machine, and its speed in matrix products: a task without rounds."""

import platform
import time
from pathlib import Path

from ..utils.cores import usable_cores
from .candidate import Prepared, Settings

# Sides of the square matrices; a CPU without bfloat16 would need minutes for 2048.
SIDES = {('cpu', 'float32'): 2048, ('cpu', 'bfloat16'): 512, ('cuda', 'float32'): 8192, ('cuda', 'bfloat16'): 8192}
SECONDS = 2.0  # repetitions of each product; the fastest counts


def cpu_name() -> str:
    """Return the system's name of the CPU."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        lines = []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return next(iter(names), platform.processor() or platform.machine())


def matrix_rate(device: str, dtype: str, side: int, seconds: float = SECONDS) -> float:
    """Return the GFLOP/s of the fastest of repeated products of two square matrices."""
    import torch

    a, b = (torch.rand(side, side, device=device).to(getattr(torch, dtype)) for _ in range(2))
    best, end = 0.0, time.perf_counter() + seconds
    while not best or time.perf_counter() < end:
        start = time.perf_counter()
        torch.mm(a, b)
        if device == 'cuda':
            torch.cuda.synchronize()
        best = max(best, 2 * side**3 / (time.perf_counter() - start) / 1e9)
    return best


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Collect the facts."""
    import torch

    facts: dict[str, float | str] = {
        'processor': cpu_name(),
        'cores': usable_cores(),
        'threads of torch': torch.get_num_threads(),
        'torch': torch.__version__,
        'GPU': torch.cuda.get_device_name() if torch.cuda.is_available() else 'none',
    }
    for (device, dtype), side in SIDES.items():
        if device == 'cpu' or torch.cuda.is_available():
            name = f'GFLOP/s of {side}x{side} matrix products in {dtype}, {device}'
            facts[name] = round(matrix_rate(device, dtype, side), 1)
    return Prepared(run=lambda: 1, facts=facts)
