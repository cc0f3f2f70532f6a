"""Fast convolutions for CPUs: Winograd 3 x 3, direct 1 x 1, and the gradients of 5 x 5 depthwise convolutions.

Winograd's minimal filtering F(4 x 4, 3 x 3), after Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
(CVPR 2016): 4 x 4 results take 36 products instead of 144. PyTorch's CPU kernels do not use it. Its error is about
five times that of direct summation: 5e-5 for results of size 1.

CPU time of digits_frcnn on an Intel Xeon with AVX512_BF16, one thread, 4 images of 128 x 208 px, median of paired
rounds: 1.12 times as fast in inference (291 instead of 319 ms), 1.08 in training (782 instead of 829 ms).
"""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

INPUT = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
).double()
KERNEL = torch.tensor([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]).double() / 24
OUTPUT = torch.tensor([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]).double()

# Both directions at once for a flattened tile: (36, 36), (36, 9), (16, 36).
TO_INPUT, TO_KERNEL, TO_OUTPUT = (torch.kron(part, part).float() for part in (INPUT, KERNEL, OUTPUT))
LEAST_CHANNELS = 96  # below, the transforms of images cost more than they save
# By whether the weights are trained: below, the transforms of weights cost more. Training repeats them in each step.
LEAST_TILES = {False: 16, True: 32}
CHUNK = 1 << 21  # values of a transformed input at a time, to fit into the cache


def _kernel(weight: torch.Tensor) -> torch.Tensor:
    """Transform weights (O, C, 3, 3) to (36, O, C)."""
    return (TO_KERNEL @ weight.reshape(-1, 9).T).view(36, *weight.shape[:2])


def _tiles(x: torch.Tensor, size: int, padding: int, high: int, wide: int) -> torch.Tensor:
    """Cut x (N, H, W, C) into tiles of size x size at stride 4: (size * size, N * high * wide, C)."""
    n, h, w, c = x.shape
    missing = (4 * wide + size - 4 - w - padding, 4 * high + size - 4 - h - padding)
    x = functional.pad(x, (0, 0, padding, missing[0], padding, missing[1])).contiguous()
    step = x.stride()
    tiles = x.as_strided((size, size, n, high, wide, c), (step[1], step[2], step[0], 4 * step[1], 4 * step[2], 1))
    return tiles.reshape(size * size, n * high * wide, c)


