"""Convolutions and linear layers that compute in bfloat16 on CPUs that are faster with it.

Tensors and weights are bfloat16, sums are float32 (oneDNN). torch.autocast gains little on CPUs: it converts the
weights for each call, and oneDNN reorders them.

ResNet-50, FPN and RPN on an Intel Xeon with AMX, one thread, 4 images of 128 x 208 px, beside other processes: 74 ms
instead of 305 in float32 with the convolutions of `custom.models.convolutions`, 165 without the packed weights.
"""

import functools
import time
from typing import Any

import torch
from mmdet.models.backbones.resnet import Bottleneck
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from .convolutions import DepthwiseConv2d, PointwiseConv2d, WinogradConv2d
from .numerics import one_thread

LEAST_SPEEDUP = 1.5  # below, the rounding to 8 significant bits is not worth it
CHANNELS, HEIGHT, WIDTH = 256, 8, 16  # of the measured 3 x 3 convolution: 2 ms in float32
ROUNDS = 5
PLAIN = (
    nn.Conv2d,
    DepthwiseConv2d,
    PointwiseConv2d,
    WinogradConv2d,
)  # convolutions that have the arithmetic of nn.Conv2d
HOPELESS = 4  # times as slow: no further rounds, which take 0.1 s each on CPUs that emulate bfloat16


class Bfloat16Conv2d(nn.Conv2d):
    """A convolution in bfloat16 on a CPU; weights, their names and their gradients are float32, as of nn.Conv2d.

    Maps (N, C, H, W) of any floating-point type to (N, O, H', W') in bfloat16.

    Attributes:
        predicts_as: class whose `forward` predicts in float32, if only training is in bfloat16. Defaults to None.
    """

    predicts_as: type[nn.Conv2d] | None = None
    packed: tuple[torch.Tensor, torch.Tensor | None] | None = None

    def pack(self) -> None:
        """Keep the weights in bfloat16 and in oneDNN's order; later changes of the weights have no effect."""
        weight = self.weight.detach().bfloat16().to_mkldnn()
        weight = torch._C._nn.mkldnn_reorder_conv2d_weight(weight, *self._settings)
        self.packed = weight, None if self.bias is None else self.bias.detach().bfloat16()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve; on another device in the type of the weights, like nn.Conv2d."""
        if x.device.type != 'cpu':
            return super().forward(x)
        if self.predicts_as and not self.training:
            return self.predicts_as.forward(self, x)
        x = x.bfloat16()
        if self.packed is None:
            return self._conv_forward(x, self.weight.bfloat16(), None if self.bias is None else self.bias.bfloat16())
        return torch.ops.mkldnn._convolution_pointwise(x, *self.packed, *self._settings, 'none', [], '')

    @property
    def _settings(self) -> tuple[list, list, list, int]:
        return list(self.padding), list(self.stride), list(self.dilation), self.groups

    def relu(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve with packed weights, and apply ReLU in the same pass."""
        assert self.packed is not None
        return torch.ops.mkldnn._convolution_pointwise(x, *self.packed, *self._settings, 'relu', [], '')

    def add_relu(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Convolve with packed weights, add to `other` in place, and apply ReLU in the same pass."""
        assert self.packed is not None
        operator = torch.ops.mkldnn._convolution_pointwise_.binary
        return operator(other, x, *self.packed, *self._settings, 'add', 1.0, 'relu', [], '')


class Bfloat16Prediction(Bfloat16Conv2d, nn.Conv2d):
    """The same with a float32 result, for layers whose results are logits and deltas of boxes.

    nn.Conv2d is named once more because mmengine's `init_cfg` finds layers by their class and its direct bases.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve."""
        return super().forward(x).float()


class Bfloat16Bottleneck(Bottleneck):
    """A block of ResNet whose ReLUs and sum are part of the convolutions in inference with folded batch norm."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the block; x (N, C, H, W) may be overwritten in inference, since no other block reads it."""
        norms = self.norm1, self.norm2, self.norm3
        is_folded = all(isinstance(norm, nn.Identity) for norm in norms) and self.conv1.packed is not None
        if not is_folded or self.with_plugins or x.device.type != 'cpu':
            return super().forward(x)
        # Stages begin with a projection, so the maps that the neck reads are not overwritten.
        shortcut = self.downsample(x) if self.downsample is not None else x
        return self.conv3.add_relu(self.conv2.relu(self.conv1.relu(x)), shortcut)


class Bfloat16Linear(nn.Linear):
    """A linear layer in bfloat16 on a CPU; weights, their gradients and the result (N, O) are float32.

    Attributes:
        predicts_as: class whose `forward` predicts in float32, if only training is in bfloat16. Defaults to None.
    """

    predicts_as: type[nn.Linear] | None = None
    packed: tuple[torch.Tensor, torch.Tensor] | None = None

    def pack(self) -> None:
        """Keep the weights in bfloat16; later changes of the weights have no effect."""
        self.packed = self.weight.detach().bfloat16(), self.bias.detach().bfloat16()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C) to (N, O)."""
        if x.device.type != 'cpu':
            return super().forward(x)
        if self.predicts_as and not self.training:
            return self.predicts_as.forward(self, x)
        weight, bias = self.packed or (self.weight.bfloat16(), self.bias.bfloat16())
        return functional.linear(x.bfloat16(), weight, bias).float()


@functools.cache
def speedup() -> float:
    """Measure once how many times as fast a convolution is in bfloat16 on this CPU; 0 if torch cannot compute it.

    The names of CPUs and their lists of instructions do not tell: some emulate bfloat16, and environment variables
    limit the instructions that oneDNN uses.
    """
    x = torch.ones(1, CHANNELS, HEIGHT, WIDTH).contiguous(memory_format=torch.channels_last)
    best = [float('inf')] * 2
    try:
        with torch.random.fork_rng(devices=[]), one_thread(), torch.inference_mode():
            plain = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1).to(memory_format=torch.channels_last)
            half = Bfloat16Conv2d(CHANNELS, CHANNELS, 3, padding=1).to(memory_format=torch.channels_last)
            half.pack()
            for i in range(ROUNDS + 1):
                for kind, (conv, values) in enumerate(((plain, x), (half, x.bfloat16()))):
                    start = time.perf_counter()
                    conv(values)
                    if i:  # the first round is slow
                        best[kind] = min(best[kind], time.perf_counter() - start)
                if best[1] > HOPELESS * best[0]:
                    break
    except (AttributeError, RuntimeError):  # torch was built without oneDNN, or the CPU lacks the instructions
        return 0.0
    return best[0] / best[1]


def can_use_bfloat16(model: Any) -> bool:
    """Return whether all layers of the backbone and the neck work with bfloat16 between them."""
    layers = [layer for part in (model.backbone, model.neck) for layer in part.modules()]
    return all(
        type(layer) is nn.Conv2d or isinstance(layer, _BatchNorm)
        for layer in layers
        if any(True for _ in layer.parameters(recurse=False))
    )


def can_train_in_bfloat16(model: Any) -> bool:
    """Return whether all convolutions of neck and RPN are plain; mmcv's ConvWS2d, say, standardises its weights."""
    layers = [*model.neck.modules(), *model.rpn_head.modules()]
    return all(type(layer) in PLAIN for layer in layers if isinstance(layer, nn.Conv2d))


