"""The detectors that the benchmarks train and infer with: ours, MMDetection's own, torchvision's."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .compare import Settings
from .photos import config_of

if TYPE_CHECKING:
    import torch
    from torch import nn

CLASSES = 10
BACKGROUND = 7.0  # the bias of its logit
FILE = 'r50.pth'  # the weights of all contestants that can share them
STOCK = "MMDetection's faster-rcnn_r50_fpn with ten classes"
TORCHVISION = {'v1': 'fasterrcnn_resnet50_fpn', 'v2': 'fasterrcnn_resnet50_fpn_v2'}


def device() -> str:
    """The GPU where there is one."""
    import torch

    return 'cuda' if torch.cuda.is_available() else 'cpu'


def detector(kind: str, settings: Settings) -> Any:
    """A Faster R-CNN of MMDetection with ResNet-50: 'ours', or 'stock' with the same weights.

    Random ones keep values within bounds and call nearly everything background, as trained ones do.
    """
    import torch
    from mmdet.registry import MODELS
    from mmengine.hub import get_config

    from ..models.checkpoints import load_weights

    cfg = config_of('digits_frcnn').model
    stock = get_config('mmdet::_base_/models/faster-rcnn_r50_fpn.py').model
    stock.backbone.init_cfg = None
    stock.roi_head.bbox_head.num_classes = CLASSES
    if kind == 'stock':
        cfg = stock
    else:
        cfg.rpn_head.anchor_generator = stock.rpn_head.anchor_generator
        cfg.test_cfg.rcnn.score_thr = stock.test_cfg.rcnn.score_thr
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    weights = _weights(settings)
    if not weights.is_file():
        logging.disable(logging.INFO)  # each weight has a line to say
        model.init_weights()
        logging.disable(logging.NOTSET)
        _learn_statistics(model.backbone)
        model.roi_head.bbox_head.fc_cls.bias.data[CLASSES] = BACKGROUND
        torch.save(model.state_dict(), weights)
    load_weights(model, weights)
    return model.to(device())


def _weights(settings: Settings) -> Path:
    return Path(settings.weights) if settings.weights else Path(settings.scratch, FILE)


def _learn_statistics(backbone: 'nn.Module') -> None:
    """Without them the values of random weights grow with each layer, and end as infinite boxes."""
    import torch

    norms = [module for module in backbone.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = None
    with torch.no_grad():
        backbone(torch.randn(4, 3, 128, 256, generator=torch.Generator().manual_seed(0)))
    for norm in norms:
        norm.eval()
        norm.momentum = 0.1


def predictor(kind: str, settings: Settings) -> Any:
    """What `detector` gives, ready to predict: ours with its batch norm folded, as in tools/test.py."""
    from ..models.batch_norm import fold_batch_norm

    model = detector(kind, settings).eval()
    if kind == 'ours':
        fold_batch_norm(model)
    return model


def sgd(model: 'nn.Module') -> 'torch.optim.Optimizer':
    """For all the weights of a model that learn; random ones stay as they are, more or less."""
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    return torch.optim.SGD(weights, 1e-5, momentum=0.9)


def torchvision_detector(version: str, settings: Settings) -> Any:
    """torchvision's `v1`, with the weights that `detector` has, or `v2` with random ones.

    Its first two stages are frozen, as they are for pretrained weights. It does not scale photos once more.
    """
    import torch
    from torchvision.models import resnet50
    from torchvision.models.detection import FasterRCNN, fasterrcnn_resnet50_fpn_v2
    from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
    from torchvision.ops import FrozenBatchNorm2d

    from ..models.checkpoints import load_checkpoint
    from ..models.torchvision_weights import to_torchvision

    torch.manual_seed(0)
    if version == 'v1':
        backbone = resnet50(weights=None, norm_layer=FrozenBatchNorm2d)
        model = FasterRCNN(_resnet_fpn_extractor(backbone, 3), CLASSES + 1)
        weights = _weights(settings)
        model.load_state_dict(to_torchvision(load_checkpoint(weights)['state_dict'], str(weights))[0])
    else:
        model = fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=CLASSES + 1)
        for name, weight in model.backbone.body.named_parameters():
            weight.requires_grad_(not name.startswith(('conv1', 'bn1', 'layer1')))
        _learn_statistics(model.backbone)
        model.roi_heads.box_predictor.cls_score.bias.data[0] = BACKGROUND
    model.transform.resize = lambda photo, target=None: (photo, target)  # its own option is for training alone
    return model.to(device())


def batches(items: Sequence[dict], size: int) -> list[dict[str, list]]:
    """Items of a pipeline as the model is given them, `size` at a time."""
    from mmengine.dataset import pseudo_collate

    return [pseudo_collate(items[start : start + size]) for start in range(0, len(items), size)]


def gflop(run: Any) -> float:
    """Multiplications and additions of the matrix products and convolutions that `run` does, in 1e9.

    Those that are really done: Winograd's convolutions do fewer than the plain ones would.
    """
    from torch.utils.flop_counter import FlopCounterMode

    from ..models.numerics import one_thread

    with one_thread(), FlopCounterMode(display=False) as counter:  # it counts what this thread does
        run()
    return counter.get_total_flops() / 1e9


def as_torchvision(item: dict) -> tuple['torch.Tensor', dict[str, 'torch.Tensor']]:
    """A photo (3, H, W), RGB from 0 to 1, and its boxes, xyxy in pixels."""
    truth = item['data_samples'].gt_instances
    photo = (item['inputs'].flip(0).float() / 255).to(device())
    if 'bboxes' not in truth:
        return photo, {}
    return photo, {'boxes': truth.bboxes.tensor.to(device()), 'labels': truth.labels.to(device()) + 1}
