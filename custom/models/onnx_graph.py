"""A Faster R-CNN as one traceable graph from pixels to boxes, for the export to ONNX."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from mmdet.models import TwoStageDetector
from torch import Tensor, nn
from torch.nn import functional

from .torchvision_parts import TorchvisionBBoxHead

OPSET = 17  # RoiAlign has half-pixel coordinates from 16 on
FILLER = (0.0, 0.0, 1.0, 1.0)  # a box that is no proposal: not empty, since OpenVINO pools NaN from empty regions


class _Nms(torch.autograd.Function):
    """ONNX's NonMaxSuppression of one class: boxes (B, M, 4) xyxy, scores (B, M) to rows (image, 0, box) (K, 3)."""

    @staticmethod
    def forward(ctx: Any, bboxes: Tensor, scores: Tensor, iou_thr: float, score_thr: float) -> Tensor:
        rows = []
        for image, (own, own_scores) in enumerate(zip(bboxes, scores, strict=True)):
            above = (own_scores > score_thr).nonzero()[:, 0]
            kept = above[torch.ops.torchvision.nms(own[above], own_scores[above], iou_thr)]
            rows.append(torch.stack([torch.full_like(kept, image), torch.zeros_like(kept), kept], dim=1))
        return torch.cat(rows)

    @staticmethod
    def symbolic(g: Any, bboxes: Any, scores: Any, iou_thr: float, score_thr: float) -> Any:
        most = g.op('Constant', value_t=torch.tensor([2**31 - 1]))
        limits = [g.op('Constant', value_t=torch.tensor([limit])) for limit in (iou_thr, score_thr)]
        one_class = g.op('Unsqueeze', scores, g.op('Constant', value_t=torch.tensor([1])))
        return g.op('NonMaxSuppression', bboxes, one_class, most, *limits)


class _RoIAlign(torch.autograd.Function):
    """ONNX's RoiAlign with average pooling: features (B, C, H, W), boxes (K, 4) xyxy, images (K,) to (K, C, s, s)."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, bboxes: Tensor, images: Tensor, scale: float, side: int, ratio: int, aligned: bool
    ) -> Tensor:
        rois = torch.cat([images[:, None].to(bboxes), bboxes], dim=1)
        return torch.ops.torchvision.roi_align(features, rois, scale, side, side, ratio, aligned)

    @staticmethod
    def symbolic(
        g: Any, features: Any, bboxes: Any, images: Any, scale: float, side: int, ratio: int, aligned: bool
    ) -> Any:
        return g.op(
            'RoiAlign',
            features,
            bboxes,
            images,
            coordinate_transformation_mode_s='half_pixel' if aligned else 'output_half_pixel',
            mode_s='avg',
            output_height_i=side,
            output_width_i=side,
            sampling_ratio_i=ratio,
            spatial_scale_f=scale,
        )


def _best(scores: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the `most` highest scores (B, K) and their indices, or all (B, M) if there are fewer."""
    if most <= 0:
        return scores.sort(dim=1, descending=True)
    count = torch.minimum(torch._shape_as_tensor(scores)[1:], torch.tensor([most]))
    return scores.topk(cast(int, count), dim=1)


def _after_nms(bboxes: Tensor, scores: Tensor, iou_thr: float, score_thr: float) -> Tensor:
    """Return scores (B, M) with 0 instead of those that NMS of boxes (B, M, 4) or the threshold removes."""
    rows = _Nms.apply(bboxes, scores, iou_thr, score_thr)
    images, boxes = rows[:, 0], rows[:, 2]
    return torch.zeros_like(scores).index_put((images, boxes), scores[images, boxes])


def _gather(values: Tensor, indices: Tensor) -> Tensor:
    """Gather rows of values (B, M, D) by indices (B, K)."""
    return values.gather(1, indices[..., None].expand(-1, -1, values.shape[-1]))