def use_bfloat16(model: Any, only_training: bool = False) -> None:
    """Let backbone, neck, RPN and the shared layers of the box head compute in bfloat16, in place.

    RoIAlign, the arithmetic of boxes, the losses and the optimizer stay in float32. Weight values do not change.

    Args:
        model: a detector with `BatchedRPNHead` and `BatchedRoIHead`.
        only_training: predictions stay in float32, and so does the backbone, since oneDNN's gradients of depthwise
            convolutions are many times slower in bfloat16. Defaults to False.
    """
    parts = [model.neck, model.rpn_head] if only_training else [model.backbone, model.neck, model.rpn_head]
    predictions = model.rpn_head.rpn_cls, model.rpn_head.rpn_reg

    def change(layer: Any, kind: type[nn.Module]) -> None:
        if only_training:
            layer.predicts_as = type(layer)
        layer.__class__ = kind

    for layer in [layer for part in parts for layer in part.modules()]:
        if type(layer) in PLAIN:
            change(layer, Bfloat16Prediction if layer in predictions else Bfloat16Conv2d)
            if only_training:
                # DistributedDataParallel needs gradients in the memory order of the weights, also where sides are 1.
                weight = layer.weight.data
                layer.weight.data = torch.empty_like(weight, memory_format=torch.channels_last).copy_(weight)
        elif type(layer) is Bottleneck:
            layer.__class__ = Bfloat16Bottleneck
    for layer in model.roi_head.bbox_head.shared_fcs:
        change(layer, Bfloat16Linear)


def pack_bfloat16(model: nn.Module) -> None:
    """Pack the weights of all layers on a CPU that predict in bfloat16."""
    for layer in model.modules():
        if not isinstance(layer, (Bfloat16Conv2d, Bfloat16Linear)) or layer.predicts_as:
            continue
        if layer.weight.device.type == 'cpu':
            layer.pack()
