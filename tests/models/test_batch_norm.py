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
    model.backbone = Odd()
    model.extract_feat = lambda photos: model.backbone(photos)
    fold_batch_norm(model)
    assert isinstance(model.backbone.norm, nn.BatchNorm2d)
