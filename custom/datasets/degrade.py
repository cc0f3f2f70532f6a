"""Image degradation augmentations: lighting, colour, occlusion, distractor bars, blur, downscaling, noise, JPEG."""

from dataclasses import dataclass

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from ..synth.camera import jpeg
from ..utils.errors import UserError

GREY = np.array([0.114, 0.587, 0.299])  # luma weights of blue, green and red


def colour_matrix(saturation: float, hue: float, inverted: bool) -> np.ndarray:
    """Build an affine map of BGR pixels of 0 to 255, (3, 4) for `cv2.transform`.

    `saturation` is a factor, where 0 gives grey. `hue` is a rotation around the grey axis in degrees. `inverted` makes
    bright pixels dark and keeps the tint.

    Example:
        >>> (colour_matrix(1, 0, True) @ [250, 250, 250, 1]).round().tolist()
        [5.0, 5.0, 5.0]
    """
    axis = np.full(3, 1 / np.sqrt(3))
    across = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.deg2rad(hue)
    turned = np.cos(turn) * np.eye(3) + np.sin(turn) * across + (1 - np.cos(turn)) * np.outer(axis, axis)
    matrix = saturation * turned + (1 - saturation) * np.tile(GREY, (3, 1))
    if inverted:
        return np.column_stack([matrix - 2 * GREY @ matrix, np.full(3, 255.0)])
    return np.column_stack([matrix, np.zeros(3)])


def tone_table(gains: np.ndarray, contrast: float, brightness: float, gamma: float) -> np.ndarray:
    """Build a table of tones, (1, 256, 3) uint8 for `cv2.LUT`.

    `gains` (3,) are factors per channel, `contrast` is a factor around the middle tone, `brightness` is added in tones
    of 0 to 255, and a `gamma` below 1 lightens.
    """
    tones = (np.arange(256) / 255) ** gamma * 255
    tones = (tones - 128) * contrast + 128 + brightness
    return (tones[:, None] * gains).clip(0, 255).astype(np.uint8)[None]