def _convolve(x: torch.Tensor, kernel: torch.Tensor, keep: list[torch.Tensor] | None = None) -> torch.Tensor:
    """Convolve x (N, H, W, C), padding 1, with kernel (36, O, C) to (N, H, W, O); add transformed inputs to `keep`."""
    n, h, w, c = x.shape
    high, wide, out = -(-h // 4), -(-w // 4), kernel.shape[1]
    result = x.new_empty(n, 4 * high, 4 * wide, out)
    step = max(1, CHUNK // (36 * high * wide * max(c, out)))
    for start in range(0, n, step):
        part = x[start : start + step]
        tiles = _tiles(part, 6, 1, high, wide)
        moved = (TO_INPUT @ tiles.view(36, -1)).view_as(tiles)
        if keep is not None:
            keep.append(moved)
        product = torch.bmm(moved, kernel.transpose(1, 2))
        values = (TO_OUTPUT @ product.view(36, -1)).view(4, 4, len(part), high, wide, out)
        result[start : start + step].view(len(part), high, 4, wide, 4, out).copy_(values.permute(2, 3, 0, 4, 1, 5))
    return result[:, :h, :w]


class _Winograd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        kept: list[torch.Tensor] | None = [] if ctx.needs_input_grad[1] else None
        result = _convolve(x.permute(0, 2, 3, 1), kernel, kept)
        ctx.save_for_backward(weight, *(kept or ()))
        return result.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        weight, *kept = ctx.saved_tensors
        grad = grad.permute(0, 2, 3, 1)
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            turned = _kernel(weight.flip(2, 3)).transpose(1, 2)
            grad_x = _convolve(grad, turned).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            _, h, w, out = grad.shape
            high, wide, start, total = -(-h // 4), -(-w // 4), 0, None
            for moved in kept:
                end = start + moved.shape[1] // (high * wide)
                tiles = _tiles(grad[start:end], 4, 0, high, wide)
                product = (TO_OUTPUT.T @ tiles.view(16, -1)).view(36, -1, out).transpose(1, 2)
                total = torch.bmm(product, moved) if total is None else total.baddbmm_(product, moved)
                start = end
            assert total is not None  # a batch has images
            # DistributedDataParallel needs gradients in the memory order of the weights.
            grad_weight = torch.empty_like(weight).copy_((TO_KERNEL.T @ total.view(36, -1)).T.view(weight.shape))
        return grad_x, grad_weight, None


class WinogradConv2d(nn.Conv2d):
    """A 3 x 3 convolution, stride 1 and padding 1; weights and their names are those of nn.Conv2d.

    Winograd's algorithm is used for float32 on a CPU if it is faster, nn.Conv2d otherwise.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to (N, O, H, W), channels last."""
        trains = torch.is_grad_enabled() and self.weight.requires_grad
        tiles = len(x) * -(-x.shape[2] // 4) * -(-x.shape[3] // 4)
        if x.is_cuda or x.dtype != torch.float32 or torch.is_autocast_enabled('cpu') or tiles < LEAST_TILES[trains]:
            return nn.Conv2d.forward(self, x)  # not super(): see Bfloat16Conv2d.predicts_as
        weight = self.weight.detach()
        if trains:
            kernel = _kernel(weight)
        else:
            cached: tuple[Any, Any] = getattr(self, '_cached', (None, None))
            # Values are compared, because `.data.copy_`, by which EMAHook swaps weights, changes neither pointer nor
            # version. The comparison takes at most 1 / 16 of the time of the convolution.
            if not np.array_equal(cached[0], weight.numpy()):
                cached = self._cached = weight.clone().numpy(), _kernel(weight)  # one assignment, for other threads
            kernel = cached[1]
        result = _Winograd.apply(x, self.weight, kernel)
        if self.bias is None:
            return result
        bias = self.bias[:, None, None]
        return result + bias if torch.is_grad_enabled() else result.add_(bias)


class PointwiseConv2d(nn.Conv2d):
    """A 1 x 1 convolution as one matrix product; weights and their names are those of nn.Conv2d.

    With one thread and fewer than 16 images, torch's own convolution first copies each image.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to (N, O, H / stride, W / stride), channels last."""
        if x.is_cuda:
            return nn.Conv2d.forward(self, x)
        x = x[:, :, :: self.stride[0], :: self.stride[1]].permute(0, 2, 3, 1)
        return functional.linear(x, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, conv: nn.Conv2d) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.conv = conv
        return functional.conv2d(x, weight, None, conv.stride, conv.padding, conv.dilation, conv.groups)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        (x, weight), conv = ctx.saved_tensors, ctx.conv

        def gradients(x: torch.Tensor, weight: torch.Tensor, padding: tuple[int, ...], of_x: bool) -> list[Any]:
            settings = conv.stride, padding, conv.dilation, False, (0, 0), conv.groups, (of_x, not of_x, False)
            return torch.ops.aten.convolution_backward(grad, x, weight, None, *settings)

        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = gradients(x, weight, conv.padding, of_x=True)[0]
        if ctx.needs_input_grad[1]:
            grad_weight = torch.empty_like(weight)
            for first in (0, 2):  # columns 0 to 2 and 2 to 4
                part, three = functional.pad(x, (2 - first, first)), slice(first, first + 3)
                grad_weight[..., three] = gradients(part, weight[..., three], (conv.padding[0], 0), of_x=False)[1]
        return grad_x, grad_weight, None


class DepthwiseConv2d(nn.Conv2d):
    """A 5 x 5 depthwise convolution, padding 2; weights and their names are those of nn.Conv2d.

    oneDNN has a fast kernel for the gradient of weights up to 3 wide. Here it computes 5 columns in two parts, in a
    third of the time.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to (N, C, H / stride, W / stride)."""
        is_plain = x.is_cuda or torch.is_autocast_enabled('cpu') or not torch.is_grad_enabled()
        if is_plain or self.bias is not None:  # a bias comes from a folded batch norm
            return super().forward(x)
        return _Depthwise.apply(x, self.weight, self)


def use_fast_convolutions(model: nn.Module) -> None:
    """Replace the convolutions of a model by the faster classes above, in place; weight values do not change."""
    for conv in model.modules():
        if type(conv) is not nn.Conv2d or conv.dilation != (1, 1):
            continue
        if conv.groups > 1:
            is_depthwise = conv.groups == conv.in_channels == conv.out_channels and conv.bias is None
            if is_depthwise and conv.kernel_size == (5, 5) and conv.padding == (2, 2):
                conv.__class__ = DepthwiseConv2d
            continue
        if conv.kernel_size == (1, 1) and conv.padding == (0, 0):
            conv.__class__ = PointwiseConv2d
            # 1 x 1 weights differ between memory orders only in their strides, which the gradients must share.
            conv.weight.data = torch.empty(conv.weight.shape, dtype=conv.weight.dtype).copy_(conv.weight.data)
        wide = min(conv.in_channels, conv.out_channels) >= LEAST_CHANNELS
        if wide and conv.kernel_size == (3, 3) and conv.padding == conv.stride == (1, 1):
            conv.__class__ = WinogradConv2d
