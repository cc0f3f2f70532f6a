"""Resizing of 8-bit images: bilinear in numpy, equal to OpenCV's to the byte, and averaging by Pillow."""

import numpy as np
from PIL import Image

ANTIALIASED = 0.75  # bilinear interpolation of four pixels skips others below this factor
STRIP = 128  # rows of the result
BILINEAR = Image.Resampling.BILINEAR


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
    upper, lower, *weights = _neighbours(rows, height)
    flat = image.reshape(rows, -1)  # gathering single values takes a third of the time that pixels take
    result = np.empty((height, width, channels), np.uint8)
    for top in range(0, height, STRIP):  # the 32-bit copies of a whole image would take 40 times its memory
        strip = slice(top, top + STRIP)
        first, last = upper[strip][0], lower[strip][-1] + 1
        across = flat[first:last].take(left, axis=1) * left_weight
        across += flat[first:last].take(right, axis=1) * right_weight
        across >>= 4
        total = across[upper[strip] - first] * weights[0][strip, None] >> 16
        total += across[lower[strip] - first] * weights[1][strip, None] >> 16
        result[strip] = ((total + 2) >> 2).reshape(-1, width, channels)
    return result


def fit(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W, 3) uint8 to (height, width, 3) without aliasing.

    A side that becomes shorter than ANTIALIASED of its length is averaged by Pillow, as training photos are by
    DigitWarp. Otherwise the result is that of `resize`.
    """
    rows, columns = image.shape[:2]
    if min(width / columns, height / rows) >= ANTIALIASED:
        return resize(image, width, height)
    reduced = Image.fromarray(np.ascontiguousarray(image)).resize((width, height), BILINEAR, reducing_gap=2.0)
    return np.asarray(reduced)


def shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Average blocks of factor x factor pixels of (H, W, 3) uint8; an incomplete last row or column is cut.

    The image is processed in strips. Their copies in Pillow's own format take few megabytes.

    Example:
        >>> shrink(np.array([[[0] * 3, [100] * 3, [7] * 3], [[50] * 3, [50] * 3, [7] * 3]], np.uint8), 2).tolist()
        [[[50, 50, 50]]]
    """
    rows, columns = (side // factor * factor for side in image.shape[:2])
    strips = (image[top : min(top + STRIP * factor, rows), :columns] for top in range(0, rows, STRIP * factor))
    return np.concatenate([np.asarray(Image.fromarray(np.ascontiguousarray(s)).reduce(factor)) for s in strips])