def noise(img: np.ndarray, sigma: float, stains: float, size: int) -> np.ndarray:
    """Add noise to an image (h, w, 3) uint8: grey grain and colour noise with cells of `size` pixels.

    `sigma` and `stains` are the standard deviations of grain and colour noise, in tones of 0 to 255.
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
    """Build the kernel of motion blur by `length` pixels at `angle` in radians; the sum is 1."""
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    half = np.ceil(np.abs(reach) - 1e-6).astype(int)  # as small as possible: cv2 is slow with large kernels
    kernel = np.zeros(2 * half[::-1] + 1, np.float32)
    start, end = (np.round((half + sign * reach) * 16).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_8, 4)
    return kernel / kernel.sum()


@TRANSFORMS.register_module()
@dataclass(eq=False)
class DigitDegrade(BaseTransform):
    """Random degradation in the order of image formation; sizes in space are proportional to the digits' height.

    The steps are colour and tone, bars beside the number, an occluding strip or a shadow, blur, downscaling, noise and
    JPEG. Each step is random. The size of the image does not change.

    Required keys: `img` (uint8), `gt_bboxes`. Modified: `img`.

    Raises:
        UserError: `quality` is no range of JPEG qualities.
    """

    prob: float = 0.4  # probability of each change of tone or colour, of blur, downscaling, noise and JPEG
    blur: float = 0.08  # largest sigma in heights of a digit; small ones are more frequent
    min_digit: float = 10  # height in pixels that downscaled digits keep
    quality: tuple[int, int] = (25, 95)  # lowest and highest quality of the JPEG, 1 to 100
    invert: float = 0.05  # probability of inverted brightness
    cover: float = 0.1  # probability of a strip, which covers at most a quarter of a digit, and of a shadow
    # Probability, on each side of the number, of an upright bar or edge, as boards, frames and posts have. A bar is
    # clear of the digits and taller, so that it is no 1.
    beside: float = 0

    def __post_init__(self) -> None:
        if not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise UserError(f'DigitDegrade: quality={tuple(self.quality)} is no range of JPEG qualities; give 1 to 100')

    def _chance(self, prob: float | None = None) -> bool:
        return np.random.random() < (self.prob if prob is None else prob)

    def _normal(self, sigma: float) -> float:
        return np.random.normal(0, sigma) if self._chance() else 0.0

    def transform(self, results: dict) -> dict:
        """Degrade `results['img']`."""
        img, boxes = results['img'], np.asarray(results['gt_bboxes'].tensor, dtype=float)
        sizes = boxes[:, 2:] - boxes[:, :2]
        high = float(np.median(sizes[:, 1])) if len(boxes) else img.shape[0] / 2
        img = self._recolour(img)
        for right in (False, True) if self.beside and len(boxes) else ():
            if self._chance(self.beside):
                img = self._bar(img, boxes, high, right)
        if self._chance(self.cover):
            img = self._shade(img)
        if len(boxes) and self._chance(self.cover):
            img = self._strip(img, sizes)
        if self._chance():
            img = self._unfocus(img, high)
        results['img'] = self._record(img, high, max(1.0, results.get('scale_factor', (1, 1))[1]))
        return results

    def _recolour(self, img: np.ndarray) -> np.ndarray:
        inverted = self._chance(self.invert)
        if inverted or self._chance():
            img = cv2.transform(img, colour_matrix(np.random.uniform(0, 1.6), np.random.normal(0, 10), inverted))
        gains = np.exp(np.random.normal(0, 0.08, 3)) if self._chance() else np.ones(3)
        contrast, gamma = np.exp(np.clip([self._normal(0.25), self._normal(0.25)], -0.5, 0.5))
        light = cv2.resize(img, (1, 1), interpolation=cv2.INTER_AREA).mean()
        if (light < 80 and gamma > 1) or (light > 175 and gamma < 1):
            gamma = 1 / gamma  # digits of an image that is already dark or bright would vanish
        return cv2.LUT(img, tone_table(gains, contrast, self._normal(20), gamma))

    def _shade(self, img: np.ndarray) -> np.ndarray:
        """Darken one side of a line, with a soft or sharp edge."""
        height, width = img.shape[:2]
        angle = np.random.uniform(0, 2 * np.pi)
        x = np.arange(width) - np.random.uniform(0.2, 0.8) * width
        y = np.arange(height) - np.random.uniform(0.2, 0.8) * height
        side = np.cos(angle) * x + np.sin(angle) * y[:, None]
        depth = np.random.uniform(0.2, 0.6) / (1 + np.exp(-side / np.random.uniform(0.3, 0.2 * height)))
        return (img * (1 - depth)[..., None]).astype(np.uint8)

    def _strip(self, img: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Draw a pole or a wire across the image, in a colour of the image."""
        height, width = img.shape[:2]
        thin = 0.25 * (sizes.prod(axis=1) / np.hypot(*sizes.T)).min()  # times a diagonal: a quarter of the area
        if thin < 2:
            return img
        thick = max(1, int(np.random.uniform(0.3, 1) * thin - 1))  # cv2 draws up to a pixel more
        colour = img[np.random.randint(height), np.random.randint(width)] * np.random.uniform(0.5, 1.3)
        middle = np.random.uniform(0, 1, 2) * (width, height)
        angle = np.random.choice([0, np.pi / 2]) + np.random.normal(0, 0.2)
        reach = np.array([np.cos(angle), np.sin(angle)]) * (width + height)
        start, end = (np.round(middle + sign * reach).astype(int).tolist() for sign in (-1, 1))
        return cv2.line(img.copy(), start, end, colour.clip(0, 255).tolist(), thick)

    def _bar(self, img: np.ndarray, boxes: np.ndarray, high: float, right: bool) -> np.ndarray:
        """Draw an upright bar, or a surface up to the border, beside the number, in a colour like the image's.

        `boxes` (n, 4) are xyxy in pixels, n at least 1; `high` is the height of the digits in pixels.
        """
        height, width = img.shape[:2]
        near, way = (boxes[:, 2].max(), 1) if right else (boxes[:, 0].min(), -1)
        top = boxes[:, 1].min() - high * np.random.uniform(0.2, 2)
        bottom = boxes[:, 3].max() + high * np.random.uniform(0.2, 2)
        thick = high * np.random.uniform(0.04, 0.2) if np.random.random() < 0.6 else float(width)
        lean = (bottom - top) / 2 * np.random.normal(0, 0.06)
        gap = high * np.random.uniform(0.12, 0.7)
        edge = near + way * (gap + abs(lean))
        if not 0 < edge < width:
            return img
        end = edge + way * thick
        corners = np.array([[edge - lean, top], [edge + lean, bottom], [end + lean, bottom], [end - lean, top]])
        colour = img[np.random.randint(height), np.random.randint(width)] * np.random.uniform(0.4, 1.6)
        mask = np.zeros((height, width), np.float32)
        cv2.fillConvexPoly(mask, np.round(corners * 16).astype(np.int32), 1.0, shift=4)  # in sixteenths of a pixel
        # A small sigma leaves the digits unchanged.
        mask = cv2.GaussianBlur(mask, (0, 0), gap * np.random.uniform(0.05, 0.4))[..., None]
        return (img * (1 - mask) + colour.clip(0, 255) * mask).astype(np.uint8)

    def _unfocus(self, img: np.ndarray, high: float) -> np.ndarray:
        if np.random.random() < 0.25:
            length = high * np.random.uniform(0.05, 2 * self.blur)
            angle = np.random.choice([0, np.pi / 2, np.random.uniform(0, np.pi)])
            return cv2.filter2D(img, -1, motion(length, angle), borderType=cv2.BORDER_REPLICATE)
        sigma = high * self.blur * np.random.uniform(0, 1) ** 2
        return cv2.GaussianBlur(img, (0, 0), sigma) if sigma > 0.2 else img

    def _record(self, img: np.ndarray, high: float, enlarged: float) -> np.ndarray:
        """Downscale the image, add noise, compress to JPEG and restore the size.

        `high` is the height of the digits in pixels. `enlarged` is the factor of an earlier enlargement: downscaling by
        this factor loses no detail.
        """
        height, width = img.shape[:2]
        if self._chance():
            coarse = enlarged * max(1.0, high / enlarged / self.min_digit) ** np.random.random()
            img = cv2.resize(img, None, fx=1 / coarse, fy=1 / coarse, interpolation=cv2.INTER_AREA)
        if self._chance():
            img = noise(img, abs(np.random.normal(0, 4)), abs(np.random.normal(0, 4)), np.random.randint(2, 5))
        if self._chance():
            img = jpeg(img, np.random.randint(self.quality[0], self.quality[1] + 1))
        if img.shape[:2] != (height, width):
            interpolation = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[np.random.randint(2)]
            return cv2.resize(img, (width, height), interpolation=interpolation)
        return img
