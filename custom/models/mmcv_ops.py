"""torchvision's compiled operators in place of mmcv's.

`mmcv.ops` needs a compiled module `mmcv._ext`, which takes half an hour to build. Faster R-CNN uses three of its
operators: `nms`, `roi_align_forward` and `roi_align_backward`. torchvision's wheels contain these three for CPU and
CUDA, and `serve_mmcv_ops` provides them as `mmcv._ext`. Every other operator can be imported and raises when called.

An installed `mmcv._ext` keeps all other operators. The three are replaced there, too: the results are equal,
torchvision's CPU kernel runs in parallel, its RoIAlign supports bfloat16, and every machine runs the same kernels.
"""

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..utils.errors import UserError
from .numerics import at_least_float32
from .roi_align import LARGEST_MAP, pool_boxes, roi_align_gradient

MODULE = 'mmcv._ext'
MAX_POOLING = 0  # mmcv's code for pool_mode='max'; 1 is 'avg'
SETTINGS = itemgetter('spatial_scale', 'aligned_height', 'aligned_width', 'sampling_ratio', 'aligned')  # mmcv's
NEEDED = ('nms', 'roi_align', '_roi_align_backward')
# Up to this number of boxes, one NMS of all groups, moved apart, is faster than one NMS per group. The limits are
# torchvision's, because moving the boxes changes the last digits of an IoU.
MOST_MOVED = {'cpu': 1000, 'cuda': 25_000}


def load_operators() -> None:
    """Make `torch.ops.torchvision` usable.

    Only the compiled library is loaded, because torchvision's modules import torch's compiler, which takes 2 s. If that
    fails, all of torchvision is imported. `torch.compile` and the operators' own gradients also need all of it.

    Raises:
        UserError: torchvision does not match the installed torch.
    """
    if 'torchvision' in sys.modules:
        return
    try:
        spec = importlib.util.find_spec('torchvision')
        for folder in (spec and spec.submodule_search_locations) or ():
            for library in sorted(Path(folder).glob('_C*')):
                if library.suffix in ('.so', '.pyd'):
                    torch.ops.load_library(str(library))
        for name in NEEDED:
            getattr(torch.ops.torchvision, name)
    except (AttributeError, OSError, RuntimeError):
        try:
            importlib.import_module('torchvision')
        except (ImportError, RuntimeError) as error:
            fault = f'torchvision does not work with torch {torch.__version__} ({error})'
            raise UserError(f'{fault}: install the pair in requirements.txt') from error


def batched_nms(bboxes: Tensor, scores: Tensor, groups: Tensor, iou_thr: float) -> Tensor:
    """Suppress non-maxima within groups, with the results of `torchvision.ops.batched_nms`.

    Boxes (N, 4) xyxy of different `groups` (N,) do not suppress one another. A box is dropped if its IoU with a box of
    higher score (N,) is above `iou_thr`. Return the indices (K,) int64 of the kept boxes, highest score first.
    """
    if len(bboxes) > MOST_MOVED.get(bboxes.device.type, 25_000):
        kept = torch.zeros_like(scores, dtype=torch.bool)
        for group in groups.unique():
            own = (groups == group).nonzero()[:, 0]
            kept[own[torch.ops.torchvision.nms(bboxes[own], scores[own], iou_thr)]] = True
        indices = kept.nonzero()[:, 0]
        return indices[scores[indices].sort(descending=True).indices]
    apart = groups.to(bboxes) * (bboxes.max() + 1) if len(bboxes) else groups.to(bboxes)
    return torch.ops.torchvision.nms(bboxes + apart[:, None], scores, iou_thr)


