"""Images without any number: walls, words, fittings, patterns."""

import numpy as np
from numpy.random import Generator

from ..camera import photograph
from ..clutter import add_wire
from ..props import FACADE, FITTINGS, place, to_bytes, write
from ..scene import Assets, Scene, choose_face
from ..walls import clouds, draw_wall, photo_wall

FROM_PHOTOS = 0.4  # share of the walls that come from real photos, where there are any
BARE = 0.06  # share of the images that show a wall alone


def draw_ground(rng: Generator, assets: Assets, height: int, width: int, unit: float) -> np.ndarray:
    """Draw a wall, (height, width, 3) float32, from the sides of a photo if there are any; perhaps with stains."""
    if assets.backgrounds and rng.random() < FROM_PHOTOS:
        return photo_wall(rng, assets.backgrounds, height, width)
    image = draw_wall(rng, height, width, unit)
    if rng.random() < 0.15:  # rust, moss, dirt
        stain = np.clip(clouds(rng, height, width, 0.8 * unit, 0.6 * unit) - 0.4, 0, 1) * np.float32(
            rng.uniform(0.2, 0.8)
        )
        image += (np.float32(rng.uniform(0.05, 0.5, 3)) - image) * stain[..., None]
    return image


def draw(rng: Generator, assets: Assets, hardness: float) -> Scene:
    """Draw an image without a digit."""
    small = (round(np.exp(rng.uniform(np.log(32), np.log(130)))),) * 2
    width, height = round(small[0] * np.exp(rng.uniform(-0.1, 1.1))), small[1]
    oversampling = 2 if height < 70 else 1
    high, wide = height * oversampling, width * oversampling
    unit = high * rng.uniform(0.15, 0.7)  # height of letters
    image = draw_ground(rng, assets, high, wide, unit)
    kind = rng.random()
    if kind >= BARE:
        image = to_bytes(image)
        crowd = rng.poisson(1.5 + 2 * (kind > 0.7))
        for _ in range(crowd):  # large things first, small ones in front
            prop = FACADE[rng.integers(len(FACADE))] if rng.random() < 0.35 else FITTINGS[rng.integers(len(FITTINGS))]
            half = unit * np.exp(rng.uniform(-1.2, 0.8)) * np.array([np.exp(rng.normal(0.1, 0.25)), 1])
            prop(rng, image, place(rng, rng.uniform((0, 0), (wide, high)), half, hardness))
        for _ in range(int(rng.choice([0, 1, 1, 2, 3]))):
            centre = rng.uniform((0.1, 0.15), (0.9, 0.85)) * (wide, high)
            size = unit * np.exp(rng.uniform(-0.7, 0.35))
            write(rng, image, choose_face(rng, assets.faces), centre, size, hardness)
        image = image / np.float32(255)
    if rng.random() < 0.1:
        add_wire(rng, image, unit)
    photo = photograph(rng, np.clip(image, 0, 1), (width, height), unit, hardness)
    return Scene(photo, np.zeros((0, 4), np.int64), np.zeros(0, np.int64))
