"""Folding of batch norm: equal feature maps, and unfolded models with another order of layers."""

import pytest
import torch
from helpers.project import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

import custom.register  # noqa: F401 - registers what the configs name
from custom.models.batch_norm import fold_batch_norm


def norms(model):
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


@pytest.mark.parametrize('name', ['digits_frcnn_lite', 'digits_frcnn', 'digits_frcnn_r50v2'])
def test_folded_models_have_the_same_feature_maps(name):
    init_default_scope('mmdet')
    cfg = Config.fromfile(ROOT / f'configs/{name}.py').model
    cfg.backbone.init_cfg = None
    cfg.bfloat16 = False
    torch.manual_seed(0)
    model = MODELS.build(cfg).eval()
    for norm in norms(model):  # as training leaves them, not 0 and 1
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.normal_(0, 0.1)
    photo = torch.randn(1, 3, 64, 128)
    with torch.no_grad():
        before = model.extract_feat(photo)
    fold_batch_norm(model)
    assert not norms(model.backbone) + norms(model.neck)
    with torch.inference_mode():
        for expected, found in zip(before, model.extract_feat(photo), strict=True):
            assert torch.allclose(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


class Odd(nn.Module):
    """A module whose layers are registered in another order than they are applied."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.norm.running_mean.fill_(1)

    def forward(self, x):
        return (self.conv(self.norm(x).relu()),)


def test_a_backbone_with_another_order_of_layers_stays_unfolded():
    model = nn.Module()
    model.backbone = backbone = Odd()
    model.extract_feat = lambda photos: model.backbone(photos)
    conv, norm, weight = backbone.conv, backbone.norm, backbone.conv.weight.detach().clone()
    fold_batch_norm(model)
    assert model.backbone is backbone
    assert (backbone.conv, backbone.norm) == (conv, norm)
    assert torch.equal(backbone.conv.weight, weight)
    assert conv.bias.shape == (3,)


def test_folding_replaces_layers_and_leaves_the_weights_of_others_alone():
    model = nn.Module()
    model.backbone = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1))
    model.backbone[1].running_var.fill_(4 - model.backbone[1].eps)
    model.extract_feat = lambda photos: (model.backbone(photos),)
    first, last = model.backbone[0], model.backbone[2]
    weight = first.weight.detach().clone()
    fold_batch_norm(model)
    torch.testing.assert_close(model.backbone[0].weight, weight / 2)
    assert isinstance(model.backbone[1], nn.Identity)
    assert model.backbone[2] is last
    assert torch.equal(first.weight, weight)


def test_parts_of_a_known_order_are_folded_without_a_test_image():
    model = nn.Module()
    model.backbone = MODELS.build({'type': 'mmdet.ResNet', 'depth': 18})
    model.extract_feat = None  # a call would fail
    fold_batch_norm(model)
    assert not norms(model)
