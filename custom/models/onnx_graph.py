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
    """Scores after ONNX's NonMaxSuppression per class, 0 where it drops a box or the score is not above `score_thr`."""

    @staticmethod
    def forward(ctx: Any, bboxes: Tensor, scores: Tensor, iou_thr: float, score_thr: float) -> Tensor:
        """Map boxes (B, M, 4) xyxy and scores (B, C, M) to scores (B, C, M)."""
        kept = torch.zeros_like(scores)
        for own, classes, results in zip(bboxes, scores, kept, strict=True):
            for own_scores, result in zip(classes, results, strict=True):
                above = (own_scores > score_thr).nonzero()[:, 0]
                best = above[torch.ops.torchvision.nms(own[above], own_scores[above], iou_thr)]
                result[best] = own_scores[best]
        return kept

    @staticmethod
    def symbolic(g: Any, bboxes: Any, scores: Any, iou_thr: float, score_thr: float) -> Any:
        """Write the nodes: NMS gives rows (image, class, box), at which scores are copied to zeros."""
        most, *limits = (g.op('Constant', value_t=torch.tensor([x])) for x in (2**31 - 1, iou_thr, score_thr))
        rows = g.op('NonMaxSuppression', bboxes, scores, most, *limits)
        zeros = g.op('Mul', scores, g.op('Constant', value_t=torch.tensor(0.0)))
        return g.op('ScatterND', zeros, rows, g.op('GatherND', scores, rows))


class _Rows(torch.autograd.Function):
    """Rows of values (B, M, D) at indices (B, K), as one node."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, indices: Tensor) -> Tensor:
        """Gather the rows (B, K, D)."""
        return values.gather(1, indices[..., None].expand(-1, -1, values.shape[-1]))

    @staticmethod
    def symbolic(g: Any, values: Any, indices: Any) -> Any:
        """Write the nodes."""
        rows = g.op('Unsqueeze', indices, g.op('Constant', value_t=torch.tensor([2])))
        return g.op('GatherND', values, rows, batch_dims_i=1)


class _RoIAlign(torch.autograd.Function):
    """ONNX's RoiAlign with average pooling: features (B, C, H, W), boxes (K, 4) xyxy, images (K,) to (K, C, s, s)."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, bboxes: Tensor, images: Tensor, scale: float, side: int, ratio: int, aligned: bool
    ) -> Tensor:
        """Pool the boxes."""
        rois = torch.cat([images[:, None].to(bboxes), bboxes], dim=1)
        return torch.ops.torchvision.roi_align(features, rois, scale, side, side, ratio, aligned)

    @staticmethod
    def symbolic(
        g: Any, features: Any, bboxes: Any, images: Any, scale: float, side: int, ratio: int, aligned: bool
    ) -> Any:
        """Write the node."""
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


