"""Layers in bfloat16 against float32, and the choice by measurement."""

import copy

import pytest
import torch
from helpers.detectors import build, noise_batch
from helpers.project import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

import custom.register  # noqa: F401 - registers what the configs name
from custom.models import bfloat16, detector
from custom.models.batch_norm import fold_batch_norm
from custom.models.bfloat16 import Bfloat16Conv2d, Bfloat16Linear, Bfloat16Prediction
from custom.models.convolutions import WinogradConv2d
from custom.utils.errors import UserError

needs_bfloat16 = pytest.mark.skipif(
    not bfloat16.speedup(), reason='torch computes no bfloat16 convolutions on this CPU'
)
ROUNDING = 2**-8  # of one value; sums are float32


def close(found, expected, tolerance=2 * ROUNDING):
    return torch.allclose(found.float(), expected, rtol=0, atol=tolerance * float(expected.detach().abs().max()))


@needs_bfloat16
@pytest.mark.parametrize(
    'settings', [{}, {'stride': 2, 'padding': 1, 'bias': False}, {'groups': 4, 'padding': 1}, {'kernel_size': 1}]
)
def test_a_convolution_has_the_result_and_the_gradients_of_float32(settings):
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 12, **{'kernel_size': 3, **settings})
    half = copy.deepcopy(plain)
    half.__class__ = Bfloat16Conv2d
    results = []
    for conv in (plain, half):
        x = torch.linspace(-1, 1, 2 * 8 * 9 * 13).view(2, 8, 9, 13).requires_grad_()
        found = conv(x)
        found.float().square().sum().backward()
        results.append([found.detach(), x.grad, *(weight.grad for weight in conv.parameters())])
    assert results[1][0].dtype == torch.bfloat16
    assert all(grad.dtype == torch.float32 for grad in results[1][1:])
    for expected, found in zip(*results, strict=True):
        assert close(found, expected, 4 * ROUNDING)
    half.pack()
    with torch.inference_mode():
        assert close(half(x.detach()), results[0][0])
    half.__class__ = Bfloat16Prediction
    assert half(x.detach()).dtype == torch.float32


@needs_bfloat16
def test_a_linear_layer_has_a_float32_result():
    torch.manual_seed(0)
    plain = nn.Linear(64, 5)
    half = copy.deepcopy(plain)
    half.__class__ = Bfloat16Linear
    x = torch.randn(3, 64)
    before = half(x)
    assert before.dtype == torch.float32
    assert close(before, plain(x))
    half.pack()
    assert torch.equal(half(x), before)


def resnet(monkeypatch, speedup, **settings):
    """Build digits_frcnn with random weights on a CPU of a given speed."""
    monkeypatch.setattr(detector, 'speedup', lambda: speedup)
    init_default_scope('mmdet')
    cfg = Config.fromfile(ROOT / 'configs/digits_frcnn.py')
    cfg.merge_from_dict({f'model.{name}': value for name, value in settings.items()})
    cfg.model.backbone.init_cfg = None
    torch.manual_seed(0)
    return MODELS.build(cfg.model).eval()


@pytest.mark.parametrize(
    ('speedup', 'settings', 'kind'),
    [
        (3.0, {}, Bfloat16Conv2d),
        (1.4, {}, WinogradConv2d),
        (3.0, {'bfloat16': False}, WinogradConv2d),
        (3.0, {'rpn_head.type': 'RPNHead'}, WinogradConv2d),  # whose losses would be bfloat16
    ],
)
def test_bfloat16_is_chosen_where_it_is_faster(monkeypatch, speedup, settings, kind):
    model = resnet(monkeypatch, speedup, **settings)
    assert type(model.rpn_head.rpn_conv) is kind
    assert model.arithmetic.startswith(f'convolutions in {"bfloat16" if kind is Bfloat16Conv2d else "float32"}')
    names = set(resnet(monkeypatch, 0.0).state_dict())
    assert set(model.state_dict()) == names


def test_the_rpn_is_initialised_as_in_float32(monkeypatch):
    head = resnet(monkeypatch, 3.0).rpn_head
    head.init_weights()  # normal, standard deviation 0.01; torch's own is 0.036 for 256 channels
    assert all(0.009 < layer.weight.std() < 0.011 for layer in (head.rpn_conv, head.rpn_cls, head.rpn_reg))


def test_a_cpu_that_cannot_compute_bfloat16_has_no_speedup(monkeypatch):
    def refuse(*args):
        raise RuntimeError('bf16 path needs the cpu support avx512bw')

    monkeypatch.setattr(Bfloat16Conv2d, 'pack', refuse)
    assert bfloat16.speedup.__wrapped__() == 0.0


