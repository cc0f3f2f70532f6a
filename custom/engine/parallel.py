"""Data-parallel training with the losses, statistics and logs of one process that has all photos."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from mmdet.models import BBoxHead, RPNHead
from mmengine.dataset import DefaultSampler
from mmengine.dist import all_reduce, all_reduce_params
from mmengine.hooks import EMAHook, Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import MODEL_WRAPPERS  # the registry of mmengine's runner
from mmengine.runner import Runner
from torch import nn

from ..utils.errors import UserError


class _SharedNorm(torch.autograd.Function):
    """Batch normalisation by the mean and variance of all ranks, with the gradient of one process."""

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
        sums *= ctx.counts  # photos outside of the statistics do not change them
        # weight * inv_std * (grad - mean of grad - projection of grad on x), in one pass over x and one over grad.
        inv_std = (var + ctx.eps).rsqrt()
        by_grad = weight * inv_std
        by_x = -by_grad * inv_std * sums[0]
        fixed = -by_grad * sums[1] - by_x * mean
        fixed, by_x, by_grad = (value.view(1, -1, *[1] * (x.dim() - 2)) for value in (fixed, by_x, by_grad))
        grad_x = torch.addcmul(fixed, x, by_x).addcmul_(grad, by_grad).to(x.dtype)
        return grad_x, grad_weight, grad_bias, None, None, None, None, None


def shared_batch_norm(norm: nn.BatchNorm2d, x: torch.Tensor, counts: bool = True) -> torch.Tensor:
    """Apply `norm` in training mode to this rank's part of a batch, with the statistics of all ranks.

    Args:
        norm: has weight and bias; its running statistics are updated, equally on all ranks.
        x: (B, C, ...); B may differ between ranks.
        counts: whether this rank's part is in the statistics. Defaults to True.
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


def mean_over_ranks(value: torch.Tensor) -> torch.Tensor:
    """Return the mean over the ranks; `value` is not changed."""
    mean = value.detach().clone()
    all_reduce(mean, 'mean')
    return mean


