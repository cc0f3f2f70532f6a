"""Bilinear resizing of 8-bit images in numpy, equal to OpenCV's to the byte."""

import numpy as np


def _neighbours(source: int, target: int) -> tuple[np.ndarray, ...]:
    """Return indices of the two source pixels of each target pixel along one side, (target,) int64, and their weights.

    The weights are (target,) int32 in 0..2048: OpenCV's weights have 11 bits.
    """
    position = ((np.arange(target) + 0.5) * (source / target) - 0.5).astype(np.float32)
    first = np.floor(position)
    weight = position - first
    indices = ((first + shift).clip(0, source - 1).astype(np.int64) for shift in (0, 1))
    weights = (np.rint(part * np.float32(2048)).astype(np.int32) for part in (1 - weight, weight))
    return *indices, *weights


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W, C) uint8 to (height, width, C) as `cv2.resize` does with INTER_LINEAR, in fixed point.

    Example:
        >>> resize(np.array([[[0], [100]]], dtype=np.uint8), width=4, height=1).ravel().tolist()
        [0, 25, 75, 100]
    """
    rows, columns, channels = image.shape
    left, right, *weights = _neighbours(columns, width)
    left, right = ((index[:, None] * channels + np.arange(channels)).ravel() for index in (left, right))
    left_weight, right_weight = (weight.repeat(channels) for weight in weights)
    flat = image.reshape(rows, -1)  # gathering single values takes a third of the time that pixels take
    across = flat.take(left, axis=1) * left_weight
    across += flat.take(right, axis=1) * right_weight
    across >>= 4
    upper, lower, *weights = _neighbours(rows, height)
    total = across[upper] * weights[0][:, None] >> 16
    total += across[lower] * weights[1][:, None] >> 16
    return ((total + 2) >> 2).astype(np.uint8).reshape(height, width, channels)