@needs_bfloat16
def test_a_detector_trains_and_predicts_in_float32_boxes(monkeypatch):
    model, batch = resnet(monkeypatch, 3.0), noise_batch(labelled=True)
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    losses = model.loss(data['inputs'], data['data_samples'])
    values = [part for value in losses.values() for part in (value if isinstance(value, list) else [value])]
    assert all(value.dtype == torch.float32 and torch.isfinite(value).all() for value in values)
    sum(value for value in values if value.requires_grad).backward()
    assert all(weight.grad is None or weight.grad.dtype == torch.float32 for weight in model.parameters())
    assert model.backbone.layer4[0].conv1.weight.grad.abs().sum() > 0
    trained = [weight for weight in model.parameters() if weight.grad is not None]
    assert all(weight.grad.stride() == weight.stride() for weight in trained)  # for several processes

    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = resnet(monkeypatch, 0.0).extract_feat(image)
        fold_batch_norm(model)
        found = model.extract_feat(image)
        predicted = model.test_step(copy.deepcopy(batch))
    assert model.backbone.conv1.packed is not None
    assert all(level.dtype == torch.bfloat16 for level in found)
    assert all(close(a, b, 0.05) for a, b in zip(found, expected, strict=True))
    assert all(sample.pred_instances.bboxes.dtype == torch.float32 for sample in predicted)


@needs_bfloat16
@pytest.mark.parametrize('channels', [64, 96])  # the second has Winograd convolutions in float32
def test_the_light_model_trains_in_bfloat16_and_predicts_in_float32(monkeypatch, channels):
    monkeypatch.setattr(detector, 'speedup', lambda: 3.0)
    change = {'neck.out_channels': channels, 'rpn_head.in_channels': channels, 'rpn_head.feat_channels': channels}
    change |= {'roi_head.bbox_roi_extractor.out_channels': channels, 'roi_head.bbox_head.in_channels': channels}
    plain, model = build(**change, bfloat16=False), build(**change).train()
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        maps = model.neck(model.backbone(image))
        assert all(level.dtype == torch.bfloat16 for level in maps)
        assert all(values.dtype == torch.float32 for kind in model.rpn_head(maps) for values in kind)
        model.load_state_dict(plain.state_dict())  # with the running statistics before training
        expected, found = (one.eval().extract_feat(image) for one in (plain, model))
        assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
        assert all(
            torch.equal(a[0], b[0]) for a, b in zip(plain.rpn_head(expected), model.rpn_head(found), strict=True)
        )
    data = model.train().data_preprocessor(noise_batch(labelled=True), True)
    losses = model.loss(data['inputs'], data['data_samples'])
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    assert all(weight.grad.dtype == torch.float32 and weight.grad.isfinite().all() for weight in trained)
    assert all(weight.grad.stride() == weight.stride() for weight in trained)  # for several processes
    assert model.arithmetic.startswith('convolutions of neck and heads, in training, in bfloat16')


def test_weights_in_float64_are_trained_in_float64(monkeypatch):
    monkeypatch.setattr(detector, 'speedup', lambda: 3.0)
    model = build().double().train()
    assert not any(isinstance(layer, (Bfloat16Conv2d, Bfloat16Linear)) for layer in model.modules())
    assert not bfloat16.can_use_bfloat16(model)
    torch.set_default_dtype(torch.float64)
    try:
        assert not any(isinstance(layer, Bfloat16Conv2d) for layer in resnet(monkeypatch, 3.0).modules())
    finally:
        torch.set_default_dtype(torch.float32)


def test_convolutions_with_arithmetic_of_their_own_are_not_trained_in_bfloat16(monkeypatch):
    monkeypatch.setattr(detector, 'speedup', lambda: 3.0)
    model = build(**{'neck.conv_cfg': {'type': 'ConvWS'}}).train()
    assert not any(isinstance(layer, Bfloat16Conv2d) for layer in model.modules())


def test_the_light_model_is_float32_where_bfloat16_is_slow(monkeypatch):
    monkeypatch.setattr(detector, 'speedup', lambda: 1.4)
    model = build().train()
    assert not any(isinstance(layer, (Bfloat16Conv2d, Bfloat16Linear)) for layer in model.modules())
    assert model.arithmetic.startswith('convolutions of neck and heads, in training, in float32')


@pytest.mark.parametrize('value', ['trainig', 'false', 2, None])
def test_an_unknown_type_of_arithmetic_is_refused(value):
    with pytest.raises(UserError, match=r"bfloat16=.*: use True, False or 'training'"):
        build(bfloat16=value)
