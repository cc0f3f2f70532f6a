"""The geometry of training photos: one warp from the photo as it is to the size at which the network sees it."""

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes, autocast_box_type

from ..utils.errors import UserError


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


STEP = 16  # pixels; canvases are of such sides as photos are padded to, and less of a batch is padding


def _place(photo: np.ndarray, digits: np.ndarray, length: float) -> float:
    """Where to move a photo along one axis: anywhere on the canvas, a tenth of it off the edge, no digit off.

    Args:
        photo: its two ends in pixels.
        digits: the two ends of what must be on the canvas.
        length: of the canvas, in pixels.
    """
    low, high = sorted((-photo[0], length - photo[1]))
    spare = (photo[1] - photo[0]) / 10
    inside = (-digits[0], length - digits[1])
    low, high = max(low - spare, inside[0]), min(high + spare, inside[1])
    return np.random.uniform(low, high) if low <= high else sum(inside) / 2


def _ends(points: np.ndarray) -> np.ndarray:
    return np.stack([points.min(axis=0), points.max(axis=0)])


@TRANSFORMS.register_module()
class DigitWarp(BaseTransform):
    """Zoom, stretch, turn, slant, tilt and move a photo, all by one warp to the size that the network is fed.

    It takes the place of `Expand`, `RandomAffine` and `RandomResize`. Nothing is mirrored, and every digit stays whole
    on the canvas: the zoom is held back where they would not fit. What is around a photo that leaves room is made from
    its own colours.

    Required keys: `img`, `gt_bboxes`, `gt_bboxes_labels`, `gt_ignore_flags`. Modified: these, `img_shape`; added:
    `scale_factor` (horizontal, vertical: alike), that of the photo's centre.

    Args:
        scale: largest width and height of the canvas in pixels, whose sides are multiples of 16. It is the `scale` of
            the test pipeline's `Resize`, but for photos higher than wide: that makes them up to scale[0] high, and a
            batch is as high as its highest.
        shrink: a canvas is this times as large, log-uniform. Defaults to (0.75, 1.0).
        zoom: the photo is this times as large as would fill the canvas, log-uniform. Defaults to (0.35, 1.15), which
            makes digits that fill 0.66 of a photo's height fill 0.42 of the canvas's at the median.
        aspect: the photo gets this times as wide for its height, log-uniform. Defaults to (0.8, 1.25).
        rotate: most degrees to either side. Defaults to 12.
        shear: most degrees that uprights lean to either side. Defaults to 15.
        perspective: by how much the scale differs at most from one end of the photo to the other. Defaults to 0.15.
        prob: the chance of each of the last four. Defaults to 0.5.
        min_digit: the zoom keeps digits at least this high in pixels, if they were. Defaults to 9.

    Raises:
        UserError: a range that is empty or not positive, or a perspective that would show the photo's back.
    """

    def __init__(
        self,
        scale: tuple[int, int],
        shrink: tuple[float, float] = (0.75, 1.0),
        zoom: tuple[float, float] = (0.35, 1.15),
        aspect: tuple[float, float] = (0.8, 1.25),
        rotate: float = 12,
        shear: float = 15,
        perspective: float = 0.15,
        prob: float = 0.5,
        min_digit: float = 9,
    ) -> None:
        for name, (low, high) in {'shrink': shrink, 'zoom': zoom, 'aspect': aspect}.items():
            if not 0 < low <= high:
                raise UserError(f'DigitWarp: {name}=({low}, {high}) is no range; give two positive numbers, rising')
        if not 0 <= perspective < 1:
            raise UserError(f'DigitWarp: perspective={perspective}; give a number from 0 to below 1')
        self.scale, self.shrink, self.zoom, self.aspect = tuple(scale), shrink, zoom, aspect
        self.most = np.maximum(1, np.array(scale) // STEP)
        self.rotate, self.shear, self.perspective = rotate, shear, perspective
        self.prob, self.min_digit = prob, min_digit

    def _factor(self, limits: tuple[float, float]) -> float:
        return float(np.exp(np.random.uniform(*np.log(limits))))

    def _sometimes(self, most: float) -> float:
        return np.random.uniform(-most, most) if np.random.random() < self.prob else 0.0

    def _canvas(self, width: int, height: int, zoom: float) -> tuple[int, int]:
        """Width and height of the canvas: the photo's shape, less closely the more room it leaves."""
        squeeze = np.exp(np.random.uniform(-0.8, 0.8) * min(max(1 - zoom, 0), 0.5))
        fit = min(self.scale[0] / (width * squeeze), self.scale[1] / height) * self._factor(self.shrink)
        wide, high = np.clip(np.round([width * squeeze * fit / STEP, height * fit / STEP]), 1, self.most)
        return int(wide) * STEP, int(high) * STEP

    def _deform(self, width: int, height: int, fit: float) -> np.ndarray:
        """The homography without zoom and move; it puts the photo's centre at the origin."""
        stretch = np.sqrt(self._factor(self.aspect) if np.random.random() < self.prob else 1.0)
        turn, lean = np.deg2rad([self._sometimes(self.rotate), self._sometimes(self.shear)])
        linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        linear = linear @ [[1, np.tan(lean)], [0, 1]] @ np.diag([stretch, 1 / stretch]) * fit
        tilt = np.eye(3)
        tilt[2, :2] = self._sometimes(self.perspective), self._sometimes(self.perspective)
        tilt[2, :2] /= width * fit, height * fit
        deform = np.eye(3)
        deform[:2, :2] = linear
        return tilt @ deform @ shift(-width / 2, -height / 2)

    @autocast_box_type()
    def transform(self, results: dict) -> dict:
        """Warp the photo and its boxes."""
        photo, truth = results['img'], results['gt_bboxes'].tensor.numpy().astype(float)
        height, width = photo.shape[:2]
        zoom = self._factor(self.zoom)
        canvas = self._canvas(width, height, zoom)
        fit = np.sqrt(canvas[0] * canvas[1] / (width * height))
        matrix = self._deform(width, height, fit)
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
        digits = warp_boxes(matrix, truth[results['gt_ignore_flags'] == 0])
        ends = np.zeros((2, 2))
        if len(digits):
            ends = _ends(digits.reshape(-1, 2))
            high = np.median(digits[:, 3] - digits[:, 1])
            zoom = max(zoom, min(1.0, self.min_digit / high))
            zoom = min(zoom, *(np.array(canvas) / (ends[1] - ends[0])))
        matrix = np.diag([zoom, zoom, 1]) @ matrix
        area = _ends(cv2.perspectiveTransform(corners[None], matrix)[0])
        move = [_place(area[:, i], ends[:, i] * zoom, canvas[i]) for i in (0, 1)]
        matrix = shift(*move) @ matrix

        results['img'] = draw_warped(photo, matrix, canvas)
        results['img_shape'] = results['img'].shape[:2]
        results['scale_factor'] = (zoom * fit, zoom * fit)
        limits = np.tile(canvas, 2)
        boxes = warp_boxes(matrix, truth).clip(0, limits)
        kept = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)
        results['gt_bboxes'] = HorizontalBoxes(torch.from_numpy(boxes[kept].astype(np.float32)))
        for key in ('gt_bboxes_labels', 'gt_ignore_flags'):
            results[key] = results[key][kept]
        return results
