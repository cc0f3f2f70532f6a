import platform
import subprocess
import sys
from importlib import metadata

import mmengine.dist
import pytest
import torch

from custom.runs import environment
from custom.utils.errors import UserError


def described():
    return dict(line.split(': ', 1) for line in environment.describe_environment().splitlines())


def test_every_fact_has_a_line(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['tools/train.py', 'a b.py', '--amp'])
    lines = described()
    assert list(lines) == ['command', 'processes', 'system', 'CPU', 'GPU', 'commit', 'Python', *environment.PACKAGES]
    assert lines['command'] == "tools/train.py 'a b.py' --amp"  # can be pasted into a shell
    assert lines['processes'] == '1'
    assert lines['Python'] == platform.python_version()
    assert lines['CPU'].endswith(f' cores, {torch.get_num_threads()} threads')
    assert lines['torch'] == metadata.version('torch')


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(environment, 'PACKAGES', ('no-such-package',))
    assert described()['no-such-package'] == 'not installed'


@pytest.mark.parametrize('error', [FileNotFoundError('git'), subprocess.CalledProcessError(128, 'git')])
def test_without_git_or_outside_a_checkout(monkeypatch, error):
    def run(*args, **kwargs):
        raise error

    monkeypatch.setattr(subprocess, 'run', run)
    assert described()['commit'] == 'unknown (no git checkout)'


def test_gpus_are_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda i: f'card {i}')
    assert described()['GPU'] == 'card 0, card 1'


def test_only_the_main_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, 'describe_environment', lambda: 'x: y\n')
    monkeypatch.setattr(mmengine.dist, 'is_main_process', lambda: False)
    environment.write_environment(tmp_path / 'new/environment.txt')
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(mmengine.dist, 'is_main_process', lambda: True)
    environment.write_environment(tmp_path / 'new/environment.txt')
    assert (tmp_path / 'new/environment.txt').read_text() == 'x: y\n'


def test_an_unwritable_path_is_named_in_the_error(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match=r'environment\.txt: cannot write here'):
        environment.write_environment(tmp_path / 'file/environment.txt')
