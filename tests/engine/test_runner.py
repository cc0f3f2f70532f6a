import contextlib
import logging
import os
import signal
import socket
import warnings

import pytest
import torch
from helpers.toy import FixedMetric, loader, photo, toy_runner
from mmengine.model import BaseModel, BaseModule, MMDistributedDataParallel
from torch import nn

from custom.models.checkpoints import load_checkpoint, load_weights
from custom.utils.errors import UserError

TRAIN = loader([photo(1, value=1.0), photo(2, value=3.0)])
EMA = {'type': 'EMAHook', 'ema_type': 'ExpMomentumEMA', 'momentum': 0.1, 'gamma': 4, 'update_buffers': True}
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


@pytest.mark.parametrize(
    ('frozen', 'settings', 'warns'),
    [
        (True, None, True),
        (True, [{'type': 'Kaiming', 'layer': 'Conv2d'}], True),
        (True, {'type': 'Pretrained', 'checkpoint': 'a.pth'}, False),
        (False, None, False),
    ],
)
def test_random_weights_that_are_frozen_are_warned_of(tmp_path, capfd, frozen, settings, warns):
    runner = toy_runner(tmp_path, train_dataloader=TRAIN)
    runner.model.backbone = BaseModule()
    runner.model.backbone.init_cfg = settings
    runner.model.backbone.layer = nn.Linear(1, 1).requires_grad_(not frozen)
    runner.load_or_resume()
    assert ('model.backbone has random weights, some of which are frozen' in capfd.readouterr().err) == warns


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


def test_a_launcher_that_needs_a_gpu_is_refused_without_one(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(UserError, match='--launcher mpi: needs a GPU'):
        toy_runner(tmp_path, train_dataloader=TRAIN, launcher='mpi')


def test_more_processes_than_gpus_are_refused(tmp_path, one_of_one, monkeypatch):
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '4')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    with pytest.raises(UserError, match='4 processes on a machine of 2 GPUs; start as many as there are GPUs'):
        toy_runner(tmp_path, train_dataloader=TRAIN, launcher='pytorch')


def test_torchs_own_shared_normalisation_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"sync_bn='torch': use model_wrapper_cfg\.shared_norm=True"):
        toy_runner(tmp_path, train_dataloader=TRAIN, cfg={'sync_bn': 'torch'})


class EmaModel(BaseModel):
    """A batch norm and a weight that the loss drives down; `seen` holds the weights it was validated with."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.norm, self.seen = nn.Parameter(torch.ones(1)), nn.BatchNorm1d(1), []

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            inputs = torch.stack(inputs).reshape(-1, 1)
            return {'loss': self.weight * inputs.mean() + self.norm(inputs).square().mean()}
        self.seen.append(self.weight.item())
        return data_samples


@pytest.fixture
def averaged(tmp_path):
    def run(name, epochs, resume=False):
        runner = toy_runner(
            tmp_path / name,
            EmaModel(),
            train_dataloader=loader([photo(i, value=float(i)) for i in range(8)]),
            train_cfg={'by_epoch': True, 'max_epochs': epochs, 'val_interval': 1},
            val_dataloader=loader([photo(1)]),
            val_evaluator=[FixedMetric(accuracy=1.0)],
            optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.05}},
            param_scheduler={'type': 'ConstantLR', 'factor': 1.0},
            custom_hooks=[EMA, {'type': 'CheckpointHook', 'save_best': 'digits/accuracy', 'rule': 'greater'}],
            resume=resume,
        )
        runner.train()
        return runner

    return run


def stored(tmp_path, name):
    return load_checkpoint(tmp_path / name)


@pytest.mark.integration
def test_the_average_is_validated_and_saved_as_the_model(tmp_path, averaged):
    runner = averaged('a', 2)
    last, best = stored(tmp_path, 'a/epoch_2.pth'), stored(tmp_path, 'a/best_digits_accuracy_epoch_1.pth')
    assert runner.model.seen == [best['state_dict']['weight'].item(), last['state_dict']['weight'].item()]
    raw = last['ema_state_dict']
    assert raw['module.weight'].item() == runner.model.weight.item() < last['state_dict']['weight'].item()
    # Buffers are averaged as well: the mean seen so far grows from 0 towards 3.5, and its average lags behind.
    assert 0 < last['state_dict']['norm.running_mean'] < raw['module.norm.running_mean'] < 3.5


@pytest.mark.integration
def test_a_resumed_run_ends_where_one_without_a_stop_does(tmp_path, averaged):
    averaged('a', 4)
    averaged('b', 2)
    averaged('b', 4, resume=True)
    whole, resumed = stored(tmp_path, 'a/epoch_4.pth'), stored(tmp_path, 'b/epoch_4.pth')
    for kind in ('state_dict', 'ema_state_dict'):
        for key, value in whole[kind].items():
            torch.testing.assert_close(resumed[kind][key], value, rtol=0, atol=0)


@pytest.mark.integration
def test_a_test_with_the_hook_still_in_its_config_uses_the_average(tmp_path, averaged):
    averaged('a', 2)
    model = EmaModel()
    runner = toy_runner(tmp_path / 'test', model, test_dataloader=loader([photo(1)]), custom_hooks=[EMA])
    load_weights(runner.model, tmp_path / 'a' / 'epoch_2.pth')
    runner.test()
    assert model.seen == [stored(tmp_path, 'a/epoch_2.pth')['state_dict']['weight'].item()]


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no device that is always full')
def test_a_log_that_cannot_be_written_ends_the_run_with_its_name(tmp_path):
    runner = toy_runner(tmp_path, train_dataloader=TRAIN)
    (handler,) = [one for one in runner.logger.handlers if isinstance(one, logging.FileHandler)]
    with contextlib.suppress(OSError), open('/dev/full', 'w', encoding='utf-8') as full:
        handler.setStream(full).close()
        with pytest.raises(UserError, match=r'\.log: could not be written \(No space left on device\); choose another'):
            runner.logger.info('a line')
    runner.logger.removeHandler(handler)  # closed; the logger stays the current one of the process
