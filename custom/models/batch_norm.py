"""Folding of batch norm into the preceding convolutions, and packing of weights in bfloat16, for inference."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models import FPN, ResNet
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

from .bfloat16 import Bfloat16Conv2d, pack_bfloat16
from .numerics import one_thread
from .wrapping import unwrapped

# Largest difference of a feature map after folding, as a share of its largest value.
TOLERANCE, TOLERANCE_BFLOAT16 = 1e-3, 0.05


def fold_batch_norm(model: Any) -> None:
    """Fold the batch norm layers of a detector's backbone and neck into their convolutions, in place.

    A batch norm is folded by torch's `fuse_conv_bn_weights` into the convolution registered before it in the module. If
    a module computes in another order, the feature maps of a test image change. The model then stays unfolded. Parts
    whose order is known, MMDetection's ResNet and FPN, are not tested. Afterwards the weights of layers in bfloat16 are
    packed.

    Args:
        model: has `backbone` and `extract_feat`, and may be wrapped for several processes. It is set to eval mode. A
            folded model can no longer be trained or saved.
    """
    model = unwrapped(model).eval()
    parts = [getattr(model, name) for name in ('backbone', 'neck') if hasattr(model, name)]
    is_known = all(type(part) in (ResNet, FPN) for part in parts)
    expected = [] if is_known else _feature_maps(model)
    with torch.no_grad():
        replaced = [layer for part in parts for layer in _fold(part)]
        pack_bfloat16(model)
    if is_known:
        return
    has_bfloat16 = any(isinstance(layer, Bfloat16Conv2d) for layer in model.modules())
    tolerance = TOLERANCE_BFLOAT16 if has_bfloat16 else TOLERANCE
    pairs = zip(_feature_maps(model), expected, strict=True)
    if not all(torch.allclose(a, b, rtol=0, atol=tolerance * float(b.abs().max())) for a, b in pairs):
        for module, name, layer in replaced:
            setattr(module, name, layer)
        pack_bfloat16(model)


def _feature_maps(model: Any) -> Sequence[torch.Tensor]:
    """Return a model's feature maps of a test image."""
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 4 - 2
    with one_thread(), torch.no_grad():  # for one small image threads mostly wait for one another
        return model.extract_feat(image.to(next(model.parameters()).device))


def _fused(conv: nn.Conv2d, norm: Any) -> nn.Module:
    folded: Any = copy.copy(conv)  # with the same dict of parameters
    folded._parameters = conv._parameters.copy()
    folded.weight, folded.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return folded


def _fold(module: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Fold the batch norm layers in a module, in place; return each replaced layer with its parent and its name."""
    replaced: list[tuple[nn.Module, str, nn.Module]] = []
    last: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            last = name, child
        elif isinstance(child, _BatchNorm) and last and last[1].out_channels == child.num_features:
            replaced += [(module, *last), (module, name, child)]
            setattr(module, last[0], _fused(last[1], child))
            setattr(module, name, getattr(child, 'act', nn.Identity()))  # timm's batch norm holds the activation
            last = None
        else:
            replaced += _fold(child)
    return replaced
