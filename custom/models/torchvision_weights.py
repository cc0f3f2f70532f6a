"""torchvision's Faster R-CNN weights under MMDetection's names, and back.

`fasterrcnn_resnet50_fpn` belongs to configs/digits_frcnn_r50v1.py, `fasterrcnn_resnet50_fpn_v2` to …_r50v2.py. Beside
the names only the box predictor changes: torchvision has the background as its first class; MMDetection has it as the
last, and gives it no box.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torchvision.models import detection

from ..structures.digits import DIGITS
from ..utils.errors import UserError
from ..utils.files import replacing

Weights = dict[str, torch.Tensor]

CONFIGS = {
    'fasterrcnn_resnet50_fpn': 'configs/digits_frcnn_r50v1.py',
    'fasterrcnn_resnet50_fpn_v2': 'configs/digits_frcnn_r50v2.py',
}
PREDICTOR = 'roi_heads.box_predictor.'
# How names begin, torchvision's and MMDetection's; # is a number, and what follows is the same in both.
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
    """Rename the weights of a torchvision Faster R-CNN, of any number of classes.

    Args:
        weights: torchvision's state dict, with today's names or those of before torchvision 0.13.
        source: the file that they come from, for the error.

    Returns:
        MMDetection's state dict, and the torchvision model that it was: a key of `CONFIGS`.

    Raises:
        UserError: they are not the weights of one of the two models.
    """
    # Before 0.13 a convolution without a norm was no block of its own.
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
    """Rename the weights of a model of one of `CONFIGS`, of any number of classes.

    Args:
        weights: MMDetection's state dict.
        source: the file that they come from, for the error.
        predictor: the box predictor that they had in torchvision. It gives what MMDetection has no place for: the
            background's box, which torchvision neither trains nor uses; all of it where `weights` has none. Without
            it the background's box is zeros. Defaults to None.

    Returns:
        torchvision's state dict, and the model that it belongs to: a key of `CONFIGS`.

    Raises:
        UserError: the model is none that torchvision has.
    """
    deeper = any('.shared_convs.' in key for key in weights)
    model = 'fasterrcnn_resnet50_fpn_v2' if deeper else 'fasterrcnn_resnet50_fpn'
    renamed = _rename(weights, [(ours, theirs) for theirs, ours in NAMES[model]], source)
    kept = dict(predictor or {})
    for key in [key for key in renamed if key.startswith(PREDICTOR)]:
        value, before = renamed[key], kept.pop(key, None)
        if 'cls_score' in key:
            renamed[key] = value.roll(1, 0)
        else:
            background = torch.zeros_like(value[:4])
            if before is not None and before.shape[1:] == value.shape[1:]:
                background = before[:4]
            renamed[key] = torch.cat([background, value])
    renamed |= kept
    _check(renamed, model, source)
    return renamed, model


def without_other_classes(weights: Weights) -> Weights:
    """MMDetection's weights, less a box predictor of other classes than the ten digits."""
    if len(weights.get('roi_head.bbox_head.fc_cls.bias', ())) in (0, len(DIGITS) + 1):
        return weights
    return {key: weights[key] for key in weights if not re.search(r'\.fc_(cls|reg)\.', key)}


def write_weights(path: Path, stored: dict) -> None:
    """Write a dict that may hold more than a `state_dict` (.pth), or that alone (.safetensors)."""
    with replacing(path) as beside:
        if path.suffix == '.safetensors':
            from safetensors.torch import save_file

            weights = stored.get('state_dict', stored)
            save_file({key: weights[key].contiguous() for key in weights}, beside, {'format': 'pt'})
        else:
            torch.save(stored, beside)


def _rename(weights: Mapping[str, torch.Tensor], names: Iterable[tuple[str, str]], source: str | Path) -> Weights:
    renamed = {}
    for key, value in weights.items():
        for old, new in names:
            found = re.match(re.escape(old).replace(r'\#', r'(\d+)'), key)
            if found:
                renamed[new.replace('#', ''.join(found.groups())) + key[found.end() :]] = value
                break
        else:
            raise UserError(f'{source}: {key} is no weight of the models that this converts: {", ".join(CONFIGS)}')
    return renamed


def _check(weights: Weights, model: str, source: str | Path) -> None:
    """Compare names and shapes with torchvision's model; the counters of batches and the predictor may be missing."""
    outputs = len(weights.get(f'{PREDICTOR}cls_score.bias', ())) or len(DIGITS) + 1
    build = getattr(detection, model)
    with torch.device('meta'):  # shapes only
        wanted = build(weights=None, weights_backbone=None, num_classes=outputs).state_dict()
    optional = [key for key in wanted if key.endswith('num_batches_tracked')]
    if not any(key.startswith(PREDICTOR) for key in weights):
        optional += [key for key in wanted if key.startswith(PREDICTOR)]
    reshaped = [key for key in wanted.keys() & weights.keys() if wanted[key].shape != weights[key].shape]
    groups = {
        'missing': wanted.keys() - weights.keys() - set(optional),
        'unknown': weights.keys() - wanted.keys(),
        'of another shape': reshaped,
    }
    faults = [f'{len(keys)} {what} ({", ".join(sorted(keys)[:2])})' for what, keys in groups.items() if keys]
    if faults:
        raise UserError(f"{source}: not the weights of torchvision's {model}: {'; '.join(faults)}")
