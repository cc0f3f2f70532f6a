"""What torchvision's Faster R-CNN does unlike MMDetection's, where no setting makes them alike."""

import math
from collections.abc import Sequence

import torch
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead
from mmdet.models.task_modules import AnchorGenerator, DeltaXYWHBBoxCoder
from mmdet.registry import MODELS, TASK_UTILS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData


@TASK_UTILS.register_module()
class TorchvisionAnchors(AnchorGenerator):
    """MMDetection's anchors as torchvision's `AnchorGenerator` places them, for weights that were trained with those.

    Their corners are rounded to whole pixels around the origin. A map's stride is the padded photo's size over the
    map's, in whole pixels: not 64 at the last map where the one before it has an odd number of cells. The arguments
    are the parent's; the sizes in pixels are `scales` times `strides`.

    Example:
        >>> TorchvisionAnchors(strides=[4], scales=[8], ratios=[0.5]).base_anchors[0].tolist()  # 45.25 x 22.63
        [[-23.0, -11.0, 23.0, 11.0]]
    """

    def gen_single_level_base_anchors(self, *args, **kwargs) -> torch.Tensor:
        """The parent's anchors of one cell, rounded: (A, 4) xyxy in pixels."""
        return super().gen_single_level_base_anchors(*args, **kwargs).round()

    def grid_priors(
        self,
        featmap_sizes: list[tuple[int, int]],
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = 'cuda',
    ) -> list[torch.Tensor]:
        """Place the anchors on every map.

        Args:
            featmap_sizes: height and width of each map. The first has the stride that is configured.
            dtype: of the anchors. Defaults to torch.float32.
            device: of the anchors. Defaults to 'cuda', as the parent's.

        Returns:
            For each map (height * width * A, 4), xyxy in pixels; row by row, the anchors of a cell together.
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
    """MMDetection's box coder without a limit to how far a box shrinks; both let its sides grow to 62.5 times theirs.

    MMDetection stops at 1 / 62.5 as well: 8 px of an anchor of 512 px. The arguments are the parent's.
    """

    def decode(
        self,
        bboxes: torch.Tensor,
        pred_bboxes: torch.Tensor,
        max_shape: Sequence[int] | None = None,
        wh_ratio_clip: float = 16 / 1000,
    ) -> torch.Tensor:
        """Move and scale boxes.

        Args:
            bboxes: (N, 4) xyxy in pixels.
            pred_bboxes: (N, 4) or (N, classes * 4), as the network gives them: dx, dy, dw, dh.
            max_shape: height and width in pixels to clip to; None does not clip. Defaults to None.
            wh_ratio_clip: 1 over the most that a side grows. Defaults to 16 / 1000.

        Returns:
            xyxy in pixels, in the shape of `pred_bboxes`.
        """
        most = [math.inf, math.inf, -math.log(wh_ratio_clip), -math.log(wh_ratio_clip)]
        most = [(one - mean) / std for one, mean, std in zip(most, self.means, self.stds, strict=True)]
        limited = pred_bboxes.reshape(-1, 4).minimum(pred_bboxes.new_tensor(most)).view_as(pred_bboxes)
        return super().decode(bboxes, limited, max_shape, wh_ratio_clip=1e-300)


@MODELS.register_module()
class TorchvisionBBoxHead(ConvFCBBoxHead):
    """A box head that drops boxes as torchvision does: those that leave no 0.01 px of their sides inside the photo.

    MMDetection keeps them, and each takes the place of another box among the `max_per_img` best. The arguments are the
    parent's: `num_shared_fcs=2` is MMDetection's `Shared2FCBBoxHead`.
    """

    least_side = 0.01  # px of the photo as the network sees it

    def _predict_by_feat_single(
        self,
        roi: torch.Tensor,
        cls_score: torch.Tensor,
        bbox_pred: torch.Tensor,
        img_meta: dict,
        rescale: bool = False,
        rcnn_test_cfg: ConfigDict | None = None,
    ) -> InstanceData:
        """The parent's boxes of one photo, less the thin ones; the best `max_per_img` are chosen after that."""
        all_of_them = rcnn_test_cfg and ConfigDict(rcnn_test_cfg, max_per_img=-1)
        found = super()._predict_by_feat_single(roi, cls_score, bbox_pred, img_meta, rescale, all_of_them)
        if not rcnn_test_cfg:  # test-time augmentation merges the boxes first
            return found
        sides = found.bboxes[:, 2:] - found.bboxes[:, :2]
        if rescale:
            sides = sides * sides.new_tensor(img_meta['scale_factor'])
        return found[(sides >= self.least_side).all(1)][: rcnn_test_cfg.max_per_img]
