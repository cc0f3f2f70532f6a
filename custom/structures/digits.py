"""The ten classes, written once."""

DIGITS = tuple('0123456789')
# One colour a digit (RGB), far apart in hue so that neighbours in a number differ.
PALETTE = [
    (230, 25, 75),
    (60, 180, 75),
    (255, 200, 25),
    (0, 130, 200),
    (245, 130, 48),
    (145, 30, 180),
    (70, 240, 240),
    (240, 50, 230),
    (210, 245, 60),
    (0, 128, 128),
]
NO_NUMBER = '-1'
