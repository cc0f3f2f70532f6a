"""torchvision's compiled operators, without the rest of torchvision."""

import importlib
import importlib.util
import sys
from pathlib import Path

import torch

from ..utils.errors import UserError

NEEDED = ('nms', 'roi_align', '_roi_align_backward')
# Boxes up to which one suppression of all, moved apart, is faster than one a group; the same as torchvision's, since
# in moved boxes the last digits of an IoU differ.
MOST_MOVED = {'cpu': 1000, 'cuda': 25_000}


def load_operators() -> None:
    """Make `torch.ops.torchvision` usable.

    Only the library is loaded that holds them: torchvision's modules import torch's compiler, which takes two seconds.
    Where that does not work, torchvision is imported as a whole. `torch.compile` and gradients of the operators by
    themselves (here they belong to mmcv's functions) need that, too.

    Raises:
        UserError: torchvision does not fit the installed torch.
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
        import_torchvision()


def import_torchvision() -> None:
    """Import all of torchvision.

    Raises:
        UserError: it does not fit the installed torch.
    """
    try:
        importlib.import_module('torchvision')
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f'torchvision does not work with torch {torch.__version__} ({error}): install the pair in requirements.txt'
        ) from error


def batched_nms(bboxes: torch.Tensor, scores: torch.Tensor, groups: torch.Tensor, iou_thr: float) -> torch.Tensor:
    """Non-maximum suppression within groups, as torchvision.ops does it.

    Args:
        bboxes: (N, 4) xyxy.
        scores: (N,).
        groups: (N,) integers; boxes of different groups do not suppress one another.
        iou_thr: IoU above which the lower score goes.

    Returns:
        (K,) int64: indices of the boxes kept, highest score first.
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
