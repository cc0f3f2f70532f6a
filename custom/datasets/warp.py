"""Geometric augmentation by one warp from the original image to the network's input size."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes, autocast_box_type

from ..utils.errors import UserError

STEP = 16  # pixels; sides of canvases are multiples of the padding's divisor, so that batches have less padding
CUT = 0.45  # largest share of a digit's width that `DigitWarp` cuts off; such digits can still be told


def warp_boxes(matrix: np.ndarray, bboxes: np.ndarray) -> np.ndarray:
    """Transform axis-aligned boxes (N, 4) xyxy in pixels by a homography (3, 3) to axis-aligned boxes (N, 4).

    A result is the box around the transformed ellipse inscribed in the original box: a small rotation moves the centre
    and hardly changes the size. A box around the transformed corners would be far too large.

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
    """Return the homography (3, 3) that translates by x and y pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=float)


def _surroundings(photo: np.ndarray, stretched: np.ndarray) -> np.ndarray:
    """Make one of three backgrounds without legible digits from the photo and its `stretched` border, both uint8."""
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
    """Warp a photo onto a canvas, with a soft transition to a generated background.

    Args:
        photo: (h, w, 3) uint8.
        matrix: (3, 3), from photo to canvas pixels; (0, 0) is the top left corner of the top left pixel.
        canvas: width and height in pixels; the result is (canvas[1], canvas[0], 3) uint8.
    """
    height, width = photo.shape[:2]
    onto = _corners(width, height, matrix)
    less = np.sqrt(cv2.contourArea(onto.astype(np.float32)) / (width * height)) * 1.5
    if less < 0.75:  # the warp interpolates four pixels and would skip others
        small = max(1, round(width * less)), max(1, round(height * less))
        photo = cv2.resize(photo, small, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.diag([width / small[0], height / small[1], 1])
    centred = shift(-0.5, -0.5) @ matrix @ shift(0.5, 0.5)  # cv2's origin is the centre of the first pixel
    drawn = cv2.warpPerspective(photo, centred, canvas, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros(drawn.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(onto * 16 - 8).astype(np.int32), 255, cv2.LINE_AA, 4)
    if mask.min() == 255:
        return drawn
    around = _surroundings(photo, drawn)
    share = cv2.blur(mask, (2 * np.random.randint(1 + canvas[1] // 20) + 1,) * 2).astype(np.float32) / 255
    return cv2.blendLinear(drawn, around, share, 1 - share)


def _translation(photo: np.ndarray, digits: np.ndarray, length: float) -> float:
    """Draw a translation that leaves at most a tenth of the photo, and no digit, outside the canvas.

    All arguments are along one axis in pixels: start and end of the photo and of the digits, length of the canvas.
    """
    low, high = sorted((-photo[0], length - photo[1]))
    spare = (photo[1] - photo[0]) / 10
    inside = (-digits[0], length - digits[1])
    low, high = max(low - spare, inside[0]), min(high + spare, inside[1])
    return np.random.uniform(low, high) if low <= high else sum(inside) / 2


def _corners(width: float, height: float, matrix: np.ndarray) -> np.ndarray:
    """Transform the corners of a photo by a homography: (4, 2) in pixels, clockwise from the top left."""
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], dtype=float)
    return cv2.perspectiveTransform(corners, matrix)[0]


def _ends(points: np.ndarray) -> np.ndarray:
    return np.stack([points.min(axis=0), points.max(axis=0)])


@TRANSFORMS.register_module()
@dataclass(eq=False)
class DigitWarp(BaseTransform):
    """Random zoom, aspect ratio, rotation, shear, perspective and translation by one warp to the network's input size.

    The warp replaces `Expand`, `RandomAffine` and `RandomResize`. There is no flip. Every digit stays completely on the
    canvas, which limits the zoom; `cut` is the exception. Space around the photo is filled from the photo's colours.

    Required keys: `img`, `gt_bboxes`, `gt_bboxes_labels`, `gt_ignore_flags`. Modified: these, `img_shape`. Added:
    `scale_factor` (horizontal and vertical, equal) at the photo's centre.

    Raises:
        UserError: a range is empty or not positive, or `perspective` is not in 0 to 1.
    """

    # Largest width and height of the canvas in pixels, whose sides are multiples of 16: the `scale` of the test
    # pipeline's `Resize`, except that `Resize` makes upright photos up to scale[0] high.
    scale: tuple[int, int]
    shrink: tuple[float, float] = (0.75, 1.0)  # factor of the canvas size, log-uniform
    # Size of the photo relative to the canvas, log-uniform. By default digits that fill 0.66 of a photo's height fill
    # 0.42 of the canvas's at the median.
    zoom: tuple[float, float] = (0.35, 1.15)
    aspect: tuple[float, float] = (0.8, 1.25)  # factor of width over height, log-uniform
    rotate: float = 12  # largest rotation to either side, in degrees
    shear: float = 15  # largest angle of uprights to either side, in degrees
    perspective: float = 0.15  # largest relative difference in scale between two ends of the photo
    prob: float = 0.5  # probability of each of the last four
    min_digit: float = 9  # height in pixels below which the zoom does not reduce digits
    cut: float = 0.0  # probability that an edge of the canvas cuts off up to `CUT` of the first or of the last digit

    def __post_init__(self) -> None:
        for name in ('shrink', 'zoom', 'aspect'):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise UserError(f'DigitWarp: {name}=({low}, {high}) is no range; give two positive numbers, rising')
        if not 0 <= self.perspective < 1:
            raise UserError(f'DigitWarp: perspective={self.perspective}; give a number from 0 to below 1')

    def _factor(self, limits: tuple[float, float]) -> float:
        return float(np.exp(np.random.uniform(*np.log(limits))))

    def _sometimes(self, most: float) -> float:
        return np.random.uniform(-most, most) if np.random.random() < self.prob else 0.0

    def _canvas(self, width: int, height: int, zoom: float) -> tuple[int, int]:
        """Draw width and height of the canvas; with a smaller zoom they may differ more from the photo's shape."""
        squeeze = np.exp(np.random.uniform(-0.8, 0.8) * min(max(1 - zoom, 0), 0.5))
        fit = min(self.scale[0] / (width * squeeze), self.scale[1] / height) * self._factor(self.shrink)
        most = np.maximum(1, np.array(self.scale) // STEP)
        wide, high = np.clip(np.round([width * squeeze * fit / STEP, height * fit / STEP]), 1, most)
        return int(wide) * STEP, int(high) * STEP

    def _cut(self, digits: np.ndarray) -> tuple[np.ndarray, int]:
        """Draw the ends, (2,) in pixels, of what stays of the digits (K, 4) xyxy across, and the cut end, or -1."""
        ends = np.array([digits[:, 0].min(), digits[:, 2].max()])
        if np.random.random() >= self.cut:
            return ends, -1
        end = np.random.randint(2)
        digit = digits[digits[:, 2].argmax()] if end else digits[digits[:, 0].argmin()]
        ends[end] += np.random.uniform(0.05, CUT) * (digit[2] - digit[0]) * (-1 if end else 1)
        return ends, end

    def _deform(self, width: int, height: int, fit: float) -> np.ndarray:
        """Draw the homography without zoom and translation; the photo's centre becomes the origin."""
        stretch = np.sqrt(self._factor(self.aspect) if np.random.random() < self.prob else 1.0)
        turn, lean = np.deg2rad([self._sometimes(self.rotate), self._sometimes(self.shear)])
        linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        linear = linear @ [[1, np.tan(lean)], [0, 1]] @ np.diag([stretch, 1 / stretch]) * fit
        tilt, deform = np.eye(3), np.eye(3)
        tilt[2, :2] = self._sometimes(self.perspective), self._sometimes(self.perspective)
        tilt[2, :2] /= width * fit, height * fit
        deform[:2, :2] = linear
        return tilt @ deform @ shift(-width / 2, -height / 2)

    @autocast_box_type()
    def transform(self, results: dict) -> dict:
        """Warp the photo and its boxes."""
        photo, bboxes = results['img'], results['gt_bboxes'].tensor.numpy().astype(float)
        height, width = photo.shape[:2]
        zoom = self._factor(self.zoom)
        canvas = self._canvas(width, height, zoom)
        fit = np.sqrt(canvas[0] * canvas[1] / (width * height))
        matrix = self._deform(width, height, fit)
        digits = warp_boxes(matrix, bboxes[results['gt_ignore_flags'] == 0])
        ends, end = np.zeros((2, 2)), -1
        if len(digits):
            ends = _ends(digits.reshape(-1, 2))
            ends[:, 0], end = self._cut(digits)
            high = np.median(digits[:, 3] - digits[:, 1])
            zoom = max(zoom, min(1.0, self.min_digit / high))
            zoom = min(zoom, *(np.array(canvas) / (ends[1] - ends[0])))
        matrix = np.diag([zoom, zoom, 1]) @ matrix
        area = _ends(_corners(width, height, matrix))
        x, y = (_translation(area[:, i], ends[:, i] * zoom, canvas[i]) for i in (0, 1))
        if end >= 0:
            x = (0, canvas[0])[end] - ends[end, 0] * zoom
        matrix = shift(x, y) @ matrix

        results['img'] = draw_warped(photo, matrix, canvas)
        results['img_shape'] = results['img'].shape[:2]
        results['scale_factor'] = (zoom * fit, zoom * fit)
        boxes = warp_boxes(matrix, bboxes).clip(0, np.tile(canvas, 2))
        kept = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)
        results['gt_bboxes'] = HorizontalBoxes(torch.from_numpy(boxes[kept].astype(np.float32)))
        for key in ('gt_bboxes_labels', 'gt_ignore_flags'):
            results[key] = results[key][kept]
        return results


