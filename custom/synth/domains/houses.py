"""House numbers: a wall or a photo's sides, perhaps a plate, a number, clutter, and the camera."""

import numpy as np
from numpy.random import Generator

from ..camera import photograph
from ..clutter import add_distractors, add_letters, add_surfaces, add_wire
from ..layout import draw_layout
from ..number import place_number
from ..paint import add_plate, choose_ink, ink_mask, paint
from ..scene import Assets, Scene, choose_face
from ..text import draw_affixes
from ..walls import draw_wall, photo_wall

OVERSAMPLED_BELOW = 24.0  # pixels; smaller digits are drawn at twice the size
FROM_PHOTOS = 0.5  # share of the walls that come from real photos, where there are any
PLATED = 0.55  # share of the numbers on a plate
LETTERED = 0.3  # share of the numbers at hardness 1 with letters in the manner of the digits, as in 12A


def draw(rng: Generator, assets: Assets, hardness: float) -> Scene:
    """Draw an image of a house number; a share `FROM_PHOTOS` has walls from `assets.backgrounds`, if there are any."""
    layout = draw_layout(rng, hardness)
    face = choose_face(rng, assets.faces)
    before, after = draw_affixes(rng, face) if rng.random() < LETTERED * hardness else ('', '')
    number = place_number(rng, face, layout, hardness, before, after)
    oversampling = 2 if layout.digit_height < OVERSAMPLED_BELOW else 1
    unit = layout.digit_height * oversampling
    height, width = number.height * oversampling, number.width * oversampling
    if assets.backgrounds and rng.random() < FROM_PHOTOS:
        image = photo_wall(rng, assets.backgrounds, height, width)
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
        add_letters(rng, image, number, [face, choose_face(rng, assets.faces)], ink)
    paint(rng, image, mask, ink, unit, hardness)
    if rng.random() < 0.05 * hardness:
        add_wire(rng, image, unit)
    photo = photograph(rng, np.clip(image, 0, 1), (number.width, number.height), unit, hardness)
    return Scene(photo, number.bboxes, np.array(layout.digits, np.int64))
