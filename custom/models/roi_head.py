"""MMDetection's RoI head with losses and predictions computed for all images of a batch at once."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models import StandardRoIHead
from mmdet.models.task_modules import SamplingResult
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData

from ..utils.errors import UserError
from .mmcv_ops import batched_nms
from .numerics import at_least_float32


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
    ) -> list[SamplingResult]:
        """Assign and sample proposals per image.

        `levels` (B, C, H, W) of the FPN are for samplers that use them. The proposals' `bboxes` (N, 4), xyxy in pixels,
        are renamed to `priors`. The samples hold the ground truth.
        """
        sampled = []
        triples = zip(proposals, *unpack_gt_instances(samples)[:2], strict=True)
        for i, (own, ground_truth, ignored) in enumerate(triples):
            own.priors = own.pop('bboxes')
            assigned = self.bbox_assigner.assign(own, ground_truth, ignored)
            feats = [level[i][None] for level in levels]
            sampled.append(self.bbox_sampler.sample(assigned, own, ground_truth, feats=feats))
        return sampled

    def loss(self, pooled: torch.Tensor, sampled: list[SamplingResult]) -> dict[str, torch.Tensor]:
        """Compute the losses of the sampled boxes of all images from their pooled features (R, C, 7, 7)."""
        cls_score, deltas = self.bbox_head(pooled)
        rois = bbox2roi([own.priors for own in sampled])
        return self.bbox_head.loss_and_target(cls_score, deltas, rois, sampled, self.train_cfg)['loss_bbox']

    def pool(self, levels: Sequence[torch.Tensor], proposals: Sequence[torch.Tensor]) -> torch.Tensor:
        """Pool the features (R, C, 7, 7) of the proposals, per image (N, 4) xyxy in pixels."""
        used = levels[: self.bbox_roi_extractor.num_inputs]
        # The extractor converts boxes to the type of the maps. bfloat16 has whole pixels only, from 128 on.
        return self.bbox_roi_extractor(at_least_float32(*used), bbox2roi(list(proposals)))

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
