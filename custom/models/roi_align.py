"""Gradient of RoIAlign on a CPU by matrix products.

Average-pooled RoIAlign (He et al. 2017, Mask R-CNN, section 3) is linear and separable. The bins of a box are
Wy @ F @ Wx.T, where F is the feature map and a row of Wy (Wx) has the weights of the map's rows (columns) in a bin.
The gradient is Wy.T @ G @ Wx, summed over boxes. torchvision's CPU kernel scatters single values in one thread, which
takes a fifth of a training step of the small configs.
"""

import torch

LARGEST_MAP = 8192  # feature-map pixels; above, torchvision's scatter, whose cost is independent of them, is faster


def bin_weights(start: torch.Tensor, length: torch.Tensor, bins: int, pixels: int, sampling_ratio: int) -> torch.Tensor:
    """Compute the weight of each feature-map pixel of one axis in each bin of each box.

    Args:
        start: (K,) start of the boxes, in feature-map pixels.
        length: (K,) length of the boxes, in feature-map pixels.
        bins: bins along the axis.
        pixels: length of the feature map along the axis.
        sampling_ratio: samples per bin; 0 takes one per feature-map pixel, as torchvision does.

    Returns:
        (K, bins, pixels); a row sums to 1 if all its samples lie on the map.
    """
    count = torch.full_like(length, sampling_ratio) if sampling_ratio else (length / bins).ceil()
    step = torch.arange(int(count.max().clamp(min=1)), device=start.device)
    count, valid = count.clamp(min=1)[:, None], step < count[:, None]
    at = torch.arange(bins, device=start.device)[:, None] + ((step + 0.5) / count)[:, None]  # (K, bins, most), in bins
    at = start[:, None, None] + at * (length / bins)[:, None, None]
    share = ((at >= -1) & (at <= pixels) & valid[:, None]) / count[:, None]
    at = at.clamp(0, pixels - 1)
    low = at.floor()
    high_share = at - low
    weights = start.new_zeros(len(start), bins, pixels)
    weights.scatter_add_(2, low.long(), share * (1 - high_share))
    weights.scatter_add_(2, (low + 1).clamp(max=pixels - 1).long(), share * high_share)
    return weights


def roi_align_gradient(
    grad: torch.Tensor, rois: torch.Tensor, out: torch.Tensor, spatial_scale: float, sampling_ratio: int, aligned: bool
) -> None:
    """Fill `out` with the gradient of average-pooled RoIAlign with respect to its feature map.

    Args:
        grad: (K, C, bins_y, bins_x) gradient of the pooled boxes.
        rois: (K, 5) index into the batch, then xyxy in pixels of the image.
        out: (B, C, H, W), the shape of the feature map; written to.
        spatial_scale: feature-map pixels per image pixel.
        sampling_ratio: samples per bin and direction; 0 takes one per feature-map pixel.
        aligned: shift by half a pixel, so that pixel centres are sampled.
    """
    batch, channels, height, width = out.shape
    bins_y, bins_x = grad.shape[2:]
    boxes = rois[:, 1:] * spatial_scale - (0.5 if aligned else 0)
    sides = boxes[:, 2:] - boxes[:, :2]
    if not aligned:
        sides = sides.clamp(min=1)
    out.zero_()
    for image in range(batch):
        own = (rois[:, 0] == image).nonzero()[:, 0]
        if not len(own):
            continue
        rows = bin_weights(boxes[own, 1], sides[own, 1], bins_y, height, sampling_ratio)
        columns = bin_weights(boxes[own, 0], sides[own, 0], bins_x, width, sampling_ratio)
        # Over bins_y within each box: (channels, height, boxes, bins_x)
        per_box = torch.einsum('kcyx,kyh->chkx', grad[own], rows)
        # Over boxes and bins_x together, one product: (channels * height, width)
        out[image] = (per_box.reshape(channels * height, -1) @ columns.reshape(-1, width)).view(channels, height, width)
