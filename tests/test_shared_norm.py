"""Ranks that normalise together do what one process does with the batches of all."""

from pathlib import Path

import torch
from forked_ranks import forks  # noqa: F401 - a fixture
from torch import distributed, nn

from custom.shared_norm import shared_batch_norm

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


def test_three_ranks_give_what_one_process_gives(forks, tmp_path):  # noqa: F811
    done = forks.run(3, Path(__file__), cwd=tmp_path)
    assert done.codes == [0, 0, 0], done.err


def test_a_process_alone_gives_what_the_layer_gives():
    photos = torch.randn(2, 3, 4, 5, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    given, wanted = shared_batch_norm(layer(), photos), layer()(photos)
    assert given.dtype == torch.bfloat16
    assert given.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(given, wanted, rtol=1e-2, atol=1e-2)  # 8 bits


if __name__ == '__main__':
    compare_on_ranks()
