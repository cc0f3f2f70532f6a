"""Distribution of sizes, positions and digits of synthetic house numbers.

The quantiles were measured on the 33,402 training photos of SVHN (Netzer et al. 2011, "Reading Digits in Natural
Images with Unsupervised Feature Learning"). SVHN's test photos show smaller digits in squarer images. A share `FAR` of
the layouts follows the test photos (`FAR_…`): image sizes measured on 3,965 unlabelled photos, digit heights estimated.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)  # the quantile levels of every row below
PHOTO_HEIGHT = (12, 16, 20, 33, 47, 71, 130, 184, 260)  # pixels
PHOTO_ASPECT = {  # width / height, by number of digits
    1: (1.2, 1.36, 1.71, 1.87, 2.0, 2.16, 2.5, 2.86, 3.2),
    2: (1.4, 1.55, 1.88, 2.07, 2.2, 2.34, 2.61, 3.05, 3.5),
    3: (1.4, 1.59, 1.91, 2.22, 2.41, 2.6, 3.05, 3.54, 4.0),
    4: (1.5, 1.67, 2.08, 2.57, 2.92, 3.25, 3.81, 4.2, 4.6),
}
NUMBER_HEIGHT = (0.2, 0.26, 0.41, 0.6, 0.71, 0.79, 0.9, 0.95, 0.97)  # of the image's height
FAR = 0.7  # share of the layouts: half of all digits are then under half of their image's height
FAR_PHOTO_HEIGHT = (18, 22, 28, 41, 55, 75, 120, 174, 260)
FAR_PHOTO_ASPECT = (0.8, 0.92, 1.07, 1.35, 1.65, 2.0, 2.44, 2.92, 3.3)
FAR_NUMBER_HEIGHT = (0.12, 0.17, 0.24, 0.36, 0.45, 0.56, 0.75, 0.88, 0.95)
SIZE_CORRELATION = -0.45  # of log image height with number height: close-ups are small files
DIGIT_ASPECT = (0.22, 0.25, 0.32, 0.43, 0.515, 0.6, 0.74, 0.87, 0.95)  # box width / height, all digits but 1
DIGIT_GAP = (-0.3, -0.25, -0.13, -0.045, 0.0, 0.045, 0.14, 0.29, 0.4)  # between neighbouring boxes / height
SLOPE = (-2.5, -0.8, -0.43, -0.115, 0.0, 0.077, 0.27, 0.53, 2.0)  # of the line of box centres; y points down
LONE_SLOPE = 0.4  # factor for a single digit, which has no line of centres and a straighter plate
CENTRE_X = (0.25, 0.32, 0.44, 0.49, 0.5, 0.51, 0.56, 0.68, 0.75)  # of the number / image width
CENTRE_Y = (0.3, 0.36, 0.43, 0.47, 0.49, 0.51, 0.56, 0.65, 0.72)
COUNTS = (0.154, 0.543, 0.26, 0.043)  # share of numbers with 1, 2, 3, 4 digits
FIRST_DIGIT = (0.0025, 0.2767, 0.1892, 0.1302, 0.1051, 0.0847, 0.0645, 0.0562, 0.0475, 0.0434)
LATER_DIGIT = (0.122, 0.1158, 0.107, 0.1041, 0.099, 0.1017, 0.0897, 0.0933, 0.0868, 0.0807)


class Layout(NamedTuple):
    """Parameters of a number before it is drawn.

    Attributes:
        digits: the number, left to right.
        width, height: size of the image in pixels.
        digit_height: height of a digit's box in pixels.
        digit_aspect: box width / height of a digit that is not 1.
        gap: space between neighbouring boxes / box height.
        slope: slope of the line of box centres; y points down.
        centre: x, y of the number's centre, as shares of the image's width and height.
    """

    digits: tuple[int, ...]
    width: int
    height: int
    digit_height: float
    digit_aspect: float
    gap: float
    slope: float
    centre: tuple[float, float]


def sample(rng: Generator, quantiles: tuple[float, ...], normal: float | None = None) -> float:
    """Sample a distribution given by its quantiles at `LEVELS`; `normal`, a standard normal value, is drawn if None.

    Example:
        >>> sample(np.random.default_rng(0), CENTRE_X, normal=0.0)
        0.5
    """
    value = rng.standard_normal() if normal is None else normal
    return float(np.interp(0.5 * (1 + math.erf(value / math.sqrt(2))), LEVELS, quantiles))


def draw_layout(rng: Generator, hardness: float) -> Layout:
    """Draw a number, its image's size and its position; only slopes depend on the hardness."""
    count = int(rng.choice(4, p=COUNTS)) + 1
    later = rng.choice(10, size=count - 1, p=np.array(LATER_DIGIT) / sum(LATER_DIGIT))
    digits = (int(rng.choice(10, p=np.array(FIRST_DIGIT) / sum(FIRST_DIGIT))), *map(int, later))
    far = rng.random() < FAR
    size = rng.standard_normal()
    share = SIZE_CORRELATION * size + math.sqrt(1 - SIZE_CORRELATION**2) * rng.standard_normal()
    height = sample(rng, FAR_PHOTO_HEIGHT if far else PHOTO_HEIGHT, size)
    aspect = sample(rng, FAR_PHOTO_ASPECT if far else PHOTO_ASPECT[count])
    if far:
        aspect *= (0.85, 0.95, 1.15, 1.4)[count - 1]
    slope = sample(rng, SLOPE) * (0.3 + 0.7 * hardness) * (LONE_SLOPE if count == 1 else 1.0)
    return Layout(
        digits=digits,
        width=max(12, round(height * aspect)),
        height=max(12, round(height)),
        digit_height=max(8.0, height * sample(rng, FAR_NUMBER_HEIGHT if far else NUMBER_HEIGHT, share)),
        digit_aspect=sample(rng, DIGIT_ASPECT),
        gap=sample(rng, DIGIT_GAP),
        slope=slope,
        centre=(sample(rng, CENTRE_X), sample(rng, CENTRE_Y)),
    )
