"""Assignment of boxes to ground truth and random sampling for all images of a batch at once, for training."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from mmdet.models.task_modules import MaxIoUAssigner, RandomSampler
from mmdet.models.task_modules.assigners import BboxOverlaps2D
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def is_plain(assigner: Any, sampler: Any, cfg: Any) -> bool:
    """Return whether `assign` and `sample` do what these parts of MMDetection do with their `train_cfg`."""
    return (
        type(assigner) is MaxIoUAssigner
        and type(assigner.iou_calculator) is BboxOverlaps2D
        and assigner.gt_max_assign_all
        and assigner.ignore_iof_thr <= 0
        and assigner.perm_repeat_gt_cfg is None
        and isinstance(assigner.neg_iou_thr, float)
        and min(assigner.pos_iou_thr, assigner.min_pos_iou) > 0
        and type(sampler) is RandomSampler
        and sampler.neg_pos_ub < 0
        and cfg.pos_weight <= 0
    )


def assign(priors: Tensor, is_real: Tensor, truth: Sequence[Tensor], assigner: MaxIoUAssigner) -> Tensor:
    """Assign ground-truth boxes as MMDetection's `MaxIoUAssigner` does for one image.

    Args:
        priors: anchors (A, 4) of all images, or proposals (B, A, 4) of each, xyxy in pixels.
        is_real: (B, A); False for padding, to which nothing is assigned.
        truth: ground-truth boxes (G, 4) of each image, xyxy in pixels.
        assigner: has the thresholds.

    Returns:
        (B, A) int64: 1 + the index of the ground-truth box, 0 for background, -1 for neither.
    """
    left, top, right, bottom = priors.movedim(-1, 0).unsqueeze(-2).contiguous()  # ([B,] 1, A) each
    boxes = pad_sequence([*truth, priors.new_zeros(1, 4)], batch_first=True)[:-1]  # one box at least
    own_left, own_top, own_right, own_bottom = boxes[..., None].unbind(2)  # (B, G, 1) each
    width = (torch.minimum(right, own_right) - torch.maximum(left, own_left)).clamp_(min=0)
    height = (torch.minimum(bottom, own_bottom) - torch.maximum(top, own_top)).clamp_(min=0)
    overlap = width.mul_(height)
    areas = (own_right - own_left) * (own_bottom - own_top) + (right - left) * (bottom - top)
    iou = overlap / areas.sub_(overlap).clamp_(min=1e-6)  # (B, G, A)
    iou.masked_fill_(~is_real[:, None], -1)
    highest, nearest = iou.max(dim=1)
    assigned = torch.where(highest < assigner.neg_iou_thr, 0, -1)
    assigned = torch.where(highest >= assigner.pos_iou_thr, nearest + 1, assigned)
    if assigner.match_low_quality:
        # Each ground-truth box also gets the priors that overlap most with it; the last box wins.
        best = iou.amax(dim=2, keepdim=True)
        number = torch.arange(1, iou.shape[1] + 1, device=iou.device)[:, None]
        matched = ((iou == best) & (best >= assigner.min_pos_iou)) * number
        matched = matched.amax(dim=1)
        assigned = torch.where(matched > 0, matched, assigned)
    return assigned.masked_fill_(~is_real, -1)


def rows_of(truth: Sequence[Tensor], image: Tensor, number: Tensor) -> Tensor:
    """Return the row of ground-truth boxes among those of all images, which are concatenated.

    Args:
        truth: ground-truth boxes (G, 4) of each image.
        image: (N,) int64 index of the image.
        number: (N,) int64, from 1 on, of the box in its image, as of `assign`.

    Returns:
        (N,) int64.

    Example:
        >>> rows_of([torch.zeros(2, 4), torch.zeros(3, 4)], torch.tensor([0, 1]), torch.tensor([2, 1])).tolist()
        [1, 2]
    """
    starts = torch.tensor([0, *(len(own) for own in truth[:-1])], device=image.device).cumsum(0)
    return starts[image] + number - 1


def sample(assigned: Iterable[Tensor], sampler: RandomSampler) -> list[tuple[Tensor, Tensor]]:
    """Draw positive and negative indices, int64, for each image's row of `assigned`, as RandomSampler does."""
    sampled = []
    for own in assigned:
        positive = _draw((own > 0).nonzero()[:, 0], int(sampler.num * sampler.pos_fraction))
        sampled.append((positive, _draw((own == 0).nonzero()[:, 0], sampler.num - len(positive))))
    return sampled


def _draw(indices: Tensor, count: int) -> Tensor:
    if len(indices) <= count:
        return indices
    return indices[torch.randperm(len(indices))[:count].to(indices.device)]
