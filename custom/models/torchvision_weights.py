"""Conversion of Faster R-CNN weights between torchvision's names and MMDetection's.

`fasterrcnn_resnet50_fpn` belongs to configs/digits_frcnn_r50v1.py, `fasterrcnn_resnet50_fpn_v2` to …_r50v2.py. Apart
from names only the box predictor differs: the background is torchvision's first class, and MMDetection's last class
without a box.
"""

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torchvision.models import detection

from ..structures.digits import DIGITS
from ..utils.errors import UserError
from ..utils.files import replacing
from .checkpoints import describe_mismatches, mismatches

Weights = dict[str, torch.Tensor]

CONFIGS = {
    'fasterrcnn_resnet50_fpn': 'configs/digits_frcnn_r50v1.py',
    'fasterrcnn_resnet50_fpn_v2': 'configs/digits_frcnn_r50v2.py',
}
PREDICTOR = 'roi_heads.box_predictor.'
# Prefixes of names in torchvision and MMDetection; # is a number, and the rest of a name is the same in both.
COMMON = [
    ('backbone.body.', 'backbone.'),
    ('backbone.fpn.inner_blocks.#.0.', 'neck.lateral_convs.#.conv.'),
    ('backbone.fpn.layer_blocks.#.0.', 'neck.fpn_convs.#.conv.'),
    ('rpn.head.cls_logits.', 'rpn_head.rpn_cls.'),
    ('rpn.head.bbox_pred.', 'rpn_head.rpn_reg.'),
    (f'{PREDICTOR}cls_score.', 'roi_head.bbox_head.fc_cls.'),
    (f'{PREDICTOR}bbox_pred.', 'roi_head.bbox_head.fc_reg.'),
]
NAMES = {
    'fasterrcnn_resnet50_fpn': [
        *COMMON,
        ('rpn.head.conv.0.0.', 'rpn_head.rpn_conv.'),
        ('roi_heads.box_head.fc6.', 'roi_head.bbox_head.shared_fcs.0.'),
        ('roi_heads.box_head.fc7.', 'roi_head.bbox_head.shared_fcs.1.'),
    ],
    'fasterrcnn_resnet50_fpn_v2': [
        *COMMON,
        ('backbone.fpn.inner_blocks.#.1.', 'neck.lateral_convs.#.bn.'),
        ('backbone.fpn.layer_blocks.#.1.', 'neck.fpn_convs.#.bn.'),
        ('rpn.head.conv.#.0.', 'rpn_head.rpn_conv.#.conv.'),
        ('roi_heads.box_head.#.0.', 'roi_head.bbox_head.shared_convs.#.conv.'),
        ('roi_heads.box_head.#.1.', 'roi_head.bbox_head.shared_convs.#.bn.'),
        ('roi_heads.box_head.5.', 'roi_head.bbox_head.shared_fcs.0.'),
    ],
}


def to_mmdet(weights: Mapping[str, torch.Tensor], source: str | Path) -> tuple[Weights, str]:
    """Convert the weights of a torchvision Faster R-CNN with any number of classes to MMDetection's names.

    Names from before torchvision 0.13 are supported. `source` is the file of the weights, for messages.

    Returns:
        MMDetection's state dict, and the name of the torchvision model: a key of `CONFIGS`.

    Raises:
        UserError: the weights do not belong to one of the two models.
    """
    # Before 0.13 a convolution without a norm was not a block.
    weights = {re.sub(r'^(backbone\.fpn\.\w+_blocks\.\d)\.(\w+)$', r'\1.0.\2', key): weights[key] for key in weights}
    weights = {re.sub(r'^(rpn\.head\.conv)\.(\w+)$', r'\1.0.0.\2', key): weights[key] for key in weights}
    model = 'fasterrcnn_resnet50_fpn_v2' if 'roi_heads.box_head.5.weight' in weights else 'fasterrcnn_resnet50_fpn'
    _check(weights, model, source)
    renamed = _rename(weights, NAMES[model], source)
    for key in renamed:
        if '.fc_cls.' in key:
            renamed[key] = renamed[key].roll(-1, 0)
        elif '.fc_reg.' in key:
            renamed[key] = renamed[key][4:].clone()
    return renamed, model


