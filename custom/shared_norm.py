"""Batch normalisation by the statistics of all ranks, on CPUs as well as on GPUs."""

from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import nn


class _SharedNorm(torch.autograd.Function):
    """Normalise by a mean and a variance that all ranks have computed together; the gradient knows that they did."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, *stats: Any) -> torch.Tensor:
        mean, var, count, ctx.eps, ctx.counts = stats
        ctx.save_for_backward(x, weight, mean, var, count)
        return torch.native_batch_norm(x, weight, bias, mean, var, False, 0.0, ctx.eps)[0]

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple:
        x, weight, mean, var, count = ctx.saved_tensors
        _, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, mean, var, None, None, False, ctx.eps, [False, True, True]
        )
        sums = torch.stack([grad_weight, grad_bias]).div_(count)
        all_reduce(sums)
        sums *= ctx.counts  # what the statistics do not come from does not change them
        # weight * steep * (grad - its mean - what of it goes along with x), in one pass over x and one over grad.
        steep = (var + ctx.eps).rsqrt()
        by_grad = weight * steep
        by_x = -by_grad * steep * sums[0]
        fixed = -by_grad * sums[1] - by_x * mean
        fixed, by_x, by_grad = (value.view(1, -1, *[1] * (x.dim() - 2)) for value in (fixed, by_x, by_grad))
        grad_x = torch.addcmul(fixed, x, by_x).addcmul_(grad, by_grad).to(x.dtype)
        return grad_x, grad_weight, grad_bias, None, None, None, None, None


def shared_batch_norm(norm: nn.BatchNorm2d, x: torch.Tensor, counts: bool = True) -> torch.Tensor:
    """What `norm` in training makes of the batches of all ranks together, for this rank's part of them.

    Args:
        norm: with weight and bias; its running statistics are updated, alike on all ranks.
        x: (B, C, ...); B may differ between ranks.
        counts: whether this rank's part goes into the statistics. Defaults to True.
    """
    own_mean, own_var = (value.double() for value in torch.batch_norm_update_stats(x.detach(), None, None, 0.0))
    size = torch.full_like(own_mean, x.numel() / len(own_mean) * counts)
    sums = torch.stack([size, size * own_mean, size * (own_var + own_mean**2)])
    all_reduce(sums)
    count, mean, var = sums[0], sums[1] / sums[0], sums[2] / sums[0]
    var = (var - mean**2).clamp_(min=0)
    if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
        momentum = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
        norm.running_mean.lerp_(mean.to(norm.running_mean), momentum)
        norm.running_var.lerp_((var * count / (count - 1)).to(norm.running_var), momentum)
    mean, var, count = (value.to(norm.weight) for value in (mean, var, count))
    return _SharedNorm.apply(x, norm.weight, norm.bias, mean, var, count, norm.eps, counts)