def nms(bboxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Suppress non-maxima; the arguments and the result are those of `batched_nms` for one group.

    A box is x2 - x1 + offset wide; `offset` is 0 or 1, and defaults to 0.
    """
    bboxes, scores = at_least_float32(bboxes, scores)  # torchvision's kernels need equal types; on CPUs no bfloat16
    if offset:
        bboxes = bboxes + bboxes.new_tensor([0, 0, offset, offset])
    return torch.ops.torchvision.nms(bboxes, scores, iou_threshold)


def roi_align_forward(input: Tensor, rois: Tensor, output: Tensor, *argmax: Tensor, **settings: Any) -> None:
    """Fill `output` with the average-pooled boxes. The arguments are mmcv's.

    Args:
        input: (B, C, H, W) feature map.
        rois: (K, 5) index into the batch, then xyxy in pixels of the image.
        output: (K, C, aligned_height, aligned_width), written to.
        *argmax: two tensors for max pooling, unused.
        **settings: `aligned_height` and `aligned_width`, the bins; `spatial_scale`, feature-map pixels per image pixel;
            `sampling_ratio`, samples per bin and direction, where 0 takes one per feature-map pixel; `aligned`, whether
            boxes are shifted by half a pixel to sample pixel centres.
    """
    features, boxes = at_least_float32(input, rois)
    scale, height, width, ratio, aligned = SETTINGS(settings)
    if features.device.type == 'cpu':
        output.copy_(pool_boxes(features, boxes, (height, width), scale, ratio, aligned))
        return
    output.copy_(torch.ops.torchvision.roi_align(features, boxes, scale, height, width, ratio, aligned))


def roi_align_backward(
    grad_output: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor, **settings: Any
) -> None:
    """Fill `grad_input` (B, C, H, W) from `grad_output` (K, C, bins, bins); the rest as in `roi_align_forward`."""
    grad, boxes = at_least_float32(grad_output, rois)
    scale, height, width, ratio, aligned = SETTINGS(settings)
    if grad.device.type == 'cpu' and grad_input.shape[2:].numel() <= LARGEST_MAP:
        roi_align_gradient(grad, boxes, grad_input, scale, ratio, aligned)
        return
    shape = grad_input.shape
    grad_input.copy_(
        torch.ops.torchvision._roi_align_backward(grad, boxes, scale, height, width, *shape, ratio, aligned)
    )


def _refuse(name: str, *args: Any, **kwargs: Any) -> None:
    mode = " with pool_mode='max'" if kwargs.get('pool_mode') == MAX_POOLING else ''
    raise UserError(
        f'mmcv operator {name}{mode} is not available from torchvision: choose a model without it, or '
        'build onedl-mmcv from source with MMCV_WITH_OPS=1 in an environment that has torch and a compiler'
    )


class _StandIn(types.ModuleType):
    """A module that has every public name, because mmcv.ops imports all its operators by name."""

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('_'):
            raise AttributeError(name)
        return functools.partial(_refuse, name)


def _compiled() -> types.ModuleType | None:
    try:
        return importlib.import_module(MODULE)
    except ModuleNotFoundError:
        return None
    except (ImportError, OSError) as error:
        warnings.warn(f'the compiled {MODULE} cannot be loaded ({error}) and is not used', stacklevel=3)
        return None


def _serve(ours: Callable, other: Callable) -> Callable:
    @functools.wraps(ours)
    def operator(*args: Any, **kwargs: Any) -> Any:
        return (other if kwargs.get('pool_mode') == MAX_POOLING else ours)(*args, **kwargs)

    return operator


def served_by() -> str:
    """Describe the available operators, after `serve_mmcv_ops`."""
    others = 'no others' if isinstance(sys.modules[MODULE], _StandIn) else 'all others compiled'
    return f"torchvision's NMS and RoIAlign, {others}"


def serve_mmcv_ops() -> None:
    """Make `mmcv.ops` importable and usable. Call this function before importing mmdet; a second call has no effect.

    Raises:
        UserError: torchvision does not match the installed torch.
    """
    load_operators()
    mmcv = importlib.import_module('mmcv')
    module = _compiled()
    if module is None:
        module = _StandIn(MODULE, __doc__)
        # With a loader, mmcv's check_ops_exist finds the module.
        module.__spec__ = importlib.machinery.ModuleSpec(MODULE, importlib.abc.Loader())
        sys.modules[MODULE] = mmcv._ext = module  # type: ignore[attr-defined]
    for ours in (nms, roi_align_forward, roi_align_backward):
        current = getattr(module, ours.__name__)
        if getattr(current, '__wrapped__', None) is not ours:
            setattr(module, ours.__name__, _serve(ours, current))
