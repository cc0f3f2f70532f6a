"""MMDetection's RPN head with losses and proposals computed for all images of a batch at once."""

from collections.abc import Sequence
from typing import cast

import torch
from mmdet.models import RPNHead
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from .mmcv_ops import batched_nms
from .numerics import at_least_float32
from .sampling import assign, is_plain, rows_of, sample


@MODELS.register_module()
class BatchedRPNHead(RPNHead):
    """`RPNHead` with the same losses and proposals in a fraction of the time for few boxes per image.

    The parent loops over images and levels in many small operations, which for small images take longer than the
    network, and its losses cover all anchors, of which it samples a few. Here only NMS and the random draws are done
    per image, and the losses cover the sampled anchors. Boxes have at least 32 bits, also in mixed precision.
    """

    def loss_by_feat(
        self,
        cls_scores: Sequence[torch.Tensor],
        bbox_preds: Sequence[torch.Tensor],
        batch_gt_instances: Sequence[InstanceData],
        batch_img_metas: Sequence[dict],
        batch_gt_instances_ignore: Sequence[InstanceData] | None = None,
    ) -> dict[str, torch.Tensor]:
        """Compute the parent's losses `loss_rpn_cls` and `loss_rpn_bbox`, each the sum over the levels.

        The arguments are the parent's: per level logits (B, anchors, H, W) and deltas (B, anchors * 4, H, W), and per
        image the ground truth and the metadata, of whose `pad_shape` the anchors are. The parent's method serves other
        assigners, samplers and losses.
        """
        is_usual = self.use_sigmoid_cls and not self.reg_decoded_bbox and self.train_cfg.allowed_border < 0
        if not is_usual or not is_plain(self.assigner, self.sampler, self.train_cfg):
            return super().loss_by_feat(
                cls_scores, bbox_preds, batch_gt_instances, batch_img_metas, batch_gt_instances_ignore
            )
        sizes, batch = [level.shape[-2:] for level in cls_scores], len(batch_img_metas)
        device = cls_scores[0].device
        anchors = torch.cat(self.prior_generator.grid_priors(sizes, device=device))
        shapes = [tuple(meta['pad_shape']) for meta in batch_img_metas]
        flags = {shape: torch.cat(self.prior_generator.valid_flags(sizes, shape, device)) for shape in set(shapes)}
        truth = [own.bboxes for own in batch_gt_instances]
        assigned = assign(anchors, torch.stack([flags[shape] for shape in shapes]), truth, self.assigner)
        positive, negative, count = self.sample_anchors(assigned)
        image, anchor = positive // len(anchors), positive % len(anchors)
        wanted = torch.cat(truth)[rows_of(truth, image, assigned.view(-1)[positive])]

        logits, deltas = (
            torch.cat([level.permute(0, 2, 3, 1).reshape(batch, -1, values) for level in levels], dim=1)
            for levels, values in ((cls_scores, 1), (bbox_preds, 4))
        )
        logits, deltas = at_least_float32(
            logits.view(-1, 1)[torch.cat([positive, negative])], deltas.view(-1, 4)[positive]
        )
        labels = torch.zeros(len(logits), dtype=torch.long, device=device)  # the digits' class
        labels[len(positive) :] = self.num_classes  # background
        targets = self.bbox_coder.encode(anchors[anchor], wanted)
        return {
            'loss_rpn_cls': self.loss_cls(logits, labels, torch.ones_like(logits[:, 0]), avg_factor=count),
            'loss_rpn_bbox': self.loss_bbox(deltas, targets, torch.ones_like(targets), avg_factor=count),
        }

    def sample_anchors(self, assigned: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Sample the anchors of all images: indices into `assigned` (B, A), flattened, and the divisor of the losses.

        Return the positive (P,) and the negative anchors (N,), int64, and their number, in which an image without one
        of the two kinds counts one, as in the parent.
        """
        sampled = sample(assigned, self.sampler)
        positive, negative = (
            torch.cat([own[kind] + i * assigned.shape[1] for i, own in enumerate(sampled)]) for kind in (0, 1)
        )
        return positive, negative, sum(max(len(indices), 1) for own in sampled for indices in own)

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
