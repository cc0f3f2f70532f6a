"""The number of CPU cores that this process may use."""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PROCESS, CGROUPS = Path('/proc/self/cgroup'), Path('/sys/fs/cgroup')


def usable_cores() -> int:
    """Return the number of cores by the process's affinity and its cgroups' CPU quotas, rounded up; 1 or more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _quotas())]))


def _quotas() -> Iterator[float]:
    """Yield the CPU quota, in cores, of each cgroup of this process that has one, version 1 or 2."""
    try:
        memberships = PROCESS.read_text().splitlines()
    except OSError:  # not Linux
        return
    for membership in memberships:
        _, controllers, name = membership.split(':', 2)
        if not controllers:
            folder, files = CGROUPS, ['cpu.max']
        elif 'cpu' in controllers.split(','):
            folder, files = CGROUPS / 'cpu', ['cpu.cfs_quota_us', 'cpu.cfs_period_us']
        else:
            continue
        # The quotas of all parents apply. Where a container has the path of the host, its own quota is at the root.
        for group in (PurePosixPath(name), *PurePosixPath(name).parents):
            with contextlib.suppress(OSError, ValueError):  # no such file, or no quota
                texts = [(folder / str(group).lstrip('/') / file).read_text() for file in files]
                quota, period = map(int, ' '.join(texts).split())
                if quota > 0:
                    yield quota / period