def to_torchvision(
    weights: Mapping[str, torch.Tensor], source: str | Path, predictor: Mapping[str, torch.Tensor] | None = None
) -> tuple[Weights, str]:
    """Convert the weights of a model of one of `CONFIGS` with any number of classes.

    Args:
        weights: MMDetection's state dict.
        source: the file of the weights, for messages.
        predictor: the original box predictor of torchvision. It provides the background's box, which torchvision
            neither trains nor uses, and the whole predictor if `weights` has none. Defaults to None, a box of zeros.

    Returns:
        torchvision's state dict, and the name of its model: a key of `CONFIGS`.

    Raises:
        UserError: torchvision has no such model.
    """
    version = '_v2' if any('.shared_convs.' in key for key in weights) else ''
    model = f'fasterrcnn_resnet50_fpn{version}'
    renamed = _rename(weights, [(ours, theirs) for theirs, ours in NAMES[model]], source)
    kept = dict(predictor or {})
    for key in [key for key in renamed if key.startswith(PREDICTOR)]:
        value, original = renamed[key], kept.pop(key, None)
        if 'cls_score' in key:
            renamed[key] = value.roll(1, 0)
        else:
            background = torch.zeros_like(value[:4])
            if original is not None and original.shape[1:] == value.shape[1:]:
                background = original[:4]
            renamed[key] = torch.cat([background, value])
    renamed |= kept
    _check(renamed, model, source)
    return renamed, model


def without_other_classes(weights: Weights) -> Weights:
    """Remove the box predictor from MMDetection's weights unless its classes are the ten digits."""
    if len(weights.get('roi_head.bbox_head.fc_cls.bias', ())) in (0, len(DIGITS) + 1):
        return weights
    return {key: weights[key] for key in weights if not re.search(r'\.fc_(cls|reg)\.', key)}


def write_weights(path: Path, stored: dict) -> None:
    """Write a checkpoint: all of `stored` as .pth, or only its `state_dict` as .safetensors."""
    with replacing(path) as beside:
        if path.suffix == '.safetensors':
            from safetensors.torch import save

            weights = stored.get('state_dict', stored)
            beside.write_bytes(save({key: weights[key].contiguous() for key in weights}, {'format': 'pt'}))
        else:
            content = io.BytesIO()
            torch.save(stored, content)  # to a file, its errors do not name the full disk
            beside.write_bytes(content.getbuffer())


def _rename(weights: Mapping[str, torch.Tensor], names: Iterable[tuple[str, str]], source: str | Path) -> Weights:
    renamed = {}
    for key, value in weights.items():
        for old, new in names:
            found = re.match(re.escape(old).replace(r'\#', r'(\d+)'), key)
            if found:
                renamed[new.replace('#', ''.join(found.groups())) + key[found.end() :]] = value
                break
        else:
            raise UserError(f'{source}: {key} is not a weight of the supported models: {", ".join(CONFIGS)}')
    return renamed


def _check(weights: Weights, model: str, source: str | Path) -> None:
    """Compare names and shapes with torchvision's model. The predictor is optional."""
    outputs = len(weights.get(f'{PREDICTOR}cls_score.bias', ())) or len(DIGITS) + 1
    with torch.device('meta'):  # shapes only
        expected = getattr(detection, model)(weights=None, weights_backbone=None, num_classes=outputs).state_dict()
    if not any(key.startswith(PREDICTOR) for key in weights):
        expected = {key: value for key, value in expected.items() if not key.startswith(PREDICTOR)}
    if groups := mismatches(weights, expected):
        raise UserError(f"{source}: not the weights of torchvision's {model}: {describe_mismatches(groups)}")
