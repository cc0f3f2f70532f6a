"""Components in which torchvision's Faster R-CNN differs from MMDetection's beyond any setting."""

import math
from collections.abc import Sequence

import torch
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead
from mmdet.models.task_modules import AnchorGenerator, DeltaXYWHBBoxCoder
from mmdet.registry import MODELS, TASK_UTILS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor


@TASK_UTILS.register_module()
class TorchvisionAnchors(AnchorGenerator):
    """MMDetection's anchors at the positions of torchvision's `AnchorGenerator`, for weights trained with those.

    Corners are rounded to whole pixels around the origin. The stride of a map is the size of the padded image over that
    of the map, in whole pixels: not 64 for the last map if the map before has an odd number of cells. The arguments are
    the parent's; the sizes in pixels are `scales` times `strides`.

    Example:
        >>> TorchvisionAnchors(strides=[4], scales=[8], ratios=[0.5]).base_anchors[0].tolist()  # 45.25 x 22.63
        [[-23.0, -11.0, 23.0, 11.0]]
    """

    def gen_single_level_base_anchors(self, *args, **kwargs) -> Tensor:
        """Round the parent's anchors of one cell: (A, 4) xyxy in pixels."""
        return super().gen_single_level_base_anchors(*args, **kwargs).round()

    def grid_priors(
        self, featmap_sizes: list[tuple], dtype: torch.dtype = torch.float32, device: str | torch.device = 'cuda'
    ) -> list[Tensor]:
        """Place the anchors on every map, as `dtype` on `device`: per map (height * width * A, 4) xyxy in pixels.

        `featmap_sizes` are height and width of each map; the first has the configured stride. Anchors are in row order,
        those of a cell together.
        """
        padded = [cells * stride for cells, stride in zip(featmap_sizes[0], reversed(self.strides[0]), strict=True)]
        placed = []
        for size, cell in zip(featmap_sizes, self.base_anchors, strict=True):
            steps = [torch.arange(n, device=device) * (whole // n) for n, whole in zip(size, padded, strict=True)]
            y, x = torch.meshgrid(*steps, indexing='ij')
            corners = torch.stack([x, y, x, y], -1).to(dtype)
            placed.append((corners.view(-1, 1, 4) + cell.to(device, dtype)).view(-1, 4))
        return placed


@TASK_UTILS.register_module()
class TorchvisionCoder(DeltaXYWHBBoxCoder):
    """MMDetection's box coder without a lower limit to the size of a box.

    Both coders limit growth to 62.5 times the side. MMDetection's also limits shrinkage to 1 / 62.5, which is 8 px for
    an anchor of 512 px. The arguments are the parent's.
    """

    def decode(
        self, bboxes: Tensor, pred_bboxes: Tensor, max_shape: Sequence[int] | None = None, wh_ratio_clip: float = 0.016
    ) -> Tensor:
        """Apply deltas (N, 4) or (N, classes * 4), dx, dy, dw, dh, to boxes (N, 4) xyxy in pixels.

        The result is xyxy in pixels in the shape of the deltas, clipped to `max_shape`, height and width in pixels.
        `wh_ratio_clip` is 1 over the largest growth of a side.
        """
        most = [math.inf] * 2 + [-math.log(wh_ratio_clip)] * 2
        most = [(one - mean) / std for one, mean, std in zip(most, self.means, self.stds, strict=True)]
        limited = pred_bboxes.reshape(-1, 4).minimum(pred_bboxes.new_tensor(most)).view_as(pred_bboxes)
        return super().decode(bboxes, limited, max_shape, wh_ratio_clip=1e-300)


@MODELS.register_module()
class TorchvisionBBoxHead(ConvFCBBoxHead):
    """A box head that drops boxes with less than 0.01 px of a side inside the image, as torchvision does.

    MMDetection keeps such boxes among the `max_per_img` best. The arguments are the parent's; `num_shared_fcs=2` is
    MMDetection's `Shared2FCBBoxHead`.
    """

    least_side = 0.01  # px of the resized image

    def _predict_by_feat_single(
        self, roi: Tensor, cls_score: Tensor, bbox_pred: Tensor, img_meta: dict, rescale=False, rcnn_test_cfg=None
    ) -> InstanceData:
        """Drop thin boxes from all of the parent's boxes of one image, then keep the `max_per_img` best."""
        unlimited = rcnn_test_cfg and ConfigDict(rcnn_test_cfg, max_per_img=-1)
        detections = super()._predict_by_feat_single(roi, cls_score, bbox_pred, img_meta, rescale, unlimited)
        if not rcnn_test_cfg:  # test-time augmentation merges the boxes first
            return detections
        sides = detections.bboxes[:, 2:] - detections.bboxes[:, :2]
        if rescale:
            sides = sides * sides.new_tensor(img_meta['scale_factor'])
        return detections[(sides >= self.least_side).all(1)][: rcnn_test_cfg.max_per_img]
