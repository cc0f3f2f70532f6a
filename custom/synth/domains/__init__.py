"""Domains of synthetic images: a module each, whose `draw` makes one image with the boxes of its digits.

Each function takes the source of randomness, the assets, and the hardness, 0 (clean, frontal) to 1 (as degraded as real
photos are). All digits of an image are labelled; letters and other marks are not.
"""

from collections.abc import Callable

from numpy.random import Generator

from ..scene import Assets, Scene
from . import displays, empty, houses, plaques, registers, scenes

__all__: list[str] = ['displays', 'empty', 'houses', 'plaques', 'registers', 'scenes']

DOMAINS: dict[str, Callable[[Generator, Assets, float], Scene]] = {
    'displays': displays.draw,
    'empty': empty.draw,
    'houses': houses.draw,
    'plaques': plaques.draw,
    'registers': registers.draw,
    'scenes': scenes.draw,
}
