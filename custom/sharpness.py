"""How sharp the digits on a photo are: blur is what costs a reader most that no box tells of."""

import numpy as np
from PIL import Image

HEIGHT = 32  # pixels that the number is scaled to: blur counts as a share of the digits, not in pixels of the photo


def sharpness(photo: np.ndarray, bbox: np.ndarray) -> float:
    """How much of a number's contrast lies between neighbouring pixels, once it is 32 pixels high.

    The standard deviation of the Laplacian, divided by that of the brightness: the same for a photo with half the
    contrast. It has no unit; it puts photos of one set in order. Noise counts as sharp.

    Args:
        photo: (H, W, 3) uint8 RGB.
        bbox: (4,) xyxy in pixels, around all digits; what lies outside of the photo does not count.

    Returns:
        From 0, where nothing changes or nothing of the photo lies in the box.
    """
    height, width = photo.shape[:2]
    left, top = np.floor(np.clip(bbox[:2], 0, [width, height])).astype(int)
    right, bottom = np.ceil(np.clip(bbox[2:], 0, [width, height])).astype(int)
    if right <= left or bottom <= top:
        return 0.0
    size = max(round((right - left) * HEIGHT / (bottom - top)), 3), HEIGHT
    crop = Image.fromarray(photo[top:bottom, left:right]).convert('L').resize(size, Image.Resampling.BICUBIC)
    grey = np.asarray(crop, dtype=np.float64)
    centre = grey[1:-1, 1:-1]
    laplacian = 4 * centre - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    spread = float(centre.std())
    return float(laplacian.std()) / spread if spread else 0.0
