import logging
import signal
import socket
import warnings

import pytest
import torch
from helpers.toy import loader, photo, toy_runner
from mmengine.model import MMDistributedDataParallel

from custom.utils.errors import UserError

TRAIN = loader([photo(1, value=1.0), photo(2, value=3.0)])
STEP = {'optimizer': {'type': 'SGD', 'lr': 0.25}}


@pytest.fixture
def one_of_one(monkeypatch):
    """The environment that torchrun gives to the only process of a run."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    variables = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port, 'RANK': 0, 'LOCAL_RANK': 0, 'WORLD_SIZE': 1}
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        monkeypatch.setenv(name, '1')  # put back to what it was when the test is over
        monkeypatch.delenv(name)
    at_sigterm = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, at_sigterm)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_the_console_shows_warnings_and_the_log_file_everything(tmp_path, capfd):
    runner = toy_runner(tmp_path, train_dataloader=TRAIN)
    runner.logger.info('a detail')
    runner.logger.warning('a warning')
    runner.logger.warning('`x` will be deprecated in future')
    out, err = capfd.readouterr()
    assert out == ''  # stdout is for results
    assert 'a warning' in err
    assert 'a detail' not in err
    assert 'deprecated' not in err
    (log,) = tmp_path.glob('*/*.log')
    assert [text in log.read_text() for text in ('a detail', 'a warning', 'deprecated')] == [True, True, True]


def test_a_console_that_shows_less_stays_so(tmp_path):
    runner = toy_runner(tmp_path, train_dataloader=TRAIN, log_level='ERROR')
    consoles = [one for one in runner.logger.handlers if not isinstance(one, logging.FileHandler)]
    assert [handler.level for handler in consoles] == [logging.ERROR]


@pytest.mark.skipif(torch.cuda.is_available(), reason='with a GPU the process group is made by mmengine')
def test_a_distributed_run_without_a_gpu(tmp_path, one_of_one):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        runner = toy_runner(tmp_path, train_dataloader=TRAIN, launcher='pytorch', optim_wrapper=STEP)
    assert torch.distributed.get_backend() == 'gloo'
    assert isinstance(runner.model, MMDistributedDataParallel)
    assert not runner.model.find_unused_parameters
    runner.train()
    assert runner.model.module.one.item() == 0.5  # it was 1; its gradient is 2, the mean of 1 and 3


@pytest.mark.skipif(torch.cuda.is_available(), reason='with a GPU the wrapper is made by mmengine')
def test_the_settings_of_the_wrapper_are_heeded(tmp_path, one_of_one):
    cfg = {'find_unused_parameters': True}
    runner = toy_runner(tmp_path, train_dataloader=TRAIN, launcher='pytorch', cfg=cfg)
    assert runner.model.find_unused_parameters


def test_a_launcher_that_did_not_start_the_process_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(UserError, match='--launcher pytorch: start it by tools/dist_train'):
        toy_runner(tmp_path, train_dataloader=TRAIN, launcher='pytorch')


def test_more_processes_than_gpus_are_refused(tmp_path, one_of_one, monkeypatch):
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '4')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    with pytest.raises(UserError, match='4 processes on a machine of 2 GPUs; start as many as there are GPUs'):
        toy_runner(tmp_path, train_dataloader=TRAIN, launcher='pytorch')


def test_torchs_own_shared_normalisation_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"sync_bn='torch': use model_wrapper_cfg\.shared_norm=True"):
        toy_runner(tmp_path, train_dataloader=TRAIN, cfg={'sync_bn': 'torch'})