@TRANSFORMS.register_module()
@dataclass(eq=False)
class DigitCrop(BaseTransform):
    """Random crop around all digits of a photo; its margins are drawn for each side.

    A strip of digits in a square photo would be a few pixels high in the network's input. The crop shows the strip as
    the closer views of `custom.inference.multiview` do.

    Required keys: `img`, `gt_bboxes`. Modified: these, `img_shape`. A photo without digits is unchanged.

    Raises:
        UserError: `margin` is no range of positive numbers.
    """

    margin: tuple[float, float] = (0.2, 3.0)  # in median heights of the digits, log-uniform
    prob: float = 0.8  # probability of a crop

    def __post_init__(self) -> None:
        if not 0 < self.margin[0] <= self.margin[1]:
            raise UserError(f'DigitCrop: margin={tuple(self.margin)} is no range; give two positive numbers, rising')

    @autocast_box_type()
    def transform(self, results: dict) -> dict:
        """Crop the photo and move its boxes."""
        bboxes = results['gt_bboxes'].tensor.numpy()
        if not len(bboxes) or np.random.random() >= self.prob:
            return results
        high = float(np.median(bboxes[:, 3] - bboxes[:, 1]))
        least, most = np.log(self.margin)
        margins = np.exp(np.random.uniform(least, most, 4)) * high
        (left, top), (right, bottom) = _ends(bboxes.reshape(-1, 2))
        height, width = results['img'].shape[:2]
        left, top = max(0, int(left - margins[0])), max(0, int(top - margins[1]))
        right, bottom = min(width, int(right + margins[2]) + 1), min(height, int(bottom + margins[3]) + 1)
        results['img'] = np.ascontiguousarray(results['img'][top:bottom, left:right])
        results['img_shape'] = results['img'].shape[:2]
        results['gt_bboxes'] = HorizontalBoxes(torch.from_numpy(bboxes - np.array([left, top, left, top], np.float32)))
        return results
