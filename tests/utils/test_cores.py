import os

import pytest
from helpers.project import ROOT

from custom.utils import cores

V1 = '4:memory:/a\n3:cpuset:/a/b\n2:cpu,cpuacct:/a/b\n1:name=systemd:/a\n'


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 64 cores, 8 of them usable by affinity; the function returned writes the cgroup files."""
    monkeypatch.setattr(os, 'cpu_count', lambda: 64)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(cores, 'PROCESS', tmp_path / 'membership')
    monkeypatch.setattr(cores, 'CGROUPS', tmp_path / 'cgroup')

    def set_up(membership, files):
        (tmp_path / 'membership').write_text(membership)
        for name, text in files.items():
            path = tmp_path / 'cgroup' / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return set_up


@pytest.mark.parametrize(
    ('membership', 'files', 'expected'),
    [
        ('0::/a/b\n', {}, 8),
        ('0::/a/b\n', {'a/b/cpu.max': 'max 100000\n'}, 8),
        ('0::/a/b\n', {'a/b/cpu.max': '250000 100000\n'}, 3),
        ('0::/a/b\n', {'a/b/cpu.max': 'max 100000\n', 'a/cpu.max': '200000 100000\n'}, 2),  # a parent's
        ('0::/\n', {'cpu.max': '50000 100000\n'}, 1),  # a container's own
        ('0::/a/b\n', {'a/b/cpu.max': '1600000 100000\n'}, 8),
        (V1, {'cpu/a/b/cpu.cfs_quota_us': '400000\n', 'cpu/a/b/cpu.cfs_period_us': '100000\n'}, 4),
        (V1, {'cpu/a/b/cpu.cfs_quota_us': '-1\n', 'cpu/a/b/cpu.cfs_period_us': '100000\n'}, 8),
        (V1, {'cpu/cpu.cfs_quota_us': '100000\n', 'cpu/cpu.cfs_period_us': '50000\n'}, 2),  # the path is the host's
        (V1, {'a/b/cpu.max': '100000 100000\n'}, 8),  # of no group of this process
    ],
)
def test_affinity_and_quotas_limit_the_cores(machine, membership, files, expected):
    machine(membership, files)
    assert cores.usable_cores() == expected


def test_without_affinity_and_quotas_all_cores_count(machine, monkeypatch):
    monkeypatch.delattr(os, 'sched_getaffinity')
    assert cores.usable_cores() == 64


def test_cores_are_counted_in_one_place():
    counting = [path.name for path in (ROOT / 'custom').rglob('*.py') if 'cpu_count' in path.read_text()]
    pools = [path.name for path in (ROOT / 'custom').rglob('*.py') if 'PoolExecutor()' in path.read_text()]
    assert (counting, pools) == (['cores.py'], [])  # a pool without a number asks os.cpu_count
