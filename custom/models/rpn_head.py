"""MMDetection's RPN head, its proposals made for all photos of a batch at once."""

from collections.abc import Sequence
from typing import cast

import torch
from mmdet.models import RPNHead
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from .numerics import at_least_float32
from .torchvision_ops import batched_nms


@MODELS.register_module()
class BatchedRPNHead(RPNHead):
    """`RPNHead` with the same proposals in a third of the time, where a photo has few of them.

    The parent goes through the photos, and for each through the levels, in some thirty small steps; small photos take
    longer for these than for the network. Only NMS is done photo by photo here. Boxes have at least 32 bits, whatever
    the network computes in.
    """

    def predict_by_feat(
        self,
        cls_scores: Sequence[torch.Tensor],
        bbox_preds: Sequence[torch.Tensor],
        score_factors: None = None,
        batch_img_metas: Sequence[dict] = (),
        cfg: ConfigDict | None = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list[InstanceData]:
        """Proposals of each photo.

        Args:
            cls_scores: of each level, logits (B, anchors, H, W).
            bbox_preds: of each level, (B, anchors * 4, H, W).
            score_factors: not used, as by the parent.
            batch_img_metas: of each photo; its img_shape bounds the boxes.
            cfg: `nms_pre` boxes of a level are looked at, `max_per_img` kept. Defaults to None, test_cfg.
            rescale: boxes in pixels of the photo before it was scaled; left to the parent. Defaults to False.
            with_nms: as the parent asks for, True.

        Returns:
            For each photo `bboxes` (N, 4) xyxy in pixels, `scores` and `labels` (N,), the labels 0.
        """
        cfg = cast(ConfigDict, self.test_cfg if cfg is None else cfg)
        if rescale or not self.use_sigmoid_cls or cfg.nms.get('type', 'nms') != 'nms':
            return super().predict_by_feat(
                cls_scores, bbox_preds, score_factors, batch_img_metas, cfg, rescale, with_nms
            )
        logits, bboxes, levels = self._best(cls_scores, bbox_preds, cfg.get('nms_pre', -1))
        limits = logits.new_tensor([meta['img_shape'][1::-1] * 2 for meta in batch_img_metas])[:, None]
        bboxes = bboxes.clamp(min=0).minimum(limits)
        scores = logits.sigmoid()
        large = ((bboxes[..., 2:] - bboxes[..., :2]) > cfg.get('min_bbox_size', -1)).all(dim=-1)
        every = bool(large.all())
        proposals = []
        for own_boxes, own_scores, own_large in zip(bboxes, scores, large, strict=True):
            own_levels = levels
            if not every:
                own_boxes, own_scores, own_levels = own_boxes[own_large], own_scores[own_large], levels[own_large]
            kept = batched_nms(own_boxes, own_scores, own_levels, cfg.nms.iou_threshold)[: cfg.max_per_img]
            found = InstanceData()
            found.bboxes, found.scores = own_boxes[kept], own_scores[kept]
            found.labels = torch.zeros_like(kept)
            proposals.append(found)
        return proposals

    def _best(
        self, cls_scores: Sequence[torch.Tensor], bbox_preds: Sequence[torch.Tensor], nms_pre: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The best boxes of each level: logits (B, N), bboxes (B, N, 4) xyxy in pixels, level (N,)."""
        cls_scores, bbox_preds = (
            at_least_float32(*(level.detach() for level in levels)) for levels in (cls_scores, bbox_preds)
        )
        anchors = self.prior_generator.grid_priors(
            [level.shape[-2:] for level in cls_scores], cls_scores[0].dtype, cls_scores[0].device
        )
        logits, deltas, priors, levels = [], [], [], []
        for number, (scores, preds, own) in enumerate(zip(cls_scores, bbox_preds, anchors, strict=True)):
            scores = scores.permute(0, 2, 3, 1).flatten(1)
            best, order = scores.topk(min(nms_pre, scores.shape[1]) if nms_pre > 0 else scores.shape[1])
            preds = preds.permute(0, 2, 3, 1).reshape(len(scores), -1, 4)
            logits.append(best)
            deltas.append(preds.gather(1, order[..., None].expand(-1, -1, 4)))
            priors.append(own[order])
            levels += [number] * best.shape[1]
        moved, start = torch.cat(deltas, dim=1), torch.cat(priors, dim=1)
        bboxes = self.bbox_coder.decode(start.view(-1, 4), moved.view(-1, 4)).view_as(start)
        return torch.cat(logits, dim=1), bboxes, torch.tensor(levels, device=bboxes.device)
