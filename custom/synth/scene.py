"""Scene of the generator: the assets that an image is drawn from, and the image with its labels."""

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .fonts import Face


class Assets(NamedTuple):
    """Material that images are drawn from.

    Attributes:
        faces: typefaces, see `custom.synth.fonts.digit_faces`.
        backgrounds: real photos, whose sides become walls. Defaults to none.
        digit_crops: photos of one digit each, as path and digit. Defaults to none.
    """

    faces: Sequence[Face]
    backgrounds: tuple[str, ...] = ()
    digit_crops: tuple[tuple[str, int], ...] = ()


class Scene(NamedTuple):
    """A synthetic image with its labels.

    Attributes:
        image: (h, w, 3) uint8 RGB.
        bboxes: (K, 4) int64 xywh in pixels; K may be 0.
        labels: (K,) int64, the digits.
    """

    image: np.ndarray
    bboxes: np.ndarray
    labels: np.ndarray


def choose_face(rng: Generator, faces: Sequence[Face]) -> Face:
    """Draw a family first, then one of its styles, so that large families are not more frequent."""
    families = _families(tuple(faces))
    styles = families[rng.integers(len(families))]
    return styles[rng.integers(len(styles))]


@functools.lru_cache(maxsize=4)
def _families(faces: tuple[Face, ...]) -> list[list[Face]]:
    return [list(styles) for _, styles in itertools.groupby(faces, lambda face: face.path.rpartition('/')[0])]
