"""What a camera does to a scene: light, shadow, blur, low resolution, noise, JPEG."""

import cv2
import numpy as np

from .walls import LUMA, clouds, polygon


def light(rng: np.random.Generator, image: np.ndarray, hardness: float) -> np.ndarray:
    """Shade a scene: a slope of light, the edge of a shadow, exposure and colour cast.

    Args:
        rng: Source of randomness.
        image: (h, w, 3) float32 RGB in 0..1.
        hardness: 0 to 1.

    Returns:
        The same shape.
    """
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
    out = grey + (out - grey) * rng.uniform(0.45, 1.05)
    out = out * (1 - haze) + haze * rng.uniform(0.3, 0.8)
    if rng.random() < 0.08 * hardness:  # the sky on glass or enamel
        spot = polygon(height, width, (rng.uniform(0, 1, (4, 2)) * (width, height)).astype(np.float32))
        out += rng.uniform(0.1, 0.35) * cv2.GaussianBlur(spot, (0, 0), 0.1 * height + 0.5)[..., None]
    return np.clip(out, 0, 1).astype(np.float32)


def lens(rng: np.random.Generator, image: np.ndarray, digit_height: float, hardness: float) -> np.ndarray:
    """Blur by focus and movement, in proportion to the digits. Arguments as of `photograph`; float32 in and out."""
    sigma = digit_height * min(0.055, abs(rng.normal(0, 0.012 + 0.012 * hardness))) + rng.uniform(0.4, 0.7)
    image = cv2.GaussianBlur(image, (0, 0), sigma)
    if rng.random() < 0.12 * hardness:
        length = max(2, round(digit_height * rng.uniform(0.05, 0.2)))
        angle = rng.choice([0.0, 90.0, rng.uniform(0, 180)], p=[0.6, 0.2, 0.2])
        kernel = np.zeros((length * 2 + 1,) * 2, np.float32)
        kernel[length, length - length // 2 : length + (length + 1) // 2] = 1
        turn = cv2.getRotationMatrix2D((length, length), angle, 1)
        smear = cv2.warpAffine(kernel, turn, kernel.shape)
        image = cv2.filter2D(image, -1, smear / smear.sum(), borderType=cv2.BORDER_REFLECT)
    return image


def sensor(rng: np.random.Generator, image: np.ndarray, hardness: float) -> np.ndarray:
    """Add noise: fine grain of brightness and coarser stains of colour. float32 in, uint8 out."""
    height, width = image.shape[:2]
    grain = rng.standard_normal((height, width), dtype=np.float32)
    noisy = image + (grain * abs(rng.normal(0, 0.003 + 0.003 * hardness)))[..., None]
    noisy += _stains(rng, height, width, 1.6) * rng.uniform(0.012, 0.024)
    return (np.clip(noisy, 0, 1) * 255 + 0.5).astype(np.uint8)


def _stains(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    """(height, width, 3) float32: spots of colour, `cell` pixels wide, that change no brightness."""
    red, blue = clouds(rng, height, width, cell, cell), clouds(rng, height, width, cell, cell)
    return np.stack([red, (LUMA[0] * red + LUMA[2] * blue) / -LUMA[1], blue], axis=2)


def finish(rng: np.random.Generator, photo: np.ndarray, hardness: float) -> np.ndarray:
    """What cameras and their files add last: fringes of colour, sharpened edges, and a little noise that never lacks.

    Args:
        rng: Source of randomness.
        photo: (h, w, 3) uint8 RGB.
        hardness: 0 to 1.

    Returns:
        The same shape and type.
    """
    height, width = photo.shape[:2]
    out = photo.astype(np.float32)
    if rng.random() < 0.25 * hardness:  # red and blue do not meet
        shift = rng.normal(0, 0.4, 2)
        for channel, way in ((0, 1), (2, -1)):
            move = np.array([[1, 0, way * shift[0]], [0, 1, way * shift[1]]])
            out[..., channel] = cv2.warpAffine(out[..., channel], move, (width, height), borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.3 * hardness:
        strength = rng.uniform(0.2, 1.0)
        cv2.addWeighted(out, 1 + strength, cv2.GaussianBlur(out, (0, 0), rng.uniform(0.7, 1.6)), -strength, 0, out)
    out += _stains(rng, height, width, 3.0) * rng.uniform(0.2, 0.9) * hardness
    out += rng.standard_normal((height, width, 1), dtype=np.float32) * (rng.uniform(0.1, 0.6) * hardness)
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Return an image, (h, w, 3) uint8 BGR, after JPEG compression at `quality` (1 to 100)."""
    _, coded = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None  # it has just been coded
    return decoded


def photograph(
    rng: np.random.Generator, scene: np.ndarray, size: tuple[int, int], digit_height: float, hardness: float
) -> np.ndarray:
    """Turn a drawn scene into a photo.

    Args:
        rng: Source of randomness.
        scene: (h, w, 3) float32 RGB in 0..1.
        size: Width and height of the photo in pixels.
        digit_height: Of the digits in `scene`, in its pixels.
        hardness: 0 (clean) to 1 (as bad as real photos get).

    Returns:
        (size[1], size[0], 3) uint8 RGB.
    """
    blurred = lens(rng, light(rng, scene, hardness), digit_height, hardness)
    scale = size[1] / scene.shape[0]
    coarse = 1.0
    if rng.random() < 0.4 * hardness:  # enlarged from a smaller photo: digits of 10 px and up
        coarse = rng.uniform(1.0, max(1.0, min(2.2, digit_height * scale / 10)))
    small = (max(8, round(size[0] / coarse)), max(8, round(size[1] / coarse)))
    taken = sensor(rng, cv2.resize(blurred, small, interpolation=cv2.INTER_AREA), hardness)
    taken = jpeg(taken[..., ::-1], int(rng.uniform(85 - 50 * hardness, 97)))[..., ::-1]
    if small != size:
        taken = cv2.resize(taken, size, interpolation=cv2.INTER_CUBIC)
    return finish(rng, np.ascontiguousarray(taken), hardness)
