"""What the benchmark runs on, and how fast it multiplies matrices: a task of facts only."""

import platform
import re
import time
from pathlib import Path

from ..utils.cores import usable_cores
from .compare import Prepared, Settings

UNIT = 'products'
RIVALS = {'ours': "the machine's own matrix product"}
# Sides of the square matrices; a processor without bfloat16 would need minutes for 2048.
SIDES = {('cpu', 'float32'): 2048, ('cpu', 'bfloat16'): 512, ('cuda', 'float32'): 8192, ('cuda', 'bfloat16'): 8192}
SECONDS = 2.0  # that each product is repeated; the best one counts


def processor() -> str:
    """The processor's name as the system knows it."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        lines = []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return next(iter(names), platform.processor() or platform.machine())


def memory_mb(field: str, forget_peak: bool = False) -> float:
    """Of this process, as Linux counts it, in 1e6 bytes: VmRSS, what it holds, or VmHWM, the most that it held."""
    try:
        if forget_peak:
            Path('/proc/self/clear_refs').write_text('5')
        status = Path('/proc/self/status').read_text()
    except OSError:
        return float('nan')
    found = re.search(rf'{field}:\s*(\d+) kB', status)
    return int(found[1]) * 1024 / 1e6 if found else float('nan')


def matrix_rate(device: str, dtype: str, side: int, seconds: float = SECONDS) -> float:
    """GFLOP/s of the best one of repeated products of two square matrices."""
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


def prepare(rival: str, settings: Settings) -> Prepared:
    """Look at the machine."""
    import torch

    facts: dict[str, float | str] = {
        'processor': processor(),
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
