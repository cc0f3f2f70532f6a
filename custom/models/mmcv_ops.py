"""mmcv's compiled operators, served by torchvision.

`mmcv.ops` wants a compiled module `mmcv._ext`, which takes half an hour to build. Faster R-CNN needs three of its
operators: `nms`, `roi_align_forward` and `roi_align_backward`. torchvision's wheels carry the same ones, for CPU and
CUDA, so `serve_mmcv_ops` offers them under that name. Every other operator can be imported, and raises when called.

Where a compiled `mmcv._ext` is installed it stays in place and serves every other operator, but these three are
torchvision's there, too: the results are equal, the CPU kernel is faster (it runs in parallel, mmcv's does not), mixed
precision works (mmcv's RoIAlign refuses bfloat16), and every machine then runs the same kernels.
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
from typing import Any

import torch

from ..utils.errors import UserError
from .numerics import at_least_float32
from .roi_align import LARGEST_MAP, roi_align_gradient
from .torchvision_ops import load_operators

MODULE = 'mmcv._ext'
MAX_POOLING = 0  # mmcv's code for pool_mode='max'; 1 is 'avg'


def nms(bboxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float, offset: int = 0) -> torch.Tensor:
    """Non-maximum suppression: of boxes that overlap by more than the threshold, the best one stays.

    Args:
        bboxes: (N, 4) xyxy, pixels.
        scores: (N,).
        iou_threshold: IoU above which the lower score goes.
        offset: a box is x2 - x1 + offset wide, 0 or 1. Defaults to 0.

    Returns:
        (K,) int64: indices of the boxes kept, highest score first.
    """
    bboxes, scores = at_least_float32(bboxes, scores)  # torchvision's kernels want one type; on CPUs no bfloat16
    if offset:
        bboxes = bboxes + bboxes.new_tensor([0, 0, offset, offset])
    return torch.ops.torchvision.nms(bboxes, scores, iou_threshold)


def roi_align_forward(
    input: torch.Tensor,
    rois: torch.Tensor,
    output: torch.Tensor,
    argmax_y: torch.Tensor,
    argmax_x: torch.Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `output` with the average-pooled boxes. The names are mmcv's.

    Args:
        input: (B, C, H, W) feature map.
        rois: (K, 5) index into the batch, then xyxy in pixels of the image.
        output: (K, C, aligned_height, aligned_width), written to.
        argmax_y: unused; belongs to max pooling.
        argmax_x: unused; belongs to max pooling.
        aligned_height: bins from top to bottom.
        aligned_width: bins from left to right.
        spatial_scale: feature-map pixels per image pixel.
        sampling_ratio: samples per bin and direction; 0 takes one per feature-map pixel.
        pool_mode: 1, average.
        aligned: shift by half a pixel, so that pixel centres are sampled.
    """
    features, boxes = at_least_float32(input, rois)
    output.copy_(
        torch.ops.torchvision.roi_align(
            features, boxes, spatial_scale, aligned_height, aligned_width, sampling_ratio, aligned
        )
    )


def roi_align_backward(
    grad_output: torch.Tensor,
    rois: torch.Tensor,
    argmax_y: torch.Tensor,
    argmax_x: torch.Tensor,
    grad_input: torch.Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `grad_input` (B, C, H, W) from `grad_output` (K, C, bins, bins); the rest as in `roi_align_forward`."""
    grad, boxes = at_least_float32(grad_output, rois)
    height, width = grad_input.shape[2:]
    if grad.device.type == 'cpu' and height * width <= LARGEST_MAP:
        roi_align_gradient(grad, boxes, grad_input, spatial_scale, sampling_ratio, aligned)
        return
    size = (aligned_height, aligned_width, *grad_input.shape)
    grad_input.copy_(
        torch.ops.torchvision._roi_align_backward(grad, boxes, spatial_scale, *size, sampling_ratio, aligned)
    )


def _refuse(name: str, *args: Any, **kwargs: Any) -> None:
    mode = " with pool_mode='max'" if kwargs.get('pool_mode') == MAX_POOLING else ''
    raise UserError(
        f'mmcv operator {name}{mode} is not among those that torchvision serves here: choose a model without it, or '
        'build onedl-mmcv from source with MMCV_WITH_OPS=1 in an environment that has torch and a compiler'
    )


class _StandIn(types.ModuleType):
    """A module with every public name: mmcv.ops looks all its operators up when it is imported."""

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('_'):
            raise AttributeError(name)
        return functools.partial(_refuse, name)


class _StandInLoader(importlib.abc.Loader):
    """Gives the stand-in a complete `__spec__`, so that it is found like an installed module."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _StandIn(spec.name, __doc__)

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to run."""


def _compiled() -> types.ModuleType | None:
    """The compiled module, or None where there is none that works with this torch."""
    try:
        return importlib.import_module(MODULE)
    except ModuleNotFoundError:
        return None
    except (ImportError, OSError) as error:
        warnings.warn(f'the compiled {MODULE} cannot be loaded ({error}): going on without it', stacklevel=3)
        return None


def _served(ours: Callable, other: Callable) -> Callable:
    """Take our operator, and the module's other one for max pooling."""

    @functools.wraps(ours)
    def operator(*args: Any, **kwargs: Any) -> Any:
        return (other if kwargs.get('pool_mode') == MAX_POOLING else ours)(*args, **kwargs)

    return operator


def served_by() -> str:
    """In words, once `serve_mmcv_ops` was called: whose operators there are."""
    if isinstance(sys.modules[MODULE], _StandIn):
        return "torchvision's NMS and RoIAlign, no others"
    return "torchvision's NMS and RoIAlign, all others compiled"


def serve_mmcv_ops() -> None:
    """Make `mmcv.ops` importable and usable; call it before anything of mmdet is imported. Twice is harmless.

    Raises:
        UserError: torchvision does not fit the installed torch.
    """
    load_operators()
    mmcv = importlib.import_module('mmcv')
    module = _compiled()
    if module is None:
        spec = importlib.machinery.ModuleSpec(MODULE, _StandInLoader())
        module = importlib.util.module_from_spec(spec)
        sys.modules[MODULE] = mmcv._ext = module  # type: ignore[attr-defined]
    for ours in (nms, roi_align_forward, roi_align_backward):
        current = getattr(module, ours.__name__)
        if getattr(current, '__wrapped__', None) is not ours:
            setattr(module, ours.__name__, _served(ours, current))