class DetectorGraph(nn.Module):
    """The inference of a Faster R-CNN with tensors alone, the same for every number and size of images.

    Args:
        model: a Faster R-CNN of MMDetection with plain convolutions, on a CPU. It is set to eval mode.
    """

    def __init__(self, model: TwoStageDetector) -> None:
        super().__init__()
        self.model = model.eval()
        prepare = model.data_preprocessor
        self.bgr, self.divisor = not prepare._channel_conversion, prepare.pad_size_divisor
        self.mean, self.std = (values.view(1, 3, 1, 1).clone() for values in (prepare.mean, prepare.std))

    def forward(self, images: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Detect the digits.

        Args:
            images: (B, H, W, 3) uint8 RGB; of any content below and to the right of an image.
            sizes: (B, 2) int64, height and width of each image in its array.

        Returns:
            Boxes (B, K, 4) xyxy in pixels, scores (B, K), highest first, 0 for none, and labels (B, K) int64.
        """
        limits = sizes.flip(1).repeat(1, 2).to(torch.float32)[:, None]  # x, y, x, y
        levels = self.model.extract_feat(self.prepare(images, sizes))
        proposals, are_real = self.propose(levels, limits)
        count = proposals.shape[1]
        flat = proposals.reshape(-1, 4)
        cls_score, deltas = self.model.roi_head.bbox_head(self.pool(levels, proposals))
        classes = deltas.shape[1] // 4
        decoded = self.model.roi_head.bbox_head.bbox_coder.decode(
            flat.repeat(1, classes).view(-1, 4), deltas.reshape(-1, 4)
        )
        bboxes = decoded.view(-1, count, classes, 4).permute(0, 2, 1, 3)  # (B, classes or 1, count, 4)
        bboxes = bboxes.clamp(min=0).minimum(limits[:, None])
        scores = cls_score.softmax(dim=-1)[:, :-1]
        labels = scores.shape[1]
        scores = scores.view(-1, count, labels).permute(0, 2, 1) * are_real[:, None]
        bboxes = bboxes.expand(-1, labels, -1, -1)
        return self.select(bboxes, scores)

    def prepare(self, images: Tensor, sizes: Tensor) -> Tensor:
        """Normalise images to (B, 3, H, W), zeros outside of each, sides multiples of the model's divisor."""
        pixels = images.permute(0, 3, 1, 2).to(torch.float32)
        pixels = ((pixels.flip(1) if self.bgr else pixels) - self.mean) / self.std
        height, width = images.shape[1], images.shape[2]
        inside = [torch.arange(side)[None] < sizes[:, i, None] for i, side in enumerate((height, width))]
        pixels = pixels * (inside[0][:, None, :, None] & inside[1][:, None, None, :]).to(torch.float32)
        return functional.pad(pixels, (0, -width % self.divisor, 0, -height % self.divisor))

    def propose(self, levels: Sequence[Tensor], limits: Tensor) -> tuple[Tensor, Tensor]:
        """Compute proposals (B, K, 4) xyxy in pixels, and (B, K) float, 0 for those that fill up the array."""
        head: Any = self.model.rpn_head
        config = head.test_cfg
        logits, deltas = head(levels)
        anchors = head.prior_generator.grid_priors([level.shape[-2:] for level in logits], device='cpu')
        bboxes, scores = [], []
        for level_logits, level_deltas, priors in zip(logits, deltas, anchors, strict=True):
            flat = level_logits.permute(0, 2, 3, 1).flatten(1)
            best, order = _best(flat, config.get('nms_pre', -1))
            own = _gather(level_deltas.permute(0, 2, 3, 1).reshape(flat.shape[0], -1, 4), order)
            starts = priors[order]
            boxes = head.bbox_coder.decode(starts.view(-1, 4), own.view(-1, 4)).view_as(starts)
            boxes = boxes.clamp(min=0).minimum(limits)
            large = (boxes[..., 2:] - boxes[..., :2] > config.get('min_bbox_size', -1)).all(dim=-1)
            level_scores = best.sigmoid() * large.to(torch.float32)
            bboxes.append(boxes)
            scores.append(_after_nms(boxes, level_scores, config.nms.iou_threshold, 0.0))
        kept, order = _best(torch.cat(scores, dim=1), config.max_per_img)
        are_real = kept > 0
        proposals = torch.where(are_real[..., None], _gather(torch.cat(bboxes, dim=1), order), torch.tensor(FILLER))
        return proposals, are_real.to(torch.float32)

    def pool(self, levels: Sequence[Tensor], proposals: Tensor) -> Tensor:
        """Pool the features (B * K, C, 7, 7) of proposals (B, K, 4) xyxy in pixels."""
        extractor: Any = self.model.roi_head.bbox_roi_extractor
        flat = proposals.reshape(-1, 4)
        images = torch.arange(proposals.shape[0])[:, None].expand(-1, proposals.shape[1]).reshape(-1)

        def pool_level(level: int, bboxes: Tensor, own_images: Tensor) -> Tensor:
            layer = extractor.roi_layers[level]
            settings = layer.spatial_scale, layer.output_size[0], layer.sampling_ratio, layer.aligned
            return _RoIAlign.apply(levels[level], bboxes, own_images, *settings)

        if extractor.num_inputs == 1:
            return pool_level(0, flat, images)
        target = extractor.map_roi_levels(torch.cat([images[:, None].to(flat), flat], dim=1), extractor.num_inputs)
        rows = [(target == level).nonzero()[:, 0] for level in range(extractor.num_inputs)]
        pooled = torch.cat([pool_level(level, flat[own], images[own]) for level, own in enumerate(rows)])
        return pooled[torch.cat(rows).argsort()]

    def select(self, bboxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Suppress non-maxima per class of boxes (B, classes, M, 4) and scores (B, classes, M), and keep the best."""
        config, head = self.model.roi_head.test_cfg, self.model.roi_head.bbox_head
        classes, count = scores.shape[1], scores.shape[2]
        per_class = bboxes.reshape(-1, count, 4), scores.reshape(-1, count)
        kept = _after_nms(*per_class, config.nms.iou_threshold, config.score_thr).reshape(-1, classes * count)
        flat = bboxes.reshape(-1, classes * count, 4)
        if isinstance(head, TorchvisionBBoxHead):
            kept = kept * (flat[..., 2:] - flat[..., :2] >= head.least_side).all(dim=-1).to(torch.float32)
        best, order = _best(kept, config.max_per_img)
        return _gather(flat, order), best, torch.div(order, count, rounding_mode='floor')
