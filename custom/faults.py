"""What can be wrong with a photo, each as one fast operation: colours, tones, noise, motion."""

import cv2
import numpy as np

GREY = np.array([0.114, 0.587, 0.299])  # how bright blue, green and red are


def colour_matrix(saturation: float, hue: float, inverted: bool) -> np.ndarray:
    """The change of colours as one affine map.

    Args:
        saturation: 0 is grey, 1 leaves it.
        hue: degrees by which colours turn around the grey axis.
        inverted: bright becomes dark while the tint stays.

    Returns:
        (3, 4) for `cv2.transform` of BGR pixels of 0 to 255.

    Example:
        >>> (colour_matrix(1, 0, True) @ [250, 250, 250, 1]).round().tolist()
        [5.0, 5.0, 5.0]
    """
    axis = np.full(3, 1 / np.sqrt(3))
    across = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.deg2rad(hue)
    turned = np.cos(turn) * np.eye(3) + np.sin(turn) * across + (1 - np.cos(turn)) * np.outer(axis, axis)
    matrix = saturation * turned + (1 - saturation) * np.tile(GREY, (3, 1))
    offset = np.zeros(3)
    if inverted:
        matrix, offset = matrix - 2 * GREY @ matrix, np.full(3, 255.0)
    return np.column_stack([matrix, offset])


def tone_table(gains: np.ndarray, contrast: float, brightness: float, gamma: float) -> np.ndarray:
    """The change of tones as a table.

    Args:
        gains: (3,), one for each channel.
        contrast: 1 leaves it; the middle tone stays.
        brightness: added, in tones of 0 to 255.
        gamma: below 1 lightens.

    Returns:
        (1, 256, 3) uint8 for `cv2.LUT`.
    """
    tones = (np.arange(256) / 255) ** gamma * 255
    tones = (tones - 128) * contrast + 128 + brightness
    return (tones[:, None] * gains).clip(0, 255).astype(np.uint8)[None]


def noise(img: np.ndarray, sigma: float, stains: float, size: int) -> np.ndarray:
    """Add grain that is alike in the channels, and stains of colour.

    Args:
        img: (h, w, 3) uint8.
        sigma: of the grain, in tones of 0 to 255.
        stains: sigma of the stains, likewise.
        size: of a stain, in pixels.
    """
    height, width = img.shape[:2]
    cv2.setRNGSeed(int(np.random.randint(2**31)))
    grain = np.empty((height, width), np.int16)
    coarse = np.empty((-(-height // size), -(-width // size), 3), np.int16)
    cv2.randn(grain, np.zeros(1), np.full(1, sigma))
    cv2.randn(coarse, np.zeros(3), np.full(3, stains))
    total = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.add(cv2.add(total, cv2.merge([grain] * 3)), img, dtype=cv2.CV_8U)


def motion(length: float, angle: float) -> np.ndarray:
    """The kernel of a camera that moved by `length` pixels, `angle` in radians; its sum is 1."""
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    half = np.ceil(np.abs(reach) - 1e-6).astype(int)  # no larger than needed: cv2 is slow with large kernels
    kernel = np.zeros(2 * half[::-1] + 1, np.float32)
    start, end = (np.round((half + sign * reach) * 16).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_8, 4)
    return kernel / kernel.sum()
