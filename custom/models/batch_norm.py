"""Batch norm folded into the convolutions before it, for models that no longer learn."""

import copy
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .numerics import one_thread


def fold_batch_norm(model: Any) -> None:
    """Let a detector find the same without batch norm, a walk over all values after each convolution.

    The arithmetic is torch's `fuse_conv_bn_eval`. A pair is a convolution and the batch norm that its module lists
    next. Where a backbone computes in another order, a look at one photo shows it, and the model stays as it is.

    Args:
        model: has `backbone` and `extract_feat`, and may be wrapped for several processes. It is changed, set to
            evaluate, and can no longer be trained or saved.
    """
    model = (model.module if is_model_wrapper(model) else model).eval()
    whole = {name: getattr(model, name) for name in ('backbone', 'neck') if hasattr(model, name)}
    photo = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 4 - 2
    photo = photo.to(next(model.parameters()).device)
    with one_thread(), torch.no_grad():  # one small photo: threads would wait for one another most of the time
        wanted = model.extract_feat(photo)
        for name, part in whole.items():
            folded = copy.deepcopy(part)
            _fold_pairs(folded)
            setattr(model, name, folded)
        found = model.extract_feat(photo)
    pairs = zip(found, wanted, strict=True)
    if not all(torch.allclose(a, b, rtol=0, atol=1e-3 * float(b.abs().max())) for a, b in pairs):
        for name, part in whole.items():
            setattr(model, name, part)


def _fold_pairs(module: nn.Module) -> None:
    last: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            last = name, child
        elif isinstance(child, _BatchNorm) and last and last[1].out_channels == child.num_features:
            setattr(module, last[0], fuse_conv_bn_eval(last[1], child))
            setattr(module, name, getattr(child, 'act', nn.Identity()))  # timm's batch norm holds the activation
            last = None
        else:
            _fold_pairs(child)
