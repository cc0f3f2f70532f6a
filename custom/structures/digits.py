"""The ten classes and their colours."""

DIGITS = tuple('0123456789')
# RGB of each digit, far apart in hue.
# fmt: off
PALETTE = [
    (230, 25, 75), (60, 180, 75), (255, 200, 25), (0, 130, 200), (245, 130, 48),
    (145, 30, 180), (70, 240, 240), (240, 50, 230), (210, 245, 60), (0, 128, 128),
]
# fmt: on
NO_NUMBER = '-1'  # in files and tables
UNSURE = 'unsure'  # an answer whose number is not trusted
