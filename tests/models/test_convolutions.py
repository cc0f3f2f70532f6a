"""Fast convolutions against torch's own, forward and backward."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import EMAHook
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from custom.models import convolutions
from custom.models.convolutions import (
    LEAST_TILES,
    DepthwiseConv2d,
    PointwiseConv2d,
    WinogradConv2d,
    use_fast_convolutions,
)


def both(channels, results, **kwargs):
    torch.manual_seed(0)
    plain = nn.Conv2d(channels, results, 3, padding=1, **kwargs)
    ours = WinogradConv2d(channels, results, 3, padding=1, **kwargs)
    ours.load_state_dict(plain.state_dict())
    return plain.double(), ours


@pytest.mark.parametrize('shape', [(1, 64, 64), (3, 37, 50), (2, 43, 41)])  # of a batch, not only multiples of 4
@pytest.mark.parametrize('bias', [True, False])
def test_winograd_equals_the_convolution(shape, bias):
    n, h, w = shape
    plain, ours = both(5, 7, bias=bias)
    x = torch.randn(n, 5, h, w)
    assert n * -(-h // 4) * -(-w // 4) >= LEAST_TILES[True]  # enough for Winograd's algorithm
    grad = torch.randn(n, 7, h, w)
    results = []
    for conv, dtype in ((plain, torch.float64), (ours, torch.float32)):
        photo = x.to(dtype).requires_grad_()
        found = conv(photo)
        found.backward(grad.to(dtype))
        results.append([found.detach(), photo.grad, *(weight.grad for weight in conv.parameters())])
    for expected, found in zip(*results, strict=True):
        assert found.shape == expected.shape
        assert torch.allclose(found.double(), expected, rtol=0, atol=2e-5 * float(expected.abs().max()))
        assert not torch.equal(found, expected.float())  # computed by another algorithm


def double_in_place(conv):
    with torch.no_grad():
        conv.weight.mul_(2)


def double_data(conv):
    conv.weight.data.copy_(conv.weight.data * 2)


def double_the_average(conv):
    """Swap in doubled weights in the way in which EMAHook swaps averaged weights."""
    runner, hook = SimpleNamespace(model=conv), EMAHook()
    hook.before_run(runner)
    double_data(hook.ema_model.module)
    hook.before_val_epoch(runner)


@pytest.mark.parametrize('double', [double_in_place, double_data, double_the_average])
@pytest.mark.parametrize('mode', [torch.no_grad, torch.inference_mode])
def test_changed_weights_are_used_in_inference(double, mode):
    _, ours = both(4, 4, bias=False)
    x = torch.randn(1, 4, 32, 32)
    with mode():
        before = ours(x)
    double(ours)
    with mode():
        assert torch.allclose(ours(x), 2 * before, atol=1e-4)


def test_the_transform_of_unchanged_weights_is_cached(monkeypatch):
    made = []
    monkeypatch.setattr(
        convolutions, '_kernel', lambda weight, make=convolutions._kernel: made.append(1) or make(weight)
    )
    _, ours = both(4, 4)
    ours.to(memory_format=torch.channels_last)
    with torch.no_grad():
        for _ in range(3):
            ours(torch.randn(1, 4, 32, 32))
    assert len(made) == 1


def test_few_tiles_and_other_types_use_torchs_convolution():
    plain, ours = both(4, 4)
    small = torch.randn(1, 4, 8, 8)
    assert torch.equal(ours(small), plain.float()(small))
    large = torch.randn(1, 4, 64, 64, dtype=torch.float64)
    assert torch.equal(ours.double()(large), plain.double()(large))


@pytest.mark.parametrize('stride', [1, 2])
def test_pointwise(stride):
    torch.manual_seed(0)
    plain, ours = nn.Conv2d(5, 7, 1, stride), PointwiseConv2d(5, 7, 1, stride)
    ours.load_state_dict(plain.state_dict())
    results = []
    for conv in (plain, ours):
        x = torch.arange(2 * 5 * 6 * 9.0).view(2, 5, 6, 9).requires_grad_()
        found = conv(x)
        found.square().sum().backward()
        results.append([found.detach(), x.grad, conv.weight.grad, conv.bias.grad])
    for expected, found in zip(*results, strict=True):
        assert torch.allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize('stride', [1, 2])
def test_depthwise(stride):
    torch.manual_seed(0)
    plain, ours = (kind(6, 6, 5, stride, padding=2, groups=6, bias=False) for kind in (nn.Conv2d, DepthwiseConv2d))
    ours.load_state_dict(plain.state_dict())
    results = []
    for conv in (plain, ours):
        x = torch.randn(2, 6, 5, 12, generator=torch.Generator().manual_seed(1)).requires_grad_()
        found = conv(x)
        found.square().sum().backward()
        results.append([found.detach(), x.grad, conv.weight.grad])
    for expected, found in zip(*results, strict=True):
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_depthwise_convolution_with_folded_batch_norm_has_a_bias():
    conv, norm = DepthwiseConv2d(6, 6, 5, padding=2, groups=6, bias=False), nn.BatchNorm2d(6)
    nn.init.normal_(norm.bias)
    x = torch.randn(2, 6, 5, 12)
    folded = fuse_conv_bn_eval(conv.eval(), norm.eval())
    assert torch.allclose(folded(x), norm(conv(x)), rtol=1e-4, atol=1e-5)


def test_only_suitable_convolutions_are_replaced():
    model = nn.Sequential(
        nn.Conv2d(96, 96, 3, padding=1),
        nn.Conv2d(96, 96, 1, stride=2),
        nn.Conv2d(95, 96, 3, padding=1),
        nn.Conv2d(96, 96, 3, padding=1, stride=2),
        nn.Conv2d(96, 96, 3),
        nn.Conv2d(96, 96, 1, padding=1),
        nn.Conv2d(96, 96, 1, groups=2),
        nn.Conv2d(96, 96, 3, padding=1, groups=2),
        nn.Conv2d(96, 96, 3, padding=1, dilation=2),
        nn.Conv2d(96, 96, 5, padding=2, groups=96, bias=False),
        nn.Conv2d(96, 96, 3, padding=1, groups=96, bias=False),
        nn.Conv2d(96, 96, 5, padding=2, groups=96),
    )
    model.to(memory_format=torch.channels_last)
    names = list(model.state_dict())
    use_fast_convolutions(model)
    kinds = [WinogradConv2d, PointwiseConv2d, *[nn.Conv2d] * 7, DepthwiseConv2d, nn.Conv2d, nn.Conv2d]
    assert [type(layer) for layer in model] == kinds
    assert list(model.state_dict()) == names


@pytest.mark.parametrize(('size', 'groups'), [(1, 1), (3, 1), (5, 96)])
def test_gradients_have_the_strides_of_the_weights(size, groups):
    conv = nn.Conv2d(96, 96, size, padding=size // 2, groups=groups, bias=False)
    model = nn.Sequential(conv).to(memory_format=torch.channels_last)
    use_fast_convolutions(model)
    model(torch.randn(1, 96, 32, 32)).sum().backward()
    assert model[0].weight.grad.stride() == model[0].weight.stride()
