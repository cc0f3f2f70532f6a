"""The light detector with random weights, its counterpart of MMDetection, and batches of noise."""

import copy

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import custom.register  # noqa: F401 - registers what the config names

from .project import ROOT

SIZES = [(48, 64), (48, 128), (64, 40), (48, 70), (32, 64)]  # height and width


def build(**changes):
    """Build the light model with `changes` of its config and the same random weights in each call."""
    init_default_scope('mmdet')
    cfg = Config.fromfile(ROOT / 'configs/digits_frcnn_lite.py')
    cfg.merge_from_dict({f'model.{name}': value for name, value in changes.items()})
    cfg = cfg.model
    cfg.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if name.startswith(('rpn_head', 'roi_head')):
            weight.data.normal_(0, 0.03)
    return model.eval()


def noise_batch(sizes=SIZES, labelled=False):
    """Make a batch of images of noise; with `labelled`, each has two digits."""
    generator = torch.Generator().manual_seed(2)
    inputs, samples = [], []
    for height, width in sizes:
        inputs.append(torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator))
        shape = (height, width)
        meta = {'img_shape': shape, 'ori_shape': (height * 2, width * 2), 'scale_factor': (0.5, 0.5), 'img_id': 1}
        sample = DetDataSample(metainfo=meta)
        if labelled:
            boxes = torch.tensor([[4.0, 5.0, 16.0, 27.0], [18.0, 6.0, 30.0, 28.0]])
            sample.gt_instances = InstanceData(bboxes=HorizontalBoxes(boxes), labels=torch.tensor([3, 7]))
        samples.append(sample)
    return {'inputs': inputs, 'data_samples': samples}


PLAIN = {'type': 'FasterRCNN', 'rpn_head.type': 'RPNHead', 'roi_head.type': 'StandardRoIHead'}


def plain_model():
    """Build MMDetection's Faster R-CNN with the weights of `build`."""
    init_default_scope('mmdet')
    cfg = Config.fromfile(ROOT / 'configs/digits_frcnn_lite.py')
    cfg.merge_from_dict({f'model.{name}': value for name, value in PLAIN.items()})
    cfg = cfg.model
    cfg.backbone.init_cfg = None
    for name in ('group_size', 'fast_convolutions', 'bfloat16'):
        cfg.pop(name)
    model = MODELS.build(cfg)
    model.load_state_dict(build().state_dict())
    return model.eval()


def detect(model, batch):
    """Return the detections of each image."""
    with torch.inference_mode():
        return [sample.pred_instances for sample in model.test_step(copy.deepcopy(batch))]


def assert_same(ours, theirs, tolerance):
    """Compare two lists of detections."""
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs, strict=True):
        assert len(a) == len(b) > 0
        assert torch.equal(a.labels, b.labels)
        assert torch.allclose(a.scores, b.scores, rtol=0, atol=tolerance)
        assert torch.allclose(a.bboxes, b.bboxes, rtol=0, atol=100 * tolerance)
