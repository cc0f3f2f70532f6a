"""MMDetection's RPN head with proposals computed for all images of a batch at once."""

from collections.abc import Sequence
from typing import cast

import torch
from mmdet.models import RPNHead
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from .mmcv_ops import batched_nms
from .numerics import at_least_float32


@MODELS.register_module()
class BatchedRPNHead(RPNHead):
    """`RPNHead` with the same proposals in a third of the time for few proposals per image.

    The parent loops over images and levels in about thirty small operations, which for small images take longer than
    the network. Here only NMS is done per image. Boxes have at least 32 bits, also in mixed precision.
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
        """Compute proposals: per image `bboxes` (N, 4) xyxy in pixels, `scores` and `labels` (N,), all labels 0.

        The arguments are the parent's: per level logits (B, anchors, H, W) and deltas (B, anchors * 4, H, W), and per
        image the metadata, to whose `img_shape` boxes are clipped. `cfg` defaults to None, test_cfg: `nms_pre` boxes
        per level enter NMS, `max_per_img` are kept. The parent's method serves `rescale` and other losses and NMS.
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
        all_large = bool(large.all())
        proposals = []
        for own_boxes, own_scores, own_large in zip(bboxes, scores, large, strict=True):
            own_levels = levels
            if not all_large:
                own_boxes, own_scores, own_levels = own_boxes[own_large], own_scores[own_large], levels[own_large]
            kept = batched_nms(own_boxes, own_scores, own_levels, cfg.nms.iou_threshold)[: cfg.max_per_img]
            labels = torch.zeros_like(kept)
            proposals.append(InstanceData(bboxes=own_boxes[kept], scores=own_scores[kept], labels=labels))
        return proposals

    def _best(
        self, cls_scores: Sequence[torch.Tensor], bbox_preds: Sequence[torch.Tensor], nms_pre: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Decode the best boxes of each level: logits (B, N), bboxes (B, N, 4) xyxy in pixels, level (N,)."""
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
        start = torch.cat(priors, dim=1)
        bboxes = self.bbox_coder.decode(start.view(-1, 4), torch.cat(deltas, dim=1).view(-1, 4)).view_as(start)
        return torch.cat(logits, dim=1), bboxes, torch.tensor(levels, device=bboxes.device)
