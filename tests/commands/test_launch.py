"""tools/dist_train.sh, dist_test.sh and slurm_train.sh, and what starts the processes for them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.project import ROOT
from helpers.rank_training import scenes, trainer  # noqa: F401 - fixtures

from custom.commands.launch import torchrun_arguments
from custom.utils.errors import UserError

PLACES = ('NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT')


def run_script(name: str, *args: object, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess:
    """Run a script of tools/, its Python the one of the tests, without a GPU."""
    without = {key: value for key, value in os.environ.items() if key not in PLACES}
    settings = {'PYTHON': sys.executable, 'CUDA_VISIBLE_DEVICES': '', 'PYTHONPATH': str(ROOT / 'tests'), **env}
    command = ['sh', str(ROOT / 'tools' / name), *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=without | settings, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ('places', 'wanted'),
    [
        ({}, ['--nnodes=1', '--nproc-per-node=4', '--standalone']),
        (
            {'PORT': '1234'},
            ['--nnodes=1', '--nproc-per-node=4', '--node-rank=0', '--master-addr=127.0.0.1', '--master-port=1234'],
        ),
        (
            {'NNODES': '2', 'NODE_RANK': '1', 'MASTER_ADDR': 'first'},
            ['--nnodes=2', '--nproc-per-node=4', '--node-rank=1', '--master-addr=first', '--master-port=29500'],
        ),
    ],
)
def test_the_environment_sets_the_address(monkeypatch, places, wanted):
    for name in PLACES:
        monkeypatch.delenv(name, raising=False)
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    assert torchrun_arguments('4', ['train.py', 'x']) == [*wanted, 'train.py', 'x']


@pytest.mark.parametrize(
    ('processes', 'places', 'message'),
    [
        ('0', {}, r"the number of processes \(GPUS\)='0': give a whole number, 1 or more"),
        ('two', {}, "='two': give a whole number"),
        ('1', {'NNODES': '2'}, 'MASTER_ADDR: set it to the address of the first machine'),
        ('1', {'NNODES': '2', 'NODE_RANK': '2'}, 'NODE_RANK=2: of NNODES=2 machines the first is number 0'),
        ('1', {'PORT': 'http'}, "PORT='http': give a whole number"),
    ],
)
def test_invalid_numbers_and_addresses_are_refused(monkeypatch, processes, places, message):
    for name in PLACES:
        monkeypatch.delenv(name, raising=False)
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message):
        torchrun_arguments(processes, ['train.py'])


@pytest.mark.integration
@pytest.mark.parametrize('name', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_a_script_without_arguments_prints_its_usage(name):
    done = run_script(name)
    assert done.returncode == 2
    assert re.fullmatch(rf'usage: .*tools/{name} .*CONFIG .*\n', done.stderr)


@pytest.mark.integration
def test_a_misspelt_config_is_reported_once_where_another_package_is_called_custom(tmp_path):
    (tmp_path / 'custom').mkdir()
    (tmp_path / 'custom/__init__.py').touch()
    done = run_script('dist_test.sh', 'configs/no.py', 'x.pth', 2, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith('error: configs/no.py: no such config; there are: ')
    assert done.stderr.count('\n') == 1


@pytest.mark.integration
@pytest.mark.parametrize('starter', ['script', 'torchrun'])
def test_a_rank_that_is_killed_ends_the_run_with_one_line(trainer, starter):  # noqa: F811
    """The run ends within the limit of its process, 120 s; a rank waits 600 s for an answer of the others."""
    mishap = {'type': 'Mishap', 'rank': 1, 'at': 'after_train_iter', 'call': 2, 'kind': 'kill'}
    trainer.change(custom_hooks=[mishap], load_from=None)
    options = ['--work-dir', 'work', '--cfg-options', 'train_dataloader.batch_size=1']
    if starter == 'script':
        done = run_script('dist_train.sh', trainer.config, 2, *options, cwd=trainer.folder)
        line = r'error: rank 1 was ended by SIGKILL: start again \(training: with --resume\), with fewer .*\n'
        assert re.fullmatch(line, done.stderr)
    else:
        command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2']
        command += [str(part) for part in (ROOT / 'tools/train.py', trainer.config, '--launcher', 'pytorch', *options)]
        env = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'PYTHONPATH': str(ROOT / 'tests'), 'OMP_NUM_THREADS': '1'}
        done = subprocess.run(command, cwd=trainer.folder, env=env, capture_output=True, text=True, timeout=120)
        (line,) = re.findall('error: .*', done.stderr)  # torchrun's report follows
        assert line.startswith('error: rank 1 is gone (killed?), and the run ends: start again')
    assert done.returncode == 1


SRUN = """#!/bin/sh
echo "$@" >srun.txt
while [ "${1#--}" != "$1" ]; do shift; done
for i in 0 1; do
    SLURM_PROCID=$i SLURM_LOCALID=$i SLURM_NTASKS=2 SLURM_NNODES=1 SLURM_JOB_ID=JOB "$@" &
done
wait
"""


@pytest.mark.integration
def test_slurm_starts_ranks_on_cpus(trainer):  # noqa: F811
    srun = trainer.folder / 'srun'
    srun.write_text(SRUN.replace('JOB', str(os.getpid())))
    srun.chmod(0o755)
    trainer.change(load_from=None)
    env = {'PATH': f'{trainer.folder}:{os.environ["PATH"]}', 'GPUS': '2', 'GRES': '', 'SRUN_ARGS': '--time=1 --qos=low'}
    options = ['--cfg-options', 'train_dataloader.batch_size=1', 'train_dataloader.dataset.indices=2']
    done = run_script('slurm_train.sh', 'part', 'name', trainer.config, 'work', *options, cwd=trainer.folder, **env)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.count('best checkpoint, config and log: work') == 1
    assert (trainer.folder / 'work/epoch_1.pth').is_file()
    asked = (trainer.folder / 'srun.txt').read_text()
    wanted = '--partition=part --job-name=name --ntasks=2 --ntasks-per-node=2 --cpus-per-task=5 --kill-on-bad-exit=1 '
    assert asked.startswith(f'{wanted}--time=1 --qos=low {sys.executable} -u ')
