"""MMDetection's RoI head, its losses and answers made for all photos of a batch at once."""

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
from .numerics import at_least_float32
from .torchvision_ops import batched_nms


@MODELS.register_module()
class BatchedRoIHead(StandardRoIHead):
    """`StandardRoIHead` with the same boxes, of at least 32 bits, in fewer steps: only NMS is done photo by photo.

    Its box head has a softmax over the digits and the background.

    Raises:
        UserError: test_cfg asks for another NMS than the plain one of each digit.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        nms = self.test_cfg.nms if self.test_cfg else {}
        if nms.get('type', 'nms') != 'nms' or nms.get('class_agnostic', False):
            raise UserError(
                f'model.test_cfg.rcnn.nms={dict(nms)}: BatchedRoIHead knows plain NMS of each digit only; for another '
                'set model.roi_head.type=StandardRoIHead, too'
            )

    def choose(
        self, levels: Sequence[torch.Tensor], proposals: Sequence[InstanceData], samples: Sequence[DetDataSample]
    ) -> list[SamplingResult]:
        """What is learned from, of each photo: a choice of its proposals, and which are digits.

        Args:
            levels: of the FPN, each (B, C, H, W), for samplers that look at them.
            proposals: of each photo, `bboxes` (N, 4), xyxy in pixels; renamed `priors`.
            samples: with the digits that are there.
        """
        chosen = []
        triples = zip(proposals, *unpack_gt_instances(samples)[:2], strict=True)
        for i, (own, truth, ignored) in enumerate(triples):
            own.priors = own.pop('bboxes')
            assigned = self.bbox_assigner.assign(own, truth, ignored)
            feats = [level[i][None] for level in levels]
            chosen.append(self.bbox_sampler.sample(assigned, own, truth, feats=feats))
        return chosen

    def learn(self, pooled: torch.Tensor, chosen: list[SamplingResult]) -> dict[str, torch.Tensor]:
        """The losses on the chosen boxes of all photos, `pooled` as `pool` gives it."""
        cls_score, deltas = self.bbox_head(pooled)
        rois = bbox2roi([own.priors for own in chosen])
        return self.bbox_head.loss_and_target(cls_score, deltas, rois, chosen, self.train_cfg)['loss_bbox']

    def pool(self, levels: Sequence[torch.Tensor], proposals: Sequence[torch.Tensor]) -> torch.Tensor:
        """What the box head looks at: (R, C, 7, 7) of the proposals of all photos, each (N, 4) xyxy in pixels."""
        used = levels[: self.bbox_roi_extractor.num_inputs]
        # The extractor rounds boxes to what the maps are: bfloat16 has whole pixels only, from 128 on.
        return self.bbox_roi_extractor(at_least_float32(*used), bbox2roi(list(proposals)))

    def answer(
        self, pooled: torch.Tensor, proposals: Sequence[torch.Tensor], metas: Sequence[dict], rescale: bool
    ) -> list[InstanceData]:
        """Boxes of each photo.

        Args:
            pooled: as `pool` gives it.
            proposals: of each photo (N, 4), xyxy in pixels.
            metas: of each photo; its img_shape bounds the boxes, its scale_factor takes them back.
            rescale: boxes in pixels of the photo before it was scaled.

        Returns:
            For each photo `bboxes` (N, 4) xyxy in pixels, `scores` and `labels` (N,), best score first.
        """
        cls_score, deltas = at_least_float32(*self.bbox_head(pooled))
        scores = cls_score.softmax(dim=-1)[:, :-1]
        counts = torch.tensor([len(own) for own in proposals], device=scores.device)
        photo = torch.arange(len(counts), device=scores.device).repeat_interleave(counts)
        rois, kinds = torch.cat(list(proposals)), deltas.shape[1] // 4
        bboxes = self.bbox_head.bbox_coder.decode(rois.repeat_interleave(kinds, dim=0), deltas.reshape(-1, 4))
        limits = scores.new_tensor([meta['img_shape'][1::-1] * 2 for meta in metas])[photo, None]
        bboxes = bboxes.view(-1, kinds, 4).clamp(min=0).minimum(limits)
        if rescale:
            factors = [tuple(1 / side for side in meta['scale_factor']) * 2 for meta in metas]
            bboxes = bboxes * scores.new_tensor(factors)[photo, None]

        rows, labels = (scores > self.test_cfg.score_thr).nonzero(as_tuple=True)
        bboxes = bboxes[rows, labels if kinds > 1 else torch.zeros_like(labels)]
        sizes = torch.bincount(photo[rows], minlength=len(metas)).tolist()
        parts = (part.split(sizes) for part in (bboxes, scores[rows, labels], labels))
        answers = []
        for own_boxes, own_scores, own_labels in zip(*parts, strict=True):
            kept = batched_nms(own_boxes, own_scores, own_labels, self.test_cfg.nms.iou_threshold)
            kept = kept[: self.test_cfg.max_per_img] if self.test_cfg.max_per_img > 0 else kept
            answers.append(InstanceData(bboxes=own_boxes[kept], scores=own_scores[kept], labels=own_labels[kept]))
        return answers
