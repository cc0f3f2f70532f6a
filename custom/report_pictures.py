"""The part of a photo around its number, with boxes to be drawn on it, for the HTML report."""

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from custom.digit_confusion import PhotoDigits

WIDTH, HEIGHT = 170, 130  # pixels of the page, at most
MARGIN = 1.0  # heights of a digit that are shown around the number
SHARPER = 2  # pixels embedded for each one of the page, at most


class Box(NamedTuple):
    """A box in pixels of its picture; `kind` is 'right', 'wrong', or 'plain' where that is not known."""

    x: float
    y: float
    width: float
    height: float
    label: int
    kind: str


class Picture(NamedTuple):
    """A part of a photo.

    Attributes:
        width: in pixels of the page.
        height: likewise.
        uri: its pixels as a data URI; None where the photo is not there.
        read: the boxes that make up the number.
        true: the true ones.
    """

    width: float
    height: float
    uri: str | None
    read: list[Box]
    true: list[Box]


def picture(digits: PhotoDigits, photo: np.ndarray | None, size: tuple[int, int], judged: bool) -> Picture:
    """What a photo shows around its boxes, with room for a digit on each side; the whole photo where there is no box.

    Args:
        digits: the boxes.
        photo: (H, W, 3) uint8 RGB; None where it is not there.
        size: its width and height in pixels.
        judged: whether the truth is known, so that boxes are right or wrong.
    """
    left, top, right, bottom = _crop(np.vstack([digits.read, digits.true]), size)
    scale = min(WIDTH / (right - left), HEIGHT / (bottom - top))
    uri = None if photo is None else _data_uri(photo[top:bottom, left:right], scale * SHARPER)
    read_kinds, true_kinds = _kinds(digits, judged)

    def placed(boxes: np.ndarray, labels: np.ndarray, kinds: Sequence[str]) -> list[Box]:
        inside = (np.clip(boxes, [left, top] * 2, [right, bottom] * 2) - [left, top] * 2) * scale
        columns = inside[:, 0], inside[:, 1], inside[:, 2] - inside[:, 0], inside[:, 3] - inside[:, 1]
        rows = zip(*(c.round(1).tolist() for c in columns), labels.tolist(), kinds, strict=True)
        return [Box(*row) for row in rows]

    width, height = round((right - left) * scale, 1), round((bottom - top) * scale, 1)
    read = placed(digits.read, digits.read_labels, read_kinds)
    return Picture(width, height, uri, read, placed(digits.true, digits.true_labels, true_kinds))


def _kinds(digits: PhotoDigits, judged: bool) -> tuple[list[str], list[str]]:
    """Which of the boxes read, and which of the true ones, are as they should be."""
    same = [(i, j) for i, j in digits.pairs if digits.read_labels[i] == digits.true_labels[j]]
    read = ['wrong' if judged else 'plain'] * len(digits.read)
    true = ['wrong'] * len(digits.true)
    for i, j in same:
        read[i] = true[j] = 'right'
    for i in digits.ignored:
        read[i] = 'plain'
    return read, true


def _crop(boxes: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a photo around boxes (N, 4), xyxy in pixels: left, top, right, bottom."""
    if not len(boxes):
        return 0, 0, *size
    room = MARGIN * float(np.median(boxes[:, 3] - boxes[:, 1]))
    left, top = np.clip(np.floor(boxes[:, :2].min(axis=0) - room), 0, np.array(size) - 1).astype(int).tolist()
    right, bottom = np.clip(np.ceil(boxes[:, 2:].max(axis=0) + room), 1, size).astype(int).tolist()
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _data_uri(pixels: np.ndarray, scale: float) -> str:
    """A JPEG of the pixels, (H, W, 3) uint8 RGB, made smaller where `scale` is under 1."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if scale < 1:
        size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    file = io.BytesIO()
    image.save(file, 'JPEG', quality=85, optimize=True)
    return f'data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}'
