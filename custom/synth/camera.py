"""Camera model: lighting, shadow, blur, low resolution, noise and JPEG."""

import cv2
import numpy as np
from numpy.random import Generator

from .walls import LUMA, clouds, polygon


def light(rng: Generator, image: np.ndarray, hardness: float) -> np.ndarray:
    """Return the image, (h, w, 3) float32, with a light gradient, a shadow, exposure, colour cast, haze and glare."""
    height, width = image.shape[:2]
    down, across = rng.normal(0, 0.1 + 0.1 * hardness, 2).astype(np.float32)
    x, y = np.linspace(-0.5, 0.5, width, dtype=np.float32), np.linspace(-0.5, 0.5, height, dtype=np.float32)
    lit = 1 + down * y[:, None] + across * x
    if rng.random() < 0.1 + 0.2 * hardness:  # the shadow of an eave, a tree, a post
        corners = rng.uniform(-0.5, 1.5, (int(rng.integers(3, 6)), 2)) * (width, height)
        shadow = polygon(height, width, corners.astype(np.float32))
        soft = rng.uniform(0.2, 0.05 * height + 0.5)
        lit *= 1 - rng.uniform(0.15, 0.5) * cv2.GaussianBlur(shadow, (0, 0), soft)
    cast = 1 + rng.normal(0, 0.05, 3)
    exposure = np.exp(rng.normal(-0.04 - 0.04 * hardness, 0.15 + 0.12 * hardness))
    out = image * (lit[..., None] * (exposure * cast).astype(np.float32))
    haze = rng.uniform(0, 0.05 + 0.1 * hardness)
    grey = cv2.transform(out, np.full((1, 3), 1 / 3, np.float32))[..., None]
    out -= grey
    out *= rng.uniform(0.45, 1.05)
    out += grey
    out *= 1 - haze
    out += haze * rng.uniform(0.3, 0.8)
    if rng.random() < 0.08 * hardness:  # the sky reflected by glass or enamel
        spot = polygon(height, width, (rng.uniform(0, 1, (4, 2)) * (width, height)).astype(np.float32))
        out += rng.uniform(0.1, 0.35) * cv2.GaussianBlur(spot, (0, 0), 0.1 * height + 0.5)[..., None]
    return np.clip(out, 0, 1, out=out)


def lens(rng: Generator, image: np.ndarray, unit: float, hardness: float) -> np.ndarray:
    """Return the image, (h, w, 3) float32, with defocus and motion blur in proportion to the digits."""
    sigma = unit * min(0.055, abs(rng.normal(0, 0.012 + 0.012 * hardness))) + rng.uniform(0.4, 0.7)
    image = cv2.GaussianBlur(image, (0, 0), sigma)
    if rng.random() < 0.12 * hardness:
        length = max(2, round(unit * rng.uniform(0.05, 0.2)))
        angle = rng.choice([0.0, 90.0, rng.uniform(0, 180)], p=[0.6, 0.2, 0.2])
        kernel = np.zeros((length * 2 + 1,) * 2, np.float32)
        kernel[length, length - length // 2 : length + (length + 1) // 2] = 1
        smear = cv2.warpAffine(kernel, cv2.getRotationMatrix2D((length, length), angle, 1), kernel.shape)
        image = cv2.filter2D(image, -1, smear / smear.sum(), borderType=cv2.BORDER_REFLECT)
    return image


def sensor(rng: Generator, image: np.ndarray, hardness: float) -> np.ndarray:
    """Return the image as (h, w, 3) uint8 with fine luminance noise and coarser chroma noise."""
    height, width = image.shape[:2]
    grain = rng.standard_normal((height, width), dtype=np.float32)
    noisy = image + (grain * abs(rng.normal(0, 0.003 + 0.003 * hardness)))[..., None]
    noisy += _chroma_noise(rng, height, width, 1.6) * rng.uniform(0.012, 0.024)
    return (np.clip(noisy, 0, 1) * 255 + 0.5).astype(np.uint8)


def _chroma_noise(rng: Generator, height: int, width: int, cell: float) -> np.ndarray:
    """Draw (height, width, 3) float32 colour blobs, `cell` pixels wide, of luminance 0."""
    red, blue = clouds(rng, height, width, cell, cell), clouds(rng, height, width, cell, cell)
    return np.stack([red, (LUMA[0] * red + LUMA[2] * blue) / -LUMA[1], blue], axis=2)


def finish(rng: Generator, photo: np.ndarray, hardness: float) -> np.ndarray:
    """Return a photo, (h, w, 3) uint8 RGB, with colour fringes, sharpening and, above hardness 0, residual noise."""
    height, width = photo.shape[:2]
    out = photo.astype(np.float32)
    if rng.random() < 0.25 * hardness:  # chromatic aberration
        shift = rng.normal(0, 0.4, 2)
        for channel, way in ((0, 1), (2, -1)):
            move = np.array([[1, 0, way * shift[0]], [0, 1, way * shift[1]]])
            out[..., channel] = cv2.warpAffine(out[..., channel], move, (width, height), borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.3 * hardness:
        strength = rng.uniform(0.2, 1.0)
        cv2.addWeighted(out, 1 + strength, cv2.GaussianBlur(out, (0, 0), rng.uniform(0.7, 1.6)), -strength, 0, out)
    out += _chroma_noise(rng, height, width, 3.0) * rng.uniform(0.2, 0.9) * hardness
    out += rng.standard_normal((height, width, 1), dtype=np.float32) * (rng.uniform(0.1, 0.6) * hardness)
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Return an image, (h, w, 3) uint8 BGR, after JPEG compression at `quality` (1 to 100)."""
    _, coded = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None  # it has just been coded
    return decoded


def photograph(rng: Generator, image: np.ndarray, size: tuple[int, int], unit: float, hardness: float) -> np.ndarray:
    """Return a photo, (size[1], size[0], 3) uint8 RGB, of a drawn image; `size` is width and height in pixels."""
    blurred = lens(rng, light(rng, image, hardness), unit, hardness)
    coarse = 1.0
    if rng.random() < 0.4 * hardness:  # enlarged from a smaller photo: digits of 10 px and up
        coarse = rng.uniform(1.0, max(1.0, min(2.2, unit * (size[1] / image.shape[0]) / 10)))
    small = (max(8, round(size[0] / coarse)), max(8, round(size[1] / coarse)))
    taken = sensor(rng, cv2.resize(blurred, small, interpolation=cv2.INTER_AREA), hardness)
    taken = jpeg(taken[..., ::-1], int(rng.uniform(85 - 50 * hardness, 97)))[..., ::-1]
    if small != size:
        taken = cv2.resize(taken, size, interpolation=cv2.INTER_CUBIC)
    return finish(rng, np.ascontiguousarray(taken), hardness)
