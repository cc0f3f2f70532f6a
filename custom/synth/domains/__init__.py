"""Domains of synthetic images: a module each, whose `draw` makes one image with the boxes of its digits.

Each function takes the source of randomness, the assets, and the hardness, 0 (clean, frontal) to 1 (as degraded as real
photos are). All digits of an image are labelled; letters and other marks are not.
"""

from collections.abc import Callable

from numpy.random import Generator

from ..scene import Assets, Scene
from . import displays, houses, registers

__all__: list[str] = ['displays', 'houses', 'registers']

DOMAINS: dict[str, Callable[[Generator, Assets, float], Scene]] = {
    'displays': displays.draw,
    'houses': houses.draw,
    'registers': registers.draw,
}
