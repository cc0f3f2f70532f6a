"""Photos and detectors of the benchmarks: this project's, MMDetection's and torchvision's."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..utils.errors import UserError
from ..utils.files import real_path
from .candidate import ROOT, Settings

SYNTHETIC = 64  # images
CLASSES = 10
BACKGROUND = 7.0  # bias of the background's logit, for random weights
STOCK = "MMDetection's faster-rcnn_r50_fpn with ten classes"
TORCHVISION = {'v1': 'fasterrcnn_resnet50_fpn', 'v2': 'fasterrcnn_resnet50_fpn_v2'}


def config_of(name: str) -> Any:
    """Read a file of configs/, without the ImageNet weights."""
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    from .. import register  # noqa: F401 - installs the operators of mmcv and registers the configs' classes

    init_default_scope('mmdet')
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    cfg.model.backbone.init_cfg = None
    return cfg


def photos_of(settings: Settings, labels_for: str = '') -> tuple[Path, Path | None]:
    """Return a folder DIR of photos, and its COCO json DIR.json where there is one.

    Without `settings.images` the photos are synthetic; the first candidate draws them.

    Raises:
        UserError: labels are needed, for a purpose that `labels_for` names, and missing.
    """
    if not settings.images:
        from ..synth.dataset import SynthConfig, write_dataset

        root = Path(settings.scratch, 'photos')
        if not root.is_dir():
            write_dataset(root, SynthConfig(images=SYNTHETIC), workers=1)
        return root / 'train', root / 'train.json'
    folder, annotations = Path(settings.images), real_path(settings.images).with_suffix('.json')
    if labels_for and not annotations.is_file():
        raise UserError(f'{folder}: {labels_for} needs labels; save them as {annotations}')
    return folder, annotations if annotations.is_file() else None


def for_inference(settings: Settings, count: int) -> list[dict[str, Any]]:
    """Load at most `count` photos by the test pipeline of digits_frcnn, with labels where there are any."""
    from mmdet.registry import DATASETS

    folder, annotations = photos_of(settings)
    labels = {'type': 'DigitDataset', 'ann_file': str(annotations)} if annotations else {'type': 'DigitFolder'}
    own = {'data_root': '', 'data_prefix': {'img': str(folder)}, **labels}
    photos = DATASETS.build({**config_of('digits_frcnn').test_dataloader.dataset, **own})
    count = min(count, len(photos))
    return [photos[i * len(photos) // count] for i in range(count)]


def for_training(cfg: Any, settings: Settings, count: int) -> tuple[list[dict[str, Any]], float]:
    """Load `count` photos by the training pipeline of `cfg`; also return its photos/s on one core, files cached.

    Raises:
        UserError: the photos have no labels.
    """
    import numpy as np
    import torch
    from mmdet.registry import DATASETS

    from ..models.numerics import one_thread

    folder, annotations = photos_of(settings, labels_for='training')
    own = {'data_root': '', 'data_prefix': {'img': str(folder)}, 'ann_file': str(annotations)}
    photos = DATASETS.build({**cfg.train_dataloader.dataset, **own})
    np.random.seed(0)
    torch.manual_seed(0)
    chosen = [i * len(photos) // count for i in range(count)]
    loaded = [photos[i] for i in chosen]
    with one_thread():
        start = time.process_time()
        for i in chosen:
            photos[i]
        return loaded, count / (time.process_time() - start)


def device() -> str:
    """Return 'cuda' where there is a GPU, else 'cpu'."""
    import torch

    return 'cuda' if torch.cuda.is_available() else 'cpu'


def detector(kind: str, settings: Settings) -> Any:
    """Build a Faster R-CNN of MMDetection with ResNet-50: 'ours', or 'stock' with the same weights.

    Random weights keep activations bounded and classify nearly everything as background, as trained ones do.
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
        logging.disable(logging.INFO)  # a line for each weight
        model.init_weights()
        logging.disable(logging.NOTSET)
        _set_statistics(model.backbone)
        model.roi_head.bbox_head.fc_cls.bias.data[CLASSES] = BACKGROUND
        torch.save(model.state_dict(), weights)
    load_weights(model, weights)
    return model.to(device())


def _weights(settings: Settings) -> Path:
    """Return the weights of all candidates that can share them."""
    return Path(settings.weights) if settings.weights else Path(settings.scratch, 'r50.pth')


def _set_statistics(backbone: Any) -> None:
    """Set batch norm by noise; without it activations of random weights grow with each layer to infinite boxes."""
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
    """Build a `detector` for inference: ours with its batch norm folded, as in tools/test.py."""
    model = detector(kind, settings).eval()  # registers the operators that the next import needs
    if kind == 'ours':
        from ..models.batch_norm import fold_batch_norm

        fold_batch_norm(model)
    return model


def sgd(model: Any) -> Any:
    """Build an optimizer of all trainable weights, with a learning rate that hardly changes random ones."""
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    return torch.optim.SGD(weights, 1e-5, momentum=0.9)


def torchvision_detector(version: str, settings: Settings) -> Any:
    """Build torchvision's `v1`, with the weights of `detector`, or `v2` with random ones; photos are not scaled again.

    The first two stages are frozen, as they are for pretrained weights.
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
        _set_statistics(model.backbone)
        model.roi_heads.box_predictor.cls_score.bias.data[0] = BACKGROUND
    model.transform.resize = lambda photo, target=None: (photo, target)  # torchvision's option is for training alone
    return model.to(device())


def batches(items: Sequence[dict], size: int) -> list[dict[str, list]]:
    """Collate items of a pipeline, `size` at a time."""
    from mmengine.dataset import pseudo_collate

    return [pseudo_collate(items[start : start + size]) for start in range(0, len(items), size)]


def gflop(run: Callable[[], Any]) -> float:
    """Count the multiplications and additions of `run` in matrix products and convolutions, in 1e9.

    The executed ones count: Winograd convolutions need fewer than plain ones.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

    from ..models.numerics import one_thread

    def packed(x_shape: Any, weight_shape: Any, *args: Any, out_shape: Any, **kwargs: Any) -> int:
        return conv_flop_count(x_shape, weight_shape, out_shape)

    def added(other_shape: Any, *args: Any, **kwargs: Any) -> int:
        return packed(*args, **kwargs)

    operators = torch.ops.mkldnn
    more = {operators._convolution_pointwise: packed, operators._convolution_pointwise_: added}
    with one_thread(), FlopCounterMode(display=False, custom_mapping=more) as counter:  # it covers this thread only
        run()
    return counter.get_total_flops() / 1e9


def as_torchvision(item: dict) -> tuple[Any, dict[str, Any]]:
    """Convert an item of a pipeline to a photo, tensor (3, H, W), RGB from 0 to 1, and its boxes, xyxy in pixels."""
    truth = item['data_samples'].gt_instances
    photo = (item['inputs'].flip(0).float() / 255).to(device())
    if 'bboxes' not in truth:
        return photo, {}
    return photo, {'boxes': truth.bboxes.tensor.to(device()), 'labels': truth.labels.to(device()) + 1}
