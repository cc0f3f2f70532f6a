"""Synthetic image: a wall or a photo's sides, perhaps a plate, a number, clutter, and the camera."""

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .camera import photograph
from .clutter import add_distractors, add_letters, add_surfaces, add_wire
from .fonts import Face
from .layout import draw_layout
from .number import place_number
from .paint import add_plate, choose_ink, ink_mask, paint
from .walls import draw_wall, photo_wall

OVERSAMPLED_BELOW = 24.0  # pixels; smaller digits are drawn at twice the size
FROM_PHOTOS = 0.5  # share of the walls that come from real photos, where there are any
PLATED = 0.55  # share of the numbers on a plate


class Scene(NamedTuple):
    """A synthetic image with its labels.

    Attributes:
        image: (h, w, 3) uint8 RGB.
        bboxes: (K, 4) int64 xywh in pixels.
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


def draw_scene(rng: Generator, faces: Sequence[Face], hardness: float = 1.0, backgrounds: Sequence[str] = ()) -> Scene:
    """Draw an image of a house number.

    Args:
        rng: source of all randomness.
        faces: typefaces, see `custom.synth.fonts.digit_faces`.
        hardness: 0 (clean, frontal) to 1 (as degraded as real photos are). Defaults to 1.0.
        backgrounds: real photos whose sides become the walls of a share `FROM_PHOTOS` of the images. Defaults to none.
    """
    layout = draw_layout(rng, hardness)
    face = choose_face(rng, faces)
    number = place_number(rng, face, layout, hardness)
    oversampling = 2 if layout.digit_height < OVERSAMPLED_BELOW else 1
    unit = layout.digit_height * oversampling
    height, width = number.height * oversampling, number.width * oversampling
    if backgrounds and rng.random() < FROM_PHOTOS:
        image = photo_wall(rng, tuple(backgrounds), height, width)
    else:
        image = draw_wall(rng, height, width, unit)
        add_surfaces(rng, image, number, unit, hardness)
    add_distractors(rng, image, number, unit, hardness)
    mask = ink_mask(number.glyphs, height, width, oversampling)
    if rng.random() < PLATED:
        ink = add_plate(rng, image, number, unit)
    else:
        ink = choose_ink(rng, image, mask, least=0.4 - 0.2 * hardness)
    if rng.random() < 0.1 + 0.3 * hardness:
        add_letters(rng, image, number, [face, choose_face(rng, faces)], ink)
    paint(rng, image, mask, ink, unit, hardness)
    if rng.random() < 0.05 * hardness:
        add_wire(rng, image, unit)
    photo = photograph(rng, np.clip(image, 0, 1), (number.width, number.height), unit, hardness)
    return Scene(photo, number.bboxes, np.array(layout.digits, np.int64))