class _Share:
    """A rank's share of a step, and replacements of methods of model parts that record the share.

    `counts` is False for a batch of padding alone. `anchors` and `boxes` are the divisors of the losses of the first
    and of the second stage.
    """

    def __init__(self) -> None:
        self.counts = True
        self.anchors: list[float] = []
        self.boxes: list[torch.Tensor] = []

    def batch_norm(self, norm: Any, original: Callable, x: torch.Tensor) -> torch.Tensor:
        """Replace BatchNorm2d's `forward`: statistics of all ranks in training."""
        if not norm.training:
            return original(x)
        x = shared_batch_norm(norm, x, self.counts)
        return norm.act(norm.drop(x)) if hasattr(norm, 'act') else x  # timm's layers include their activation

    def rpn_targets(self, original: Callable, *args: Any, **kwargs: Any) -> tuple:
        """Replace RPNHead's `get_targets`, or `sample_anchors`: the last value is the number of anchors."""
        targets = original(*args, **kwargs)
        self.anchors.append(targets[-1])
        return targets

    def roi_losses(self, original: Callable, *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
        """Replace BBoxHead's `loss`, whose fifth argument is the weight of each box, 0 or 1."""
        weights = kwargs['label_weights'] if 'label_weights' in kwargs else args[4]
        self.boxes.append((weights > 0).sum().clamp(min=1))
        return original(*args, **kwargs)


@MODEL_WRAPPERS.register_module()
class DigitDataParallel(MMDistributedDataParallel):
    """`MMDistributedDataParallel` for Faster R-CNN, with losses normalised by the anchor and box counts of all ranks.

    The parent normalises by each rank's own counts and logs the first rank's losses. Here the log has the global mean.

    Args:
        module: the model.
        shared_norm: whether batch norm is synchronised in training. On CPUs this is slow, since the ranks wait for one
            another at each layer. Defaults to False.
        **kwargs: see `MMDistributedDataParallel`; `broadcast_buffers` defaults to False.

    Raises:
        UserError: `shared_norm` for a model that splits batches into groups, whose number differs between ranks.
    """

    def __init__(self, module: nn.Module, shared_norm: bool = False, **kwargs: Any) -> None:
        if shared_norm and getattr(module, 'group_size', False):
            raise UserError('model_wrapper_cfg.shared_norm=True: needs whole batches; set model.group_size=0, too')
        super().__init__(module, **{'broadcast_buffers': False, **kwargs})
        self.share = _Share()
        for part in module.modules():  # methods of instances are replaced, for any class that a config names
            if shared_norm and isinstance(part, nn.BatchNorm2d) and part.affine:
                part.forward = partial(self.share.batch_norm, part, part.forward)  # type: ignore[method-assign]
            elif isinstance(part, RPNHead):
                for name in ('get_targets', 'sample_anchors'):  # the second is BatchedRPNHead's
                    if hasattr(part, name):
                        setattr(part, name, partial(self.share.rpn_targets, getattr(part, name)))
            elif isinstance(part, BBoxHead):
                part.loss = partial(self.share.roi_losses, part.loss)

    def train_step(self, data: dict, optim_wrapper: OptimWrapper) -> dict[str, torch.Tensor]:
        """Train one step; return the losses over the photos of all ranks."""
        log = super().train_step(data, optim_wrapper)
        means = mean_over_ranks(torch.stack([value.double() for value in log.values()]))
        return dict(zip(log, means, strict=True))

    def _run_forward(self, data: dict, mode: str) -> dict[str, Any]:
        self.share.anchors.clear()
        self.share.boxes.clear()
        losses = super()._run_forward(data, mode)
        photos = len(data['inputs'])
        own = [sum(self.share.anchors) or photos, sum(self.share.boxes) if self.share.boxes else photos]
        numbers = torch.stack([torch.as_tensor(n, dtype=torch.float64, device=self.device) for n in own])
        first, second = numbers * self.share.counts / mean_over_ranks(numbers * self.share.counts)
        for name, value in losses.items():
            weight = first if 'rpn' in name else second
            losses[name] = [part * weight for part in value] if isinstance(value, list) else value * weight
        return losses


class RanksHook(Hook):
    """Exclusion of padding photos from training, and averaging of running statistics over the ranks.

    `DefaultSampler` pads the shares of the ranks to one length with photos of other ranks. Each rank has the running
    statistics of its own photos; they are averaged before validation and before a checkpoint is saved.
    """

    priority = 'VERY_HIGH'  # before EMAHook swaps the weights

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Drop the padding photo of the last batch, or give it weight 0 if it is alone in the batch."""
        model, loader = runner.model, runner.train_dataloader
        sampler = loader.sampler
        if not isinstance(model, DigitDataParallel) or not isinstance(sampler, DefaultSampler) or data_batch is None:
            return
        left = len(sampler.dataset) % sampler.world_size  # photos in the last round, if it is incomplete
        # Training by iterations counts batches over all rounds of the loader.
        is_last = batch_idx % len(loader) == (len(sampler) - 1) // loader.batch_size
        is_padded = is_last and sampler.round_up and 0 < left <= sampler.rank
        has_others = len(data_batch['inputs']) > 1
        model.share.counts = has_others or not is_padded
        if is_padded and has_others:
            data_batch.update({key: values[:-1] for key, values in data_batch.items()})

    def after_train_epoch(self, runner: Runner) -> None:
        """Average the running statistics, also of EMAHook's model."""
        models = [runner.model, *(hook.ema_model.module for hook in runner.hooks if isinstance(hook, EMAHook))]
        for model in models:
            all_reduce_params(model.buffers(), op='mean')

    def before_val_epoch(self, runner: Runner) -> None:
        """Average before a validation within an epoch."""
        self.after_train_epoch(runner)