def _sigmoid(logits: Tensor) -> Tensor:
    """Compute the sigmoid so that low scores keep their order.

    ONNX Runtime's own operator has an absolute error of 1e-7: it swaps scores below 1e-4, and from -18 on they are 0
    (findings/onnxruntime_sigmoid_order.sh).
    """
    return 1 / (1 + (-logits).exp())


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
        head, flat = self.model.roi_head.bbox_head, proposals.view(-1, 4)
        cls_score, deltas = head(self.pool(levels, proposals))
        classes, labels, count = deltas.shape[1] // 4, cls_score.shape[1] - 1, proposals.shape[1]
        starts = flat if classes == 1 else flat.repeat(1, classes).view(-1, 4)
        bboxes = head.bbox_coder.decode(starts, deltas.reshape(-1, 4)).view(-1, count * classes, 4)
        bboxes = bboxes.clamp(min=0).minimum(limits)
        scores = cls_score.softmax(dim=-1)[:, :-1].reshape(-1, count, labels) * are_real[..., None]
        if classes == 1:
            return self.select(bboxes, scores.transpose(1, 2))
        return self.select_apart(bboxes, scores.view(-1, 1, count * labels), limits)

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
        best, deltas_of_best, priors_of_best, apart = [], [], [], []
        for number, (level_logits, level_deltas, priors) in enumerate(zip(logits, deltas, anchors, strict=True)):
            flat = level_logits.permute(0, 2, 3, 1).flatten(1)
            level_best, order = _best(flat, config.get('nms_pre', -1))
            best.append(level_best)
            deltas_of_best.append(_Rows.apply(level_deltas.permute(0, 2, 3, 1).reshape(flat.shape[0], -1, 4), order))
            priors_of_best.append(priors[order])
            apart.append(torch.full_like(level_best, number))
        starts = torch.cat(priors_of_best, dim=1)
        bboxes = head.bbox_coder.decode(starts.view(-1, 4), torch.cat(deltas_of_best, dim=1).view(-1, 4))
        bboxes = bboxes.view_as(starts).clamp(min=0).minimum(limits)
        large = (bboxes[..., 2:] - bboxes[..., :2] > config.get('min_bbox_size', -1)).all(dim=-1)
        scores = _sigmoid(torch.cat(best, dim=1)) * large.to(torch.float32)
        moved = bboxes + torch.cat(apart, dim=1)[..., None] * (limits.max() + 1)  # NMS is per level
        kept = _Nms.apply(moved, scores[:, None], config.nms.iou_threshold, 0.0)[:, 0]
        kept, order = _best(kept, config.max_per_img)
        are_real = kept > 0
        proposals = torch.where(are_real[..., None], _Rows.apply(bboxes, order), torch.tensor(FILLER))
        return proposals, are_real.to(torch.float32)

    def pool(self, levels: Sequence[Tensor], proposals: Tensor) -> Tensor:
        """Pool the features (B * K, C, 7, 7) of proposals (B, K, 4) xyxy in pixels.

        An empty proposal has features of 0, as in torch. OpenVINO pools NaN from it if the sampling ratio is 0.
        """
        extractor: Any = self.model.roi_head.bbox_roi_extractor
        flat = proposals.reshape(-1, 4)
        images = torch.arange(proposals.shape[0])[:, None].expand(-1, proposals.shape[1]).reshape(-1)
        regions, not_empty = flat, None
        if any(layer.sampling_ratio == 0 and layer.aligned for layer in extractor.roi_layers):
            not_empty = (flat[:, 2:] > flat[:, :2]).all(dim=1, keepdim=True)
            regions = torch.where(not_empty, flat, torch.tensor(FILLER))

        def pool_level(level: int, bboxes: Tensor, own_images: Tensor) -> Tensor:
            layer = extractor.roi_layers[level]
            settings = layer.spatial_scale, layer.output_size[0], layer.sampling_ratio, layer.aligned
            return _RoIAlign.apply(levels[level], bboxes, own_images, *settings)

        if extractor.num_inputs == 1:
            pooled = pool_level(0, regions, images)
        else:
            rois = torch.cat([images[:, None].to(flat), flat], dim=1)
            target = extractor.map_roi_levels(rois, extractor.num_inputs)
            rows = [(target == level).nonzero()[:, 0] for level in range(extractor.num_inputs)]
            pooled = torch.cat([pool_level(level, regions[own], images[own]) for level, own in enumerate(rows)])
            pooled = pooled[torch.cat(rows).argsort()]
        return pooled if not_empty is None else pooled * not_empty.to(pooled.dtype)[..., None, None]

    def select(self, bboxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Suppress non-maxima per class of boxes (B, M, 4) with scores (B, classes, M), and keep the best."""
        config, count = self.model.roi_head.test_cfg, bboxes.shape[1]
        kept = self.without_thin(bboxes, _Nms.apply(bboxes, scores, config.nms.iou_threshold, config.score_thr))
        best, order = _best(kept.flatten(1), config.max_per_img)
        return _Rows.apply(bboxes, order % count), best, torch.div(order, count, rounding_mode='floor')

    def select_apart(self, bboxes: Tensor, scores: Tensor, limits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Do the same where each class has boxes of its own: (B, M * classes, 4) with scores (B, 1, M * classes)."""
        config, labels = self.model.roi_head.test_cfg, self.model.roi_head.bbox_head.num_classes
        label = torch.arange(bboxes.shape[1]) % labels
        moved = bboxes + label[:, None].to(torch.float32) * (limits.max() + 1)
        kept = self.without_thin(bboxes, _Nms.apply(moved, scores, config.nms.iou_threshold, config.score_thr))
        best, order = _best(kept.flatten(1), config.max_per_img)
        return _Rows.apply(bboxes, order), best, order % labels

    def without_thin(self, bboxes: Tensor, scores: Tensor) -> Tensor:
        """Set the scores (B, classes, M) of boxes (B, M, 4) to 0 that the head drops after NMS."""
        head = self.model.roi_head.bbox_head
        if not isinstance(head, TorchvisionBBoxHead):
            return scores
        wide = (bboxes[..., 2:] - bboxes[..., :2] >= head.least_side).all(dim=-1)
        return scores * wide[:, None].to(torch.float32)
