"""Convolutions for CPUs: 3 x 3 with a quarter of the multiplications, 1 x 1 without copies.

Winograd's minimal filtering F(4 x 4, 3 x 3), after Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
(CVPR 2016): 4 x 4 results take 36 products instead of 144. PyTorch's kernels do not use it on a CPU. Errors are some
five times those of the plain sum: 5e-5 where results are of size 1.

Measured on an Intel Xeon with AVX512_BF16, one thread, CPU time of paired rounds on a busy machine, 4 images of
128 x 208 px: with Winograd, backbone, FPN and RPN of digits_frcnn (15 layers) take 291 instead of 319 ms (ratio 1.12,
median of 15 rounds), forward and backward of backbone and FPN 782 instead of 829 ms (1.08, 7 rounds).
digits_frcnn_lite has no layer of 96 channels or more.
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
    ],
    dtype=torch.float64,
)
KERNEL = (
    torch.tensor(
        [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]],
        dtype=torch.float64,
    )
    / 24
)
OUTPUT = torch.tensor([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]).double()

# Both directions of a tile at once, the tile's values as one row: (36, 36), (36, 9), (16, 36).
TO_INPUT, TO_KERNEL, TO_OUTPUT = (torch.kron(part, part).float() for part in (INPUT, KERNEL, OUTPUT))
LEAST_CHANNELS = 96  # below, the transforms of photos cost more than is saved
LEAST_TILES = {False: 16, True: 32}  # below, those of weights do; in training they are made anew for each step
CHUNK = 1 << 21  # values of a transformed input at a time: stays in the cache


def _kernel(weight: torch.Tensor) -> torch.Tensor:
    """Weights (O, C, 3, 3) as (36, O, C)."""
    return (TO_KERNEL @ weight.reshape(-1, 9).T).view(36, *weight.shape[:2])


def _tiles(x: torch.Tensor, size: int, padding: int, high: int, wide: int) -> torch.Tensor:
    """Tiles of size x size, 4 apart, of x (N, H, W, C): (size * size, N * high * wide, C)."""
    n, h, w, c = x.shape
    missing = (4 * wide + size - 4 - w - padding, 4 * high + size - 4 - h - padding)
    x = functional.pad(x, (0, 0, padding, missing[0], padding, missing[1])).contiguous()
    step = x.stride()
    tiles = x.as_strided((size, size, n, high, wide, c), (step[1], step[2], step[0], 4 * step[1], 4 * step[2], 1))
    return tiles.reshape(size * size, n * high * wide, c)


def _convolve(x: torch.Tensor, kernel: torch.Tensor, keep: list[torch.Tensor] | None = None) -> torch.Tensor:
    """x (N, H, W, C) with kernel (36, O, C), padding 1: (N, H, W, O). Transformed inputs are appended to `keep`."""
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
            high, wide, start = -(-h // 4), -(-w // 4), 0
            total = None
            for moved in kept:
                photos = moved.shape[1] // (high * wide)
                tiles = _tiles(grad[start : start + photos], 4, 0, high, wide)
                product = (TO_OUTPUT.T @ tiles.view(16, -1)).view(36, -1, out).transpose(1, 2)
                total = torch.bmm(product, moved) if total is None else total.baddbmm_(product, moved)
                start += photos
            assert total is not None  # a batch has photos
            # In the weight's memory order, which gradients shared among processes must have.
            grad_weight = torch.empty_like(weight).copy_((TO_KERNEL.T @ total.view(36, -1)).T.view(weight.shape))
        return grad_x, grad_weight, None


class WinogradConv2d(nn.Conv2d):
    """A 3 x 3 convolution, stride 1 and padding 1, by Winograd's algorithm where that is faster: float32 on a CPU.

    Anywhere else it is nn.Conv2d; weights and their names are the same.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to (N, O, H, W), channels last."""
        learns = torch.is_grad_enabled() and self.weight.requires_grad
        tiles = len(x) * -(-x.shape[2] // 4) * -(-x.shape[3] // 4)
        if x.is_cuda or x.dtype != torch.float32 or torch.is_autocast_enabled('cpu') or tiles < LEAST_TILES[learns]:
            return super().forward(x)
        if learns:
            kernel = _kernel(self.weight.detach())
        else:
            weight = self.weight.detach()
            made: tuple[Any, Any] = getattr(self, '_made', (None, None))
            # By their values: `.data.copy_`, by which EMAHook swaps weights, changes neither pointer nor version.
            # Comparing them takes 1 / 16 of the time of the convolution at most.
            if not np.array_equal(made[0], weight.numpy()):
                made = self._made = weight.clone().numpy(), _kernel(weight)  # at once: other threads may be here, too
            kernel = made[1]
        result = _Winograd.apply(x, self.weight, kernel)
        if self.bias is None:
            return result
        bias = self.bias[:, None, None]
        return result + bias if torch.is_grad_enabled() else result.add_(bias)


class PointwiseConv2d(nn.Conv2d):
    """A 1 x 1 convolution as what it is, one matrix product; weights and their names are those of nn.Conv2d.

    torch's own copies each photo first where a process has one thread and fewer than 16 photos.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to (N, O, H / stride, W / stride), channels last."""
        if x.is_cuda:
            return super().forward(x)
        x = x[:, :, :: self.stride[0], :: self.stride[1]].permute(0, 2, 3, 1)
        return functional.linear(x, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def use_fast_convolutions(model: nn.Module) -> None:
    """Let the convolutions of a model work in the ways above where they gain by it; its weights stay as they are."""
    for conv in model.modules():
        if type(conv) is not nn.Conv2d or conv.groups > 1 or conv.dilation != (1, 1):
            continue
        if conv.kernel_size == (1, 1) and conv.padding == (0, 0):
            conv.__class__ = PointwiseConv2d
            # 1 x 1 weights are alike in every memory order but for their strides, and those are their gradients', too.
            conv.weight.data = torch.empty(conv.weight.shape, dtype=conv.weight.dtype).copy_(conv.weight.data)
        wide = min(conv.in_channels, conv.out_channels) >= LEAST_CHANNELS
        if wide and conv.kernel_size == (3, 3) and conv.padding == conv.stride == (1, 1):
            conv.__class__ = WinogradConv2d
