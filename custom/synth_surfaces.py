"""Walls, doors and plates: textures and colours to draw digits on."""

import cv2
import numpy as np

WALLS = np.array(
    [
        *[(232, 228, 220), (214, 206, 190), (196, 182, 158), (176, 168, 158), (150, 146, 140), (122, 118, 112)],
        *[(205, 186, 150), (186, 140, 104), (150, 92, 70), (120, 66, 52), (96, 60, 46), (84, 74, 66), (60, 52, 46)],
        *[(38, 36, 38), (24, 24, 30), (160, 170, 178), (112, 128, 140), (70, 88, 112), (46, 64, 110), (140, 172, 160)],
        *[
            (84, 120, 92),
            (40, 74, 52),
            (214, 190, 110),
            (196, 150, 60),
            (140, 40, 40),
            (236, 236, 238),
            (248, 248, 248),
        ],
    ],
    np.float32,
) / np.float32(255)
# Plate and ink: enamel, brass, slate, house paint; the commonest first.
PLATES = np.array(
    [
        *[[(240, 240, 238), (24, 26, 34)], [(240, 240, 240), (30, 44, 130)], [(34, 54, 150), (238, 240, 244)]],
        *[[(28, 40, 104), (232, 236, 240)], [(60, 96, 170), (240, 240, 244)], [(24, 24, 28), (236, 236, 232)]],
        *[[(30, 28, 28), (206, 170, 84)], [(24, 70, 46), (236, 236, 228)], [(132, 28, 30), (240, 232, 220)]],
        *[[(190, 154, 84), (36, 28, 22)], [(206, 206, 204), (40, 40, 44)], [(226, 220, 196), (70, 44, 30)]],
        *[[(238, 236, 228), (150, 30, 34)], [(238, 238, 230), (24, 84, 56)], [(80, 56, 40), (228, 216, 190)]],
        *[[(110, 112, 116), (232, 232, 232)], [(236, 206, 70), (30, 28, 26)], [(66, 66, 70), (220, 216, 206)]],
    ],
    np.float32,
) / np.float32(255)
INKS = np.array(
    [
        *[(16, 16, 18), (30, 28, 28), (52, 46, 42), (240, 240, 238), (224, 220, 210), (196, 160, 84), (150, 116, 60)],
        *[(170, 172, 176), (120, 122, 126), (70, 48, 36), (150, 30, 32), (36, 54, 130), (30, 84, 60), (250, 250, 250)],
    ],
    np.float32,
) / np.float32(255)
LUMA = np.array((0.299, 0.587, 0.114), np.float32)


def clouds(rng: np.random.Generator, height: int, width: int, cell_y: float, cell_x: float) -> np.ndarray:
    """Smooth noise.

    Args:
        rng: Source of randomness.
        height: Rows.
        width: Columns.
        cell_y: Rows between two independent values.
        cell_x: Columns between two independent values.

    Returns:
        (height, width) float32, about standard normal where the cells are.
    """
    rows, columns = max(2, round(height / max(1.0, cell_y)) + 1), max(2, round(width / max(1.0, cell_x)) + 1)
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def wall_colour(rng: np.random.Generator) -> np.ndarray:
    """(3,) float32 RGB in 0..1, near one of the usual paints and stones."""
    colour = WALLS[rng.integers(len(WALLS))] * rng.uniform(0.75, 1.12) + rng.normal(0, 0.03, 3)
    return np.clip(colour, 0.02, 1).astype(np.float32)


def render(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Plaster: mottled at two scales. Arguments and result as of `wall`."""
    rough = 0.06 * rng.random() ** 2
    relief = clouds(rng, height, width, unit * 0.8, unit * 0.8) * 0.02
    relief += clouds(rng, height, width, unit * 0.06, unit * 0.06) * rough
    return wall_colour(rng) + relief[..., None]


def brick(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Rows of bricks or stones with mortar between them. Arguments and result as of `wall`."""
    high = unit * rng.uniform(0.25, 0.9)
    long = high * rng.uniform(1.8, 4.0)
    joint = max(0.6, high * rng.uniform(0.06, 0.16))
    y = np.arange(height, dtype=np.float32)[:, None] + rng.uniform(0, high)
    x = np.arange(width, dtype=np.float32)[None] + rng.uniform(0, long)
    row = (y // high).astype(int)
    x = x + (row % 2).astype(np.float32) * (long / 2)
    column = (x // long).astype(int)
    shades = rng.normal(0, rng.uniform(0.01, 0.08), (row.max() + 1, column.max() + 1)).astype(np.float32)
    clay = wall_colour(rng)
    stones = (clay + shades[row, column][..., None]).astype(np.float32)
    gap = np.minimum(np.minimum(y % high, high - y % high), np.minimum(x % long, long - x % long))
    mortar = np.clip(1.5 - gap / joint, 0, 1)[..., None].astype(np.float32)
    stones += clouds(rng, height, width, unit * 0.08, unit * 0.08)[..., None] * 0.03
    joints = clay + (np.clip(wall_colour(rng), 0.2, 0.8) - clay) * np.float32(rng.uniform(0.2, 0.8))
    return stones * (1 - mortar) + joints * mortar


def wood(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Boards with grain, lying or standing. Arguments and result as of `wall`."""
    standing = rng.random() < 0.5
    long, across = (height, width) if standing else (width, height)
    board = unit * rng.uniform(0.5, 2.5)
    place = np.arange(across, dtype=np.float32) + rng.uniform(0, board)
    index = (place // board).astype(int)
    shade = rng.normal(0, 0.03, index.max() + 1)[index] + rng.uniform(-0.1, 0.1) * (place % board) / board
    shade -= 0.25 * np.clip(1.5 - (place % board) / max(0.6, 0.05 * unit), 0, 1)
    grain = clouds(rng, across, long, unit * 0.05, unit * 1.5) * rng.uniform(0.0, 0.04) + shade[:, None].astype(
        np.float32
    )
    return wall_colour(rng) + (grain.T if standing else grain)[..., None]


def foliage(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Leaves, glass or anything else that is patchy. Arguments and result as of `wall`."""
    cell = unit * rng.uniform(0.1, 0.5)
    patches = clouds(rng, height, width, cell, cell) * rng.uniform(0.05, 0.2)
    return wall_colour(rng) * 0.7 + patches[..., None] * rng.uniform(0.6, 1.2, 3).astype(np.float32)


def wall(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Draw one surface of a random kind.

    Args:
        rng: Source of randomness.
        height: Rows in pixels.
        width: Columns in pixels.
        unit: Height of a digit in pixels: bricks and boards are sized by it.

    Returns:
        (height, width, 3) float32 RGB, about 0..1.
    """
    kinds = (render, brick, wood, foliage)
    return kinds[rng.choice(4, p=(0.62, 0.16, 0.17, 0.05))](rng, height, width, unit).astype(np.float32)


def blend(image: np.ndarray, colour: np.ndarray, mask: np.ndarray) -> None:
    """Paint on `image` in place.

    Args:
        image: (h, w, 3) float32.
        colour: (3,) or (h, w, 3) float32.
        mask: (h, w) float32 in 0..1, the share of the new colour.
    """
    image += (colour - image) * mask[..., None]


def polygon(height: int, width: int, corners: np.ndarray) -> np.ndarray:
    """(height, width) float32 mask in 0..1 of a polygon with (P, 2) x y corners, its edges smooth."""
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255
