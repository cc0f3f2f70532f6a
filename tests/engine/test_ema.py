"""mmengine's EMAHook with DigitRunner: weights of validation, checkpoints, resumption and test."""

import pytest
import torch
from helpers.toy import FixedMetric, loader, photo, toy_runner
from mmengine.model import BaseModel
from torch import nn

from custom.models.checkpoints import load_checkpoint, load_weights

EMA = {'type': 'EMAHook', 'ema_type': 'ExpMomentumEMA', 'momentum': 0.1, 'gamma': 4, 'update_buffers': True}


class Model(BaseModel):
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
            Model(),
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


def test_the_average_is_validated_and_saved_as_the_model(tmp_path, averaged):
    runner = averaged('a', 2)
    last, best = stored(tmp_path, 'a/epoch_2.pth'), stored(tmp_path, 'a/best_digits_accuracy_epoch_1.pth')
    assert runner.model.seen == [best['state_dict']['weight'].item(), last['state_dict']['weight'].item()]
    raw = last['ema_state_dict']
    assert raw['module.weight'].item() == runner.model.weight.item() < last['state_dict']['weight'].item()
    # Buffers are averaged as well: the mean seen so far grows from 0 towards 3.5, and its average lags behind.
    assert 0 < last['state_dict']['norm.running_mean'] < raw['module.norm.running_mean'] < 3.5


def test_a_resumed_run_ends_where_one_without_a_stop_does(tmp_path, averaged):
    averaged('a', 4)
    averaged('b', 2)
    averaged('b', 4, resume=True)
    whole, resumed = stored(tmp_path, 'a/epoch_4.pth'), stored(tmp_path, 'b/epoch_4.pth')
    for kind in ('state_dict', 'ema_state_dict'):
        for key, value in whole[kind].items():
            torch.testing.assert_close(resumed[kind][key], value, rtol=0, atol=0)


def test_a_test_with_the_hook_still_in_its_config_uses_the_average(tmp_path, averaged):
    averaged('a', 2)
    model = Model()
    runner = toy_runner(tmp_path / 'test', model, test_dataloader=loader([photo(1)]), custom_hooks=[EMA])
    load_weights(runner.model, tmp_path / 'a' / 'epoch_2.pth')
    runner.test()
    assert model.seen == [stored(tmp_path, 'a/epoch_2.pth')['state_dict']['weight'].item()]
