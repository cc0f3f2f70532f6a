"""Comparison of an exported detector with the model in torch, on drawn photos of many sizes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..inference.multiview import Detector, View
from ..reading.fusion import MAX_BOXES, Boxes

MOST_PIXELS, MOST_SCORE = 0.5, 1e-3  # largest differences of a box's sides, in pixels, and of its score
WIDTHS = range(17, 338, 29)  # pixels, of photos; odd and even ones, and no multiples of a stride
TEXTS = ('', '7', '05', '1862', '3141592653589793')  # no digit, one digit, more boxes than a photo may have


class Difference(NamedTuple):
    """Largest differences of two detectors: of box sides in pixels and of scores; boxes compared; boxes of one only."""

    pixels: float
    score: float
    boxes: int
    unmatched: int

    @property
    def is_small(self) -> bool:
        """Whether boxes and scores agree within MOST_PIXELS and MOST_SCORE."""
        return not self.unmatched and self.pixels <= MOST_PIXELS and self.score <= MOST_SCORE

    def __str__(self) -> str:
        text = f'{self.boxes} boxes differ by at most {self.pixels:.2g} px, their scores by {self.score:.2g}'
        return text + (f'; {self.unmatched} boxes have no counterpart' if self.unmatched else '')


def drawn_photos() -> Iterator[np.ndarray]:
    """Draw photos (H, W, 3), uint8: numbers on grey in many sizes, noise, and a photo full of digits."""
    rng = np.random.default_rng(0)
    for i, width in enumerate(WIDTHS):
        height = 16 + 23 * i % 113
        image = Image.new('RGB', (width, height), (90, 100, 120))
        text, font = TEXTS[i % len(TEXTS)], ImageFont.load_default(max(0.7 * height, 10))
        ImageDraw.Draw(image).text((width / 2, height / 2), text, 'white', font, anchor='mm')
        yield np.asarray(image)
        yield rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    image, font = Image.new('RGB', (320, 160), 'black'), ImageFont.load_default(24)
    for row in range(8):
        ImageDraw.Draw(image).text((2, 20 * row), '01234567890123456789', 'white', font)
    yield np.asarray(image)


def difference(
    model: Detector, exported: Detector, photos: Sequence[np.ndarray], least: float, most: int = MAX_BOXES
) -> Difference:
    """Compare two detectors on photos, all in one batch and each alone.

    A box is compared with a box of its label within MOST_PIXELS. It may lack one if its score is at most MOST_SCORE
    above `least`, the score threshold of the detectors, or above the lowest score of a photo with `most` boxes.
    """
    views = [View(photo, (1.0, 1.0)) for photo in photos]
    pairs = list(zip(model.detect(views), exported.detect(views), strict=True))
    pairs += [(model.detect([view])[0], exported.detect([view])[0]) for view in views]
    parts = [_difference(*pair, least, most) for pair in pairs]
    return Difference(
        max(part.pixels for part in parts),
        max(part.score for part in parts),
        sum(part.boxes for part in parts),
        sum(part.unmatched for part in parts),
    )


def _difference(some: Boxes, others: Boxes, least: float, most: int) -> Difference:
    floor = max([least, *(float(scores.min()) for _, scores, _ in (some, others) if len(scores) >= most > 0)])
    pixels = score = 0.0
    matched, free = 0, np.ones(len(others[1]), dtype=bool)
    lonely: list[float] = []
    for bbox, own_score, label in zip(*some, strict=True):
        candidates = np.flatnonzero(free & (others[2] == label))
        apart = np.abs(others[0][candidates] - bbox).max(axis=1)
        near = candidates[apart <= MOST_PIXELS]
        if not near.size:
            lonely.append(own_score)
            continue
        best = near[np.abs(others[1][near] - own_score).argmin()]
        free[best] = False
        matched += 1
        pixels = max(pixels, float(np.abs(others[0][best] - bbox).max()))
        score = max(score, float(abs(others[1][best] - own_score)))
    lonely += others[1][free].tolist()
    return Difference(pixels, score, matched, sum(bool(one > floor + MOST_SCORE) for one in lonely))
