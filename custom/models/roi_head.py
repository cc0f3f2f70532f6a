"""MMDetection's RoI head with losses and predictions computed for all images of a batch at once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmdet.models import StandardRoIHead
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData
from torch.nn.utils.rnn import pad_sequence

from ..utils.errors import UserError
from .mmcv_ops import batched_nms
from .numerics import at_least_float32
from .sampling import assign, is_plain, rows_of, sample


class Sampled(NamedTuple):
    """Proposals of a group of images that the box head is trained with, and their targets as in `BBoxHead`.

    Attributes:
        rois: (R, 5) index of the image in the group, then xyxy in pixels.
        labels: (R,) int64, that of the background where there is no digit.
        label_weights: (R,).
        bbox_targets: (R, 4) deltas, 0 for background.
        bbox_weights: (R, 4), 0 for background.
    """

    rois: torch.Tensor
    labels: torch.Tensor
    label_weights: torch.Tensor
    bbox_targets: torch.Tensor
    bbox_weights: torch.Tensor


@MODELS.register_module()
class BatchedRoIHead(StandardRoIHead):
    """`StandardRoIHead` with the same results in fewer operations; only NMS is done per image.

    Boxes have at least 32 bits. The box head has a softmax over the digits and the background. `DigitFasterRCNN` calls
    `loss` and `predict`, whose arguments are pooled features instead of the parent's feature maps.

    Raises:
        UserError: test_cfg has another NMS than plain NMS per class.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        nms = self.test_cfg.nms if self.test_cfg else {}
        if nms.get('type', 'nms') != 'nms' or nms.get('class_agnostic', False):
            fault = f'model.test_cfg.rcnn.nms={dict(nms)}: BatchedRoIHead supports plain NMS per class only'
            raise UserError(f'{fault}; for another NMS also set model.roi_head.type=StandardRoIHead')

    def sample(
        self, levels: Sequence[torch.Tensor], proposals: Sequence[InstanceData], samples: Sequence[DetDataSample]
    ) -> Sampled:
        """Assign and sample proposals of a group of images.

        `levels` (B, C, H, W) of the FPN are for samplers that use them. The proposals have `bboxes` (N, 4), xyxy in
        pixels. The samples hold the ground truth.
        """
        ground_truth, ignored = unpack_gt_instances(samples)[:2]
        is_usual = not self.bbox_head.reg_decoded_bbox and not self.bbox_assigner.match_low_quality
        if not is_usual or not is_plain(self.bbox_assigner, self.bbox_sampler, self.train_cfg):
            return self._sample_each(levels, proposals, ground_truth, ignored)
        boxes, truth = [own.bboxes for own in proposals], [own.bboxes for own in ground_truth]
        counts = torch.tensor([len(own) for own in boxes], device=boxes[0].device)
        padded = pad_sequence(boxes, batch_first=True)
        is_real = torch.arange(padded.shape[1], device=counts.device) < counts[:, None]
        assigned = [
            own[: len(box)] for own, box in zip(assign(padded, is_real, truth, self.bbox_assigner), boxes, strict=True)
        ]
        if self.bbox_sampler.add_gt_as_proposals:
            boxes = [torch.cat(pair) for pair in zip(truth, boxes, strict=True)]
            own = [torch.arange(1, len(box) + 1, device=box.device) for box in truth]
            assigned = [torch.cat(pair) for pair in zip(own, assigned, strict=True)]
        chosen = [torch.cat(own) for own in sample(assigned, self.bbox_sampler)]
        rois = bbox2roi([own[indices] for own, indices in zip(boxes, chosen, strict=True)])
        number = torch.cat([own[indices] for own, indices in zip(assigned, chosen, strict=True)])
        is_digit = number > 0
        labels = torch.full_like(number, self.bbox_head.num_classes)
        targets, weights = rois.new_zeros(len(rois), 4), is_digit[:, None].expand(-1, 4).to(rois)
        rows = rows_of(truth, rois[is_digit, 0].long(), number[is_digit])
        labels[is_digit] = torch.cat([own.labels for own in ground_truth])[rows]
        deltas = self.bbox_head.bbox_coder.encode(rois[is_digit, 1:], torch.cat(truth)[rows])
        targets[is_digit] = deltas.to(targets)  # MMDetection computes them in 32 bits
        return Sampled(rois, labels, torch.ones_like(targets[:, 0]), targets, weights)

    def _sample_each(
        self,
        levels: Sequence[torch.Tensor],
        proposals: Sequence[InstanceData],
        ground_truth: Sequence[InstanceData],
        ignored: Sequence[InstanceData | None],
    ) -> Sampled:
        """Assign and sample image by image, by MMDetection's parts of any type."""
        sampled = []
        for i, (own, truth, ignore) in enumerate(zip(proposals, ground_truth, ignored, strict=True)):
            own.priors = own.pop('bboxes')
            assigned = self.bbox_assigner.assign(own, truth, ignore)
            feats = [level[i][None] for level in levels]
            sampled.append(self.bbox_sampler.sample(assigned, own, truth, feats=feats))
        rois = bbox2roi([own.priors for own in sampled])
        return Sampled(rois, *self.bbox_head.get_targets(sampled, self.train_cfg))

    def loss(self, pooled: torch.Tensor, sampled: Sequence[Sampled]) -> dict[str, torch.Tensor]:
        """Compute the losses of the sampled boxes of all groups from their pooled features (R, C, 7, 7)."""
        cls_score, deltas = self.bbox_head(pooled)
        return self.bbox_head.loss(cls_score, deltas, *(torch.cat(parts) for parts in zip(*sampled, strict=True)))

    def pool(self, levels: Sequence[torch.Tensor], rois: torch.Tensor) -> torch.Tensor:
        """Pool the features (R, C, 7, 7) of boxes (R, 5): index of the image, then xyxy in pixels."""
        used = levels[: self.bbox_roi_extractor.num_inputs]
        # The extractor converts boxes to the type of the maps. bfloat16 has whole pixels only, from 128 on.
        return self.bbox_roi_extractor(at_least_float32(*used), rois)

    def predict(
        self, pooled: torch.Tensor, proposals: Sequence[torch.Tensor], metas: Sequence[dict], rescale: bool
    ) -> list[InstanceData]:
        """Predict per image `bboxes` (N, 4) xyxy in pixels, `scores` and `labels` (N,), highest score first.

        Args:
            pooled: the result of `pool`.
            proposals: per image (N, 4) xyxy in pixels.
            metas: per image; boxes are clipped to `img_shape`.
            rescale: divide boxes by `scale_factor`, to pixels of the original image.
        """
        cls_score, deltas = at_least_float32(*self.bbox_head(pooled))
        scores = cls_score.softmax(dim=-1)[:, :-1]
        counts = torch.tensor([len(own) for own in proposals], device=scores.device)
        image = torch.arange(len(counts), device=scores.device).repeat_interleave(counts)
        rois, classes = torch.cat(list(proposals)), deltas.shape[1] // 4
        bboxes = self.bbox_head.bbox_coder.decode(rois.repeat_interleave(classes, dim=0), deltas.reshape(-1, 4))
        limits = scores.new_tensor([meta['img_shape'][1::-1] * 2 for meta in metas])[image, None]
        bboxes = bboxes.view(-1, classes, 4).clamp(min=0).minimum(limits)
        if rescale:
            factors = [tuple(1 / side for side in meta['scale_factor']) * 2 for meta in metas]
            bboxes = bboxes * scores.new_tensor(factors)[image, None]

        rows, labels = (scores > self.test_cfg.score_thr).nonzero(as_tuple=True)
        bboxes = bboxes[rows, labels if classes > 1 else torch.zeros_like(labels)]
        sizes = torch.bincount(image[rows], minlength=len(metas)).tolist()
        results = []
        parts = (part.split(sizes) for part in (bboxes, scores[rows, labels], labels))
        for own_boxes, own_scores, own_labels in zip(*parts, strict=True):
            kept = batched_nms(own_boxes, own_scores, own_labels, self.test_cfg.nms.iou_threshold)
            kept = kept[: self.test_cfg.max_per_img] if self.test_cfg.max_per_img > 0 else kept
            results.append(InstanceData(bboxes=own_boxes[kept], scores=own_scores[kept], labels=own_labels[kept]))
        return results
