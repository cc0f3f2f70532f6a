"""One made photo: a wall, perhaps a plate, a number, things that are no digits, and a camera."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .camera import photograph
from .clutter import add_letters, add_parts, add_things, add_wire
from .fonts import Face
from .layout import draw_layout
from .number import place_number
from .paint import add_plate, choose_ink, ink_mask, paint
from .walls import photo_wall, wall

FINE_BELOW = 24.0  # digits lower than this many pixels are drawn at twice the size
FROM_PHOTOS = 0.5  # share of the walls that come from real photos, where there are any
PLATED = 0.55  # share of the numbers that hang on a plate


class Scene(NamedTuple):
    """A made photo.

    Attributes:
        image: (h, w, 3) uint8 RGB.
        bboxes: (K, 4) int64 xywh in pixels.
        labels: (K,) int64, the digits.
    """

    image: np.ndarray
    bboxes: np.ndarray
    labels: np.ndarray


def choose_face(rng: np.random.Generator, faces: Sequence[Face]) -> Face:
    """Draw a family first, then one of its cuts, so that large families do not rule."""
    families = _families(tuple(faces))
    cuts = families[rng.integers(len(families))]
    return cuts[rng.integers(len(cuts))]


@functools.lru_cache(maxsize=4)
def _families(faces: tuple[Face, ...]) -> list[list[Face]]:
    found: dict[str, list[Face]] = {}
    for face in faces:
        found.setdefault(face.path.rpartition('/')[0], []).append(face)
    return list(found.values())


def draw_scene(
    rng: np.random.Generator, faces: Sequence[Face], hardness: float = 1.0, backgrounds: Sequence[str] = ()
) -> Scene:
    """Make one photo of a house number.

    Args:
        rng: Source of all its randomness.
        faces: Typefaces to choose from, as `custom.synth.fonts.digit_faces` finds them.
        hardness: 0 (clean, frontal) to 1 (as hard as real photos get). Defaults to 1.0.
        backgrounds: Real photos whose sides become the walls of `FROM_PHOTOS` of the scenes. Defaults to none.
    """
    layout = draw_layout(rng, hardness)
    face = choose_face(rng, faces)
    number = place_number(rng, face, layout, hardness)
    fine = 2 if layout.digit_height < FINE_BELOW else 1
    unit = layout.digit_height * fine
    height, width = number.height * fine, number.width * fine
    if backgrounds and rng.random() < FROM_PHOTOS:
        image = photo_wall(rng, tuple(backgrounds), height, width)
    else:
        image = wall(rng, height, width, unit)
        add_parts(rng, image, number, unit, hardness)
    add_things(rng, image, number, unit, hardness)
    mask = ink_mask(number.strokes, height, width, fine)
    if rng.random() < PLATED:
        ink = add_plate(rng, image, number, unit, fine)
    else:
        ink = choose_ink(rng, image, mask, least=0.4 - 0.2 * hardness)
    if rng.random() < 0.1 + 0.3 * hardness:
        add_letters(rng, image, number, [face, choose_face(rng, faces)], ink, fine)
    paint(rng, image, mask, ink, unit, hardness)
    if rng.random() < 0.05 * hardness:
        add_wire(rng, image, unit)
    photo = photograph(rng, np.clip(image, 0, 1), (number.width, number.height), unit, hardness)
    return Scene(photo, number.bboxes, np.array(layout.digits, np.int64))
