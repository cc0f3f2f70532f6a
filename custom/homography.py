"""Photos and boxes through a homography, and what is made up around a photo that leaves room on its canvas."""

import cv2
import numpy as np


def warp_boxes(matrix: np.ndarray, bboxes: np.ndarray) -> np.ndarray:
    """Carry upright boxes through a homography, and give upright ones that fit the digits again.

    A digit is taken for the ellipse inscribed in its box, and the result is the box around the ellipse's image: under
    a small rotation the centre moves and the size stays; an italic digit grows a little wider. The box around the
    corners' images would be far too large.

    Args:
        matrix: (3, 3), from pixels to pixels.
        bboxes: (N, 4) xyxy pixels.

    Returns:
        (N, 4) xyxy pixels.

    Example:
        >>> warp_boxes(np.diag([2.0, 1.0, 1.0]), np.array([[0.0, 0.0, 10.0, 20.0]])).tolist()
        [[0.0, 0.0, 20.0, 20.0]]
    """
    centres, sizes = (bboxes[:, :2] + bboxes[:, 2:]) / 2, bboxes[:, 2:] - bboxes[:, :2]
    depth = centres @ matrix[2, :2] + matrix[2, 2]
    moved = (centres @ matrix[:2, :2].T + matrix[:2, 2]) / depth[:, None]
    slope = (matrix[:2, :2] - moved[:, :, None] * matrix[2, :2]) / depth[:, None, None]  # (N, 2, 2), the derivative
    half = np.hypot(slope[:, :, 0] * sizes[:, :1], slope[:, :, 1] * sizes[:, 1:]) / 2
    return np.concatenate([moved - half, moved + half], axis=1)


def shift(x: float, y: float) -> np.ndarray:
    """The homography (3, 3) that moves by x and y pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=float)


def _surroundings(photo: np.ndarray, stretched: np.ndarray) -> np.ndarray:
    """What lies around a photo on its canvas, drawn from three kinds; none has a digit that can be read.

    Args:
        photo: (h, w, 3) uint8.
        stretched: (H, W, 3) uint8, the canvas with the photo's edges drawn out to its rim.
    """
    height, width = stretched.shape[:2]
    kind = np.random.randint(3)
    if kind == 0:
        return cv2.blur(stretched, (2 * int(np.random.uniform(1, width / 10)) + 1,) * 2)
    if kind == 1:
        few = cv2.resize(photo, tuple(np.random.randint(2, (7, 5)).tolist()), interpolation=cv2.INTER_AREA)
        return cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC)
    colour = cv2.resize(photo, (1, 1), interpolation=cv2.INTER_AREA)[0, 0] + np.random.normal(0, 25)
    cv2.setRNGSeed(int(np.random.randint(2**31)))
    plain = np.empty((height, width, 3), np.uint8)
    cv2.randn(plain, colour + np.random.normal(0, 6, 3), np.full(3, np.random.uniform(0, 8)))
    return plain


def draw_warped(photo: np.ndarray, matrix: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """Draw a photo through a homography on a canvas; its edge fades into what is made up around it.

    Args:
        photo: (h, w, 3) uint8.
        matrix: (3, 3), from the photo's pixels to the canvas's; the top left pixel's corner is (0, 0) on both.
        canvas: its width and height in pixels.

    Returns:
        (canvas[1], canvas[0], 3) uint8.
    """
    height, width = photo.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
    onto = cv2.perspectiveTransform(corners[None], matrix)[0]
    less = np.sqrt(cv2.contourArea(onto.astype(np.float32)) / (width * height)) * 1.5
    if less < 0.75:  # the warp looks at four pixels only, and would skip others
        small = max(1, round(width * less)), max(1, round(height * less))
        photo = cv2.resize(photo, small, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.diag([width / photo.shape[1], height / photo.shape[0], 1])
    centred = shift(-0.5, -0.5) @ matrix @ shift(0.5, 0.5)  # cv2 counts from the middle of the first pixel
    drawn = cv2.warpPerspective(photo, centred, canvas, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros(drawn.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(onto * 16 - 8).astype(np.int32), 255, cv2.LINE_AA, 4)
    if mask.min() == 255:
        return drawn
    around = _surroundings(photo, drawn)
    share = cv2.blur(mask, (2 * np.random.randint(1 + canvas[1] // 20) + 1,) * 2).astype(np.float32) / 255
    return cv2.blendLinear(drawn, around, share, 1 - share)
