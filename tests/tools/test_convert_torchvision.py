"""tools/convert_torchvision.py, with weights that take no room: each tensor is one number, seen many times."""

import pytest
import torch
from helpers.project import ROOT, run_tool
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torchvision.models import detection

import custom.register  # noqa: F401 - registers what the configs name
from custom.models.checkpoints import load_checkpoint, load_weights

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PREDICTOR = 'roi_heads.box_predictor.'


def hollow(outputs=11, model='fasterrcnn_resnet50_fpn_v2'):
    with torch.device('meta'):
        shapes = getattr(detection, model)(weights=None, weights_backbone=None, num_classes=outputs).state_dict()
    return {
        key: torch.tensor(0.5 * number, dtype=like.dtype).expand(like.shape).clone()
        for number, (key, like) in enumerate(shapes.items())
    }


def test_there_and_back(tmp_path):
    weights = hollow()
    weights[f'{PREDICTOR}bbox_pred.bias'] = torch.arange(44.0)
    src, dst, back = tmp_path / 'theirs.pth', tmp_path / 'new' / 'ours.pth', tmp_path / 'back.pth'
    torch.save({f'module.{key}': value for key, value in weights.items()}, src)
    done = run_tool('convert_torchvision.py', src, dst, fresh=True)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f'{dst}: weights for configs/digits_frcnn_r50v2.py\n'
    ours = load_checkpoint(dst)['state_dict']
    assert ours['roi_head.bbox_head.fc_reg.bias'].tolist() == list(range(4, 44))

    done = run_tool('convert_torchvision.py', dst, back, '--to', 'torchvision')
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f'{back}: weights of torchvision.models.detection.fasterrcnn_resnet50_fpn_v2\n'
    again = torch.load(back, weights_only=True)
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[key], weights[key]) for key in weights)


def test_coco_weights_start_a_training(tmp_path):
    weights = hollow(91, 'fasterrcnn_resnet50_fpn')
    src, dst, back = tmp_path / 'coco.pth', tmp_path / 'ours.pth', tmp_path / 'back.pth'
    torch.save(weights, src)
    done = run_tool('convert_torchvision.py', src, dst)
    assert done.returncode == 0
    assert done.stdout == f'{dst}: weights for configs/digits_frcnn_r50v1.py\n'
    note = 'note: 91 outputs are not the background and ten digits: the box predictor is left out\n'
    assert done.stderr == note
    cfg = Config.fromfile(ROOT / 'configs/digits_frcnn_r50v1.py')
    cfg.model.backbone.init_cfg = None
    init_default_scope('mmdet')
    with torch.device('meta'):
        wanted = MODELS.build(cfg.model).state_dict()
    stored = load_checkpoint(dst)['state_dict']
    assert stored.keys() <= wanted.keys()
    assert {key.split('.')[-2] for key in wanted.keys() - stored.keys()} == {'fc_cls', 'fc_reg'}
    assert all(stored[key].shape == wanted[key].shape for key in stored)

    assert run_tool('convert_torchvision.py', dst, back, '--to', 'torchvision').returncode == 0
    again = torch.load(back, weights_only=True)
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[key], weights[key]) for key in weights)


def test_safetensors_fits_the_config(tmp_path):
    src, dst = tmp_path / 'theirs.pth', tmp_path / 'ours.safetensors'
    torch.save(hollow(), src)
    assert run_tool('convert_torchvision.py', src, dst).returncode == 0
    cfg = Config.fromfile(ROOT / 'configs/digits_frcnn_r50v2.py')
    cfg.model.backbone.init_cfg = None
    init_default_scope('mmdet')
    model = MODELS.build(cfg.model)
    load_weights(model, dst)
    assert model.roi_head.bbox_head.fc_cls.weight.unique().tolist() == [
        0.5 * list(hollow()).index(f'{PREDICTOR}cls_score.weight')
    ]


class Payload:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


def test_what_cannot_be_converted(tmp_path):
    trace, dst = tmp_path / 'trace', tmp_path / 'out' / 'dst.pth'
    files = {
        'evil.pth': {'state_dict': Payload(f'touch {trace}')},
        'ours.pth': {'roi_head.bbox_head.fc_cls.bias': torch.zeros(11)},
    }
    for name, content in files.items():
        torch.save(content, tmp_path / name)

    def said(name, *options, to=dst):
        done = run_tool('convert_torchvision.py', tmp_path / name, to, *options)
        assert (done.returncode, done.stdout) == (2, '')
        assert done.stderr.startswith('error: ')
        assert done.stderr.count('\n') == 1
        return done.stderr

    assert 'would run code (posix.system)' in said('evil.pth')
    assert not trace.exists()
    assert 'ours.pth: its names are those of mmdet already' in said('ours.pth')
    assert 'ours.pth: would replace itself' in said('ours.pth', to=tmp_path / 'out' / '..' / 'ours.pth')
    assert 'out.bin: weights are written as .pth or .safetensors' in said('ours.pth', to=tmp_path / 'out.bin')
    assert not dst.parent.exists()
