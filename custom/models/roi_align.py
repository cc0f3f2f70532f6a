"""RoIAlign on a CPU without loops over single values.

Average-pooled RoIAlign (He et al. 2017, Mask R-CNN, section 3) is linear and separable. The bins of a box are
Wy @ F @ Wx.T, where F is the feature map and a row of Wy (Wx) has the weights of the map's rows (columns) in a bin.

Forward, a bin is a weighted sum of a few pixels, each a row of all channels: an embedding bag. torchvision's CPU kernel
computes each channel by itself, which takes a sixth of the inference of the configs. The gradient is Wy.T @ G @ Wx,
summed over boxes. torchvision's kernel scatters single values in one thread, which takes a fifth of a training step of
the small configs.
"""

import torch
from torch.nn import functional

LARGEST_MAP = 8192  # feature-map pixels; above, torchvision's scatter, whose cost is independent of them, is faster
MOST_SAMPLES = 1 << 22  # of all bins, 48 MB; boxes of a thousand pixels have more with sampling_ratio 0


def bin_samples(
    start: torch.Tensor, length: torch.Tensor, bins: int, pixels: int, sampling_ratio: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the feature-map pixels of one axis that each bin of each box averages.

    Args:
        start: (K,) start of the boxes, in feature-map pixels.
        length: (K,) length of the boxes, in feature-map pixels.
        bins: bins along the axis.
        pixels: length of the feature map along the axis.
        sampling_ratio: samples per bin; 0 takes one per feature-map pixel, as torchvision does.

    Returns:
        Pixels (K, bins, S) int64, some several times, and their weights (K, bins, S), which sum to 1 for each bin if
        all its samples lie on the map.
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
    low = low.long()
    both = torch.cat([low, (low + 1).clamp(max=pixels - 1)], dim=2)
    return both, torch.cat([share * (1 - high_share), share * high_share], dim=2)


def bin_weights(start: torch.Tensor, length: torch.Tensor, bins: int, pixels: int, sampling_ratio: int) -> torch.Tensor:
    """Compute the weight (K, bins, pixels) of each feature-map pixel; the arguments are those of `bin_samples`."""
    at, weights = bin_samples(start, length, bins, pixels, sampling_ratio)
    return start.new_zeros(len(start), bins, pixels).scatter_add_(2, at, weights.to(start.dtype))


def _boxes_on_map(rois: torch.Tensor, spatial_scale: float, aligned: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the left upper corners (K, 2) and the sides (K, 2) of boxes, in feature-map pixels."""
    boxes = rois[:, 1:] * spatial_scale - (0.5 if aligned else 0)
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes[:, :2], sides if aligned else sides.clamp(min=1)


def pool_boxes(
    features: torch.Tensor,
    rois: torch.Tensor,
    bins: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """Pool boxes by RoIAlign, without a gradient.

    Args:
        features: (B, C, H, W), preferably channels last.
        rois: (K, 5) index into the batch, then xyxy in pixels of the image.
        bins: of the result, (bins_y, bins_x).
        spatial_scale: feature-map pixels per image pixel.
        sampling_ratio: samples per bin and direction; 0 takes one per feature-map pixel.
        aligned: shift by half a pixel, so that pixel centres are sampled.

    Returns:
        (K, C, bins_y, bins_x), channels last.
    """
    (_, channels, height, width), (bins_y, bins_x) = features.shape, bins
    if not len(rois):
        return features.new_zeros(0, channels, bins_y, bins_x)
    corners, sides = _boxes_on_map(rois, spatial_scale, aligned)
    rows, row_weights = bin_samples(corners[:, 1], sides[:, 1], bins_y, height, sampling_ratio)
    columns, column_weights = bin_samples(corners[:, 0], sides[:, 0], bins_x, width, sampling_ratio)
    if rows.shape[1] * rows.shape[2] * columns.numel() > MOST_SAMPLES:
        return torch.ops.torchvision.roi_align(features, rois, spatial_scale, *bins, sampling_ratio, aligned)
    rows = (rows + rois[:, 0].long()[:, None, None] * height) * width
    pixels = (rows[:, :, None, :, None] + columns[:, None, :, None]).view(len(rois) * bins_y * bins_x, -1)
    weights = (row_weights[:, :, None, :, None] * column_weights[:, None, :, None]).view_as(pixels)
    table = features.permute(0, 2, 3, 1).reshape(-1, channels)
    pooled = functional.embedding_bag(pixels, table, mode='sum', per_sample_weights=weights.to(table.dtype))
    return pooled.view(len(rois), bins_y, bins_x, channels).permute(0, 3, 1, 2)


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
    out.zero_()
    if not len(rois):
        return
    boxes, sides = _boxes_on_map(rois, spatial_scale, aligned)
    rows = bin_weights(boxes[:, 1], sides[:, 1], bins_y, height, sampling_ratio)
    columns = bin_weights(boxes[:, 0], sides[:, 0], bins_x, width, sampling_ratio)
    # Over bins_y within each box: (boxes, height, bins_x, channels)
    per_box = torch.bmm(rows.transpose(1, 2), grad.permute(0, 2, 3, 1).reshape(len(rois), bins_y, -1))
    per_box = per_box.view(len(rois), height, bins_x, channels).transpose(1, 2)
    for image in range(batch):
        own = (rois[:, 0] == image).nonzero()[:, 0]
        if len(own):
            # Over bins_x and boxes together, one product: (width, height * channels)
            total = columns[own].view(-1, width).T @ per_box[own].reshape(-1, height * channels)
            out[image] = total.view(width, height, channels).permute(2, 1, 0)
