"""Losses, logs and statistics of one step on several ranks; test_distributed.py compares whole runs."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers.forked_ranks import run_ranks
from helpers.toy import ToyModel, loader, photo, toy_runner
from mmengine.dataset import DefaultSampler
from mmengine.hooks import EMAHook
from torch import distributed, nn
from torch.utils.data import DataLoader

from custom.engine.parallel import DigitDataParallel, RanksHook, _Share, mean_over_ranks, shared_batch_norm
from custom.utils.errors import UserError


class NormalisedToy(ToyModel):
    """A model whose loss is the mean of its inputs, with a layer that has statistics of the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1, affine=False, momentum=0.5)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        self.norm(torch.stack(inputs)[:, None])
        return super().forward(inputs, data_samples, mode)


def train_on_ranks() -> None:
    """The first rank sees 0 twice, the second one 4."""
    photos = loader([photo(number, value=value) for number, value in enumerate((0.0, 4.0, 0.0, 4.0))])
    step = {'optimizer': {'type': 'SGD', 'lr': 0.25}}
    average = {'type': 'EMAHook', 'update_buffers': True}
    settings = {'train_dataloader': photos, 'optim_wrapper': step, 'custom_hooks': [average]}
    runner = toy_runner(Path('work'), NormalisedToy(), launcher='pytorch', **settings)
    assert isinstance(runner.model, DigitDataParallel)
    assert mean_over_ranks(torch.tensor(float(runner.rank))).item() == 0.5
    runner.train()
    assert runner.model.module.one.item() == 0.5  # it was 1; its gradient is 2, the mean over the ranks
    assert runner.message_hub.get_scalar('train/loss').current() == 2  # on both
    (ema,) = (hook for hook in runner.hooks if isinstance(hook, EMAHook))
    for model in (runner.model.module, ema.ema_model.module):
        assert model.norm.running_mean.item() == 1  # half of the way from 0 to 0 on one, to 4 on the other
        assert model.norm.running_var.item() == 0.5
        assert model.norm.num_batches_tracked.item() == 1
    runner.model.module.norm.running_mean.fill_(runner.rank)
    runner.call_hook('before_val_epoch')  # within an epoch; EMAHook puts its model in place then
    assert ema.ema_model.module.norm.running_mean.item() == 0.5


@pytest.mark.integration
def test_steps_logs_and_statistics_are_those_of_all_ranks(tmp_path):
    done = run_ranks(2, Path(__file__), 'train', cwd=tmp_path)
    assert done.codes == [0, 0], done.err


def test_shared_norm_is_refused_for_grouped_batches():
    model = nn.Module()
    model.group_size = 4
    with pytest.raises(UserError, match=r'shared_norm=True: needs whole batches; set model\.group_size=0, too'):
        DigitDataParallel(model, shared_norm=True)


@pytest.mark.parametrize(('batch_idx', 'left'), [(0, 2), (1, 1), (2, 2), (3, 1)])
def test_another_ranks_photo_is_dropped_in_every_round(batch_idx, left):
    sampler = DefaultSampler(range(7), shuffle=False, seed=0)
    sampler.rank, sampler.world_size, sampler.num_samples = 1, 2, 4  # 4 photos on the first rank, 3 on this one
    model = DigitDataParallel.__new__(DigitDataParallel)
    nn.Module.__init__(model)
    model.share = _Share()
    photos = DataLoader(range(7), batch_size=2, sampler=sampler)
    batch = {'inputs': [0.0, 1.0]}
    RanksHook().before_train_iter(SimpleNamespace(model=model, train_dataloader=photos), batch_idx, batch)
    assert len(batch['inputs']) == left


PARTS = ([0, 1], [2, 3, 4], [5])  # photos of each rank; the last one's does not count


def layer() -> nn.BatchNorm2d:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3)
    for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        nn.init.uniform_(values, 0.5, 2)
    return norm


def compare_on_ranks() -> None:
    distributed.init_process_group('gloo')
    rank = distributed.get_rank()
    norm, alone = layer(), layer()
    photos = 100 + torch.randn(6, 3, 4, 5)  # far from 0, where a sum of squares in 32 bits would keep few digits
    slopes = torch.randn(6, 3, 4, 5)
    slopes[5] = 0  # its loss does not count
    wanted = photos[:5].clone().requires_grad_()
    result = alone(wanted)
    (result * slopes[:5]).sum().backward()

    own = photos[PARTS[rank]].requires_grad_()
    given = shared_batch_norm(norm, own, counts=rank < 2)
    (given * slopes[PARTS[rank]]).sum().backward()
    for values in (norm.weight.grad, norm.bias.grad):
        distributed.all_reduce(values)
    close = {'rtol': 1e-4, 'atol': 1e-4}
    for name in ('running_mean', 'running_var', 'num_batches_tracked'):
        torch.testing.assert_close(getattr(norm, name), getattr(alone, name), **close)
    for name in ('weight', 'bias'):
        torch.testing.assert_close(getattr(norm, name).grad, getattr(alone, name).grad, **close)
    if rank < 2:
        torch.testing.assert_close(given, result[PARTS[rank]], **close)
        torch.testing.assert_close(own.grad, wanted.grad[PARTS[rank]], **close)
    else:
        assert not own.grad.any()


@pytest.mark.integration
def test_three_ranks_give_what_one_process_gives(tmp_path):
    done = run_ranks(3, Path(__file__), 'compare', cwd=tmp_path)
    assert done.codes == [0, 0, 0], done.err


def test_a_process_alone_gives_what_the_layer_gives():
    photos = torch.randn(2, 3, 4, 5, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    given, wanted = shared_batch_norm(layer(), photos), layer()(photos)
    assert given.dtype == torch.bfloat16
    assert given.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(given, wanted, rtol=1e-2, atol=1e-2)  # 8 bits


if __name__ == '__main__':
    {'train': train_on_ranks, 'compare': compare_on_ranks}[sys.argv[1]]()
