"""Domain of mechanical registers: digit wheels of electricity, gas and water meters, drawn or from photos of digits."""

import functools
import os.path as osp
import re
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from ...structures.digits import DIGITS
from ...structures.photos import read_photo
from ..fonts import Face, draw_glyph
from ..paint import superellipse
from ..panel import (
    OUTWARDS,
    Panel,
    add_barcode,
    add_marks,
    add_reflections,
    add_screw,
    choose_lettering,
    random_digits,
    random_word,
    rectangle,
    rounded,
)
from ..scene import Assets, Scene, choose_face
from ..walls import LUMA, wall_colour

FROM_CROPS = 0.3  # share of the registers that consist of photos of single digits, where there are any
KINDS = ('strip', 'plate', 'dial')
SHARES = (0.55, 0.22, 0.23)
BETWEEN = (0.4, 0.6)  # turns of a wheel at which neither of two digits is labelled
BETWEEN_KEPT = 0.25  # share of such turns that are drawn
GREY = 0.25  # share of grey photos
GLYPH_SIZE = 64  # pixels; digits are scaled from glyphs of this height
USUAL_INK = np.array((0.14, 0.1, 0.86, 0.9))  # left, top, right and bottom, as shares of a crop's size
NEAREST = 10  # crops of a strip are chosen among so many of the most similar colours
# Ground and ink of wheels; the commonest first.
WHEELS = np.array(
    [
        ((0.07, 0.07, 0.08), (0.9, 0.9, 0.88)), ((0.88, 0.88, 0.86), (0.08, 0.08, 0.1)),
        ((0.14, 0.14, 0.15), (0.75, 0.76, 0.74)), ((0.7, 0.76, 0.74), (0.12, 0.14, 0.18)),
        ((0.9, 0.87, 0.76), (0.1, 0.08, 0.08)), ((0.1, 0.12, 0.2), (0.85, 0.88, 0.95)),
        ((0.35, 0.35, 0.36), (0.95, 0.95, 0.93)), ((0.16, 0.12, 0.1), (0.9, 0.85, 0.7)),
    ],
    np.float32,
)  # fmt: skip
RED = np.array((0.75, 0.1, 0.1), np.float32)


class Look(NamedTuple):
    """Form of a register, in heights of a digit.

    Attributes:
        face: typeface of the digits.
        stretch: horizontal scale of the typeface.
        cell: width of a wheel.
        frame: width between two windows.
        window: height of a window.
        pitch: distance of two digits on a wheel.
        radius: of a wheel.
        below: the next digit comes from below.
    """

    face: Face
    stretch: float
    cell: float
    frame: float
    window: float
    pitch: float
    radius: float
    below: bool


class Wheel(NamedTuple):
    """A wheel as its window shows it.

    Attributes:
        ink: (h, w) float32, opacity of the digits' ink.
        digit: the labelled digit, or None where the wheel is half turned.
        hull: (P, 2) x y of the visible part of the digit, in heights of a digit, from the window's top left corner.
        whole: the digit is visible in full.
    """

    ink: np.ndarray
    digit: int | None
    hull: np.ndarray
    whole: bool


def draw_look(rng: Generator, face: Face) -> Look:
    """Draw the form of a register."""
    eight = draw_glyph(face, '8', GLYPH_SIZE)
    assert eight is not None  # `digit_faces` keeps faces with ten digits
    stretch = float(np.clip(rng.uniform(0.4, 0.72) * GLYPH_SIZE / eight.mask.shape[1], 0.45, 1.3))
    widest = (
        max(glyph.mask.shape[1] for char in DIGITS if (glyph := draw_glyph(face, char, GLYPH_SIZE)))
        * stretch
        / GLYPH_SIZE
    )
    window = rng.uniform(1.1, 1.9)
    # At rest a window shows at most 0.3 of the next digit.
    pitch = max(rng.uniform(1.15, 1.6), window / 2 + 0.2)
    return Look(
        face=face,
        stretch=stretch,
        cell=widest + rng.uniform(0.12, 0.6),
        frame=rng.uniform(0.02, 0.06) if rng.random() < 0.45 else rng.uniform(0.06, 0.5),
        window=window,
        pitch=pitch,
        radius=max(10 * pitch / (2 * np.pi), 0.62 * window),
        below=rng.random() < 0.85,
    )


def labelled_digit(digit: int, turn: float) -> int | None:
    """Return the digit of which a wheel shows more, or None where it shows about as much of two.

    Args:
        digit: the digit at rest.
        turn: share of the way to the next digit, -0.5 to 1.

    Example:
        >>> [labelled_digit(9, turn) for turn in (0.0, 0.3, 0.5, 0.7)]
        [9, 9, None, 0]
    """
    if BETWEEN[0] < turn < BETWEEN[1]:
        return None
    return digit if turn <= BETWEEN[0] else (digit + 1) % 10


def turn_wheel(look: Look, digit: int, turn: float, scale: float) -> Wheel:
    """Draw a wheel between `digit` and the next one, `scale` pixels for the height of a digit."""
    high, wide = max(2, round(look.window * scale)), max(2, round(look.cell * scale))
    reach = 2  # digit heights above and below the window's centre
    flat = np.zeros((round(2 * reach * scale) + 2, wide), np.uint8)
    shown, hull, whole = labelled_digit(digit, turn), np.zeros((0, 2)), False
    for step in (-1, 0, 1, 2):
        glyph = draw_glyph(look.face, DIGITS[(digit + step) % 10], GLYPH_SIZE)
        assert glyph is not None  # `digit_faces` keeps faces with ten digits
        down = (step - turn) * look.pitch * (1 if look.below else -1)
        tall = max(1, round(glyph.mask.shape[0] * scale / GLYPH_SIZE))
        across = max(1, min(wide, round(glyph.mask.shape[1] * scale / GLYPH_SIZE * look.stretch)))
        top = down - 0.5 + glyph.top
        first, left = round((reach + top) * scale), (wide - across) // 2
        if first < 0 or first + tall > len(flat):
            continue
        flat[first : first + tall, left : left + across] = cv2.resize(
            glyph.mask, (across, tall), interpolation=cv2.INTER_AREA
        )
        if shown is not None and step == (0 if turn <= BETWEEN[0] else 1):
            arc = first / scale - reach + glyph.hull[:, 1] * tall / scale / len(glyph.mask)
            y = look.radius * np.sin(np.clip(arc / look.radius, -1.5, 1.5)) + look.window / 2
            x = (left + glyph.hull[:, 0] * across / glyph.mask.shape[1]) / scale
            clipped = np.clip(y, 0, look.window)
            whole = bool(np.ptp(clipped) > 0.93 * np.ptp(y))
            hull = np.column_stack([x, clipped])
    row = (np.arange(high, dtype=np.float32) + 0.5) / np.float32(scale) - np.float32(look.window / 2)
    arc = look.radius * np.arcsin(np.clip(row / look.radius, -0.99, 0.99))
    rows = np.repeat(((arc + reach) * scale - 0.5).astype(np.float32)[:, None], wide, axis=1)
    columns = np.repeat(np.arange(wide, dtype=np.float32)[None], high, axis=0)
    ink = cv2.remap(flat, columns, rows, cv2.INTER_LINEAR).astype(np.float32) / np.float32(255)
    return Wheel(ink, shown, hull, whole)


def draw_turns(rng: Generator, count: int, hardness: float) -> np.ndarray:
    """Draw the turn of each wheel: the last one stands anywhere, the others near rest or in a carry.

    Returns:
        (count,) float64 from about -0.1 to 1.
    """
    turns = rng.normal(0, 0.005 + 0.04 * hardness, count)
    if rng.random() < 0.75 * hardness:
        last = rng.random()
        while BETWEEN[0] < last < BETWEEN[1] and rng.random() > BETWEEN_KEPT:
            last = rng.random()
        turns[-1] = last
        if last > 0.55 and rng.random() < 0.25:
            turns[-min(count, int(rng.integers(2, 4))) :] = last
    return np.clip(turns, -0.12, 1)


def _draw_register(
    rng: Generator, panel: Panel, look: Look, count: int, decimals: int, hardness: float
) -> tuple[float, float]:
    """Draw a register with its top left window at (0, 0); return its width and height in the plane."""
    scale = float(np.clip(panel.unit, 10, 110))
    ground, ink = WHEELS[rng.integers(len(WHEELS), size=2).min()] + rng.normal(0, 0.03, (2, 3)).astype(np.float32)
    last_ground, last_ink = _decimal_colours(rng, ground, ink)
    if rng.random() < 0.35 * hardness:  # faded
        fade = np.float32(rng.uniform(0.1, 0.55))
        ink, last_ink = ink + (ground - ink) * fade, last_ink + (last_ground - last_ink) * fade
    bezel = ground * np.float32(rng.uniform(0.3, 1.0)) if rng.random() < 0.6 else wall_colour(rng)
    step = look.cell + look.frame
    width = count * step - look.frame
    edge = rng.uniform(0.02, 0.3)
    area = np.array([-edge, -edge, width + edge, look.window + edge])
    panel.fill(rounded(area + 0.03 * OUTWARDS, 30.0), bezel * np.float32(0.3), 0.6, 0.05)
    panel.fill(rounded(area, 40.0), bezel.astype(np.float32))
    if decimals and rng.random() < 0.35:  # a red frame around the decimals
        panel.fill(rectangle((count - decimals) * step - look.frame, -edge, width + edge, look.window + edge), RED)
    rows = np.linspace(-0.5, 0.5, max(2, round(look.window * scale)), dtype=np.float32)[:, None]
    row = rows * np.float32(look.window / look.radius)
    shade = 1 - np.float32(rng.uniform(0.2, 1.2)) * (1 - np.cos(row))
    shade -= np.float32(rng.uniform(-0.25, 0.25)) * np.sin(row)
    rim = np.float32(rng.uniform(0, 0.5)) * np.clip(1.5 - (row - row[0]) / (0.12 * look.window / look.radius), 0, 1)
    shade = np.clip(shade - rim, 0.15, 1.4)  # the upper edge of the window casts a shadow
    teeth = rng.random() < 0.25
    digits = [int(char) for char in random_digits(rng, count)]
    wholes: list[tuple[np.ndarray, int]] = []
    for i, (digit, turn) in enumerate(zip(digits, draw_turns(rng, count, hardness), strict=True)):
        wheel = turn_wheel(look, digit, float(turn), scale)
        colours = (last_ground, last_ink) if i >= count - decimals else (ground, ink)
        tone = np.float32(rng.normal(1, 0.04))
        texture = colours[0] + (colours[1] - colours[0]) * wheel.ink[..., None]
        if teeth or (i == count - 1 and rng.random() < 0.3):
            _add_ticks(rng, texture, colours[1], scale, fine=i == count - 1)
        texture = (texture * shade[..., None] * tone).astype(np.float32)
        high, wide = wheel.ink.shape
        left = i * step
        fit = np.array([[look.cell / wide, 0, left], [0, look.window / high, 0], [0, 0, 1]])
        panel.paste(texture, np.ones((high, wide), np.float32), fit)
        if wheel.digit is None:
            continue
        hull = wheel.hull + np.array([left, 0])
        if wheel.whole:
            wholes.append((hull, wheel.digit))
        else:  # its box has the height of what is visible
            panel.label([hull], [wheel.digit])
    panel.label([hull for hull, _ in wholes], [digit for _, digit in wholes])
    if rng.random() < 0.3 and decimals and look.frame > 0.1:
        spot = np.array([(count - decimals) * step - look.frame / 2, look.window - 0.1])
        panel.fill(superellipse(spot, np.array([0.04, 0.09]), 3.0), ink if bezel @ LUMA < 0.4 else ground)
    return width, look.window


def _decimal_colours(rng: Generator, ground: np.ndarray, ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw ground and ink of the wheels after the decimal point."""
    red = RED * np.float32(rng.uniform(0.6, 1.2))
    kind = rng.random()
    if kind < 0.5:
        return red, np.full(3, rng.uniform(0.75, 0.98), np.float32)
    if kind < 0.75:
        return (ground, red) if ground @ LUMA > 0.5 else (np.full(3, 0.85, np.float32), red)
    return (ground, ink) if kind < 0.9 else (ink, ground)


def _add_ticks(rng: Generator, texture: np.ndarray, colour: np.ndarray, scale: float, fine: bool) -> None:
    """Draw the teeth or the scale at the right edge of a wheel, on its texture in place."""
    high, wide = texture.shape[:2]
    space = scale * (rng.uniform(0.1, 0.16) if fine else rng.uniform(0.25, 0.6))
    on = ((np.arange(high) + rng.uniform(0, space)) % space) < max(1.0, 0.35 * space)
    long = max(1, round(0.06 * scale))
    texture[on, wide - long :] = colour


class Crop(NamedTuple):
    """A photo of one digit.

    Attributes:
        photo: (h, w, 3) uint8 RGB.
        digit: its digit.
        ink: left, top, right and bottom of its ink, as shares of the width and height.
        colour: (3,) float32, mean of the photo, 0 to 255.
    """

    photo: np.ndarray
    digit: int
    ink: np.ndarray
    colour: np.ndarray


def find_ink(photo: np.ndarray) -> np.ndarray:
    """Estimate the bounds (left, top, right, bottom) of a digit's ink, as shares of its photo, (h, w, 3) uint8 RGB.

    The ink differs from the median of the photo. Parts at the left or right edge are frames. Where the result is no
    plausible digit, the bounds are the photo's without a small margin.
    """
    height, width = photo.shape[:2]
    grey = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (0, 0), 0.6).astype(np.float32)
    colours = photo.astype(np.float32) - np.median(photo, axis=(0, 1)).astype(np.float32)
    apart = np.maximum(np.abs(grey - np.median(grey)), np.abs(colours).max(axis=2) * 0.7)
    inner = apart[height // 8 : -height // 8, width // 5 : -width // 5]
    for share in (0.5, 0.65, 0.8, 0.35):
        bounds = _component_bounds((apart > share * np.percentile(inner, 92)).astype(np.uint8))
        tall, wide = bounds[3] - bounds[1], bounds[2] - bounds[0]
        if 0.5 < tall < 0.97 and 0.12 < wide < 0.92 and 0.25 < (bounds[0] + bounds[2]) / 2 < 0.75:
            return bounds
    return USUAL_INK


def _component_bounds(on: np.ndarray) -> np.ndarray:
    """Return the bounds, as shares of the size, of the components of a mask that may be a digit's; zeros for none."""
    height, width = on.shape
    count, _, stats, centres = cv2.connectedComponentsWithStats(on, connectivity=8)
    kept = [
        stats[i]
        for i in range(1, count)
        if stats[i, 3] > 0.12 * height
        and stats[i, 4] > 0.015 * on.size
        and stats[i, 0] > 0
        and stats[i, 0] + stats[i, 2] < width
        and 0.15 * width < centres[i, 0] < 0.85 * width
    ]
    if not kept:
        return np.zeros(4)
    boxes = np.array(kept)
    low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:4]).max(axis=0)
    return np.concatenate([low, high]) / (width, height, width, height)


@functools.lru_cache(maxsize=8192)
def _read_crop(path: str, digit: int) -> Crop:
    photo = read_photo(path)
    return Crop(photo, digit, find_ink(photo), photo.mean(axis=(0, 1), dtype=np.float32))


def name_pattern(path: str) -> str:
    """Return a file name with its hashes and numbers replaced, which is common to the photos of one meter.

    Example:
        >>> name_pattern('6_6.0_dig3_20220610-160436.jpg')
        '#_#.#_dig#_#-#.jpg'
    """
    return re.sub(r'\d+', '#', re.sub(r'[0-9a-f]{32}', '#', osp.basename(path)))


@functools.lru_cache(maxsize=4)
def _meters(crops: tuple[tuple[str, int], ...]) -> list[list[tuple[str, int]]]:
    """Group crops by name pattern; crops of patterns with few photos form one group."""
    groups: dict[str, list[tuple[str, int]]] = {}
    for path, digit in crops:
        groups.setdefault(name_pattern(path), []).append((path, digit))
    large = [group for group in groups.values() if len(group) >= 10]
    rest = [crop for group in groups.values() if len(group) < 10 for crop in group]
    return large + ([rest] if rest else [])


def choose_crops(rng: Generator, crops: tuple[tuple[str, int], ...], count: int) -> list[Crop]:
    """Choose crops of one name pattern and of similar colours."""
    meters = _meters(crops)
    shares = np.sqrt([len(meter) for meter in meters])
    meter = meters[rng.choice(len(meters), p=shares / shares.sum())]
    some = [_read_crop(*meter[i]) for i in rng.permutation(len(meter))[:40]]
    colours = np.array([crop.colour for crop in some])
    near = np.argsort(np.abs(colours - colours[0]).sum(axis=1), kind='stable')[:NEAREST]
    return [some[near[i]] for i in rng.integers(len(near), size=count)]


def _paste_crops(rng: Generator, panel: Panel, crops: Sequence[Crop], frame: float, wide: float, high: float) -> None:
    """Paste crops side by side, `wide` and `high` in the plane each, with frames between them, and label them."""
    step = wide + frame
    total = len(crops) * step - frame
    mean = np.mean([crop.colour for crop in crops], axis=0) / 255
    bezel = (mean * rng.uniform(0.1, 1.4) if rng.random() < 0.7 else wall_colour(rng)).astype(np.float32)
    edge = rng.uniform(0.0, 0.3)
    panel.fill(rounded(np.array([-edge, -edge, total + edge, high + edge]), 40.0), np.clip(bezel, 0, 1))
    hulls = []
    for i, crop in enumerate(crops):
        drop = rng.normal(0, 0.01)
        photo = cv2.resize(crop.photo, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
        tall, across = photo.shape[:2]
        fit = np.array([[wide / across, 0, i * step], [0, high / tall, drop], [0, 0, 1]])
        panel.paste(photo, np.ones((tall, across), np.float32), fit)
        left, top, right, bottom = crop.ink * (wide, high, wide, high)
        hulls.append(rectangle(left, top, right, bottom) + np.array([i * step, drop]))
    panel.label(hulls, [crop.digit for crop in crops])


def _shown(rng: Generator, kind: str, width: float, height: float) -> np.ndarray:
    """Draw the area of the plane that fills the image: left, top, right and bottom."""
    area = np.array([0.0, 0.0, width, height])
    if kind == 'strip':
        return area + rng.uniform(-0.08, 0.5, 4) * OUTWARDS * (1.0, 0.8, 1.0, 0.8)
    share = rng.uniform(0.28, 0.75)  # of the image's width
    wide = width / share
    tall = max(height + 0.4, wide / rng.uniform(1.3, 3.2))
    left, top = -rng.uniform(0.15, 0.85) * (wide - width), -rng.uniform(0.15, 0.85) * (tall - height)
    return np.array([left, top, left + wide, top + tall])


def _draw_dial(rng: Generator, panel: Panel, width: float, height: float) -> np.ndarray:
    """Draw the round face of a water meter behind a register; return the colour of its lettering."""
    radius = width * rng.uniform(0.62, 1.0)
    centre = np.array([width / 2, height / 2 + radius * rng.uniform(-0.1, 0.35)])
    rim = wall_colour(rng)
    paper = np.full(3, rng.uniform(0.65, 0.95), np.float32) + rng.normal(0, 0.03, 3).astype(np.float32)
    if rng.random() < 0.15:
        paper = rng.uniform(0.1, 0.6, 3).astype(np.float32)
    for share, colour in ((1.22, rim * np.float32(0.5)), (1.18, rim), (1.03, rim * np.float32(0.4)), (1.0, paper)):
        panel.fill(superellipse(centre, np.full(2, radius * share), 2.0), colour.astype(np.float32))
    ink = np.full(3, 0.1 if paper @ LUMA > 0.4 else 0.9, np.float32)
    for _ in range(rng.integers(0, 5)):  # small dials, whose digits are too small to be drawn
        angle, size = rng.uniform(0, np.pi), rng.uniform(0.09, 0.2) * radius
        spot = centre + radius * rng.uniform(0.5, 0.72) * np.array([np.cos(angle), np.sin(angle)])
        if spot[1] - size < height + 0.3:
            continue
        _draw_needle(rng, panel, spot, size, ink)
    if rng.random() < 0.4:  # star of the flow indicator
        spot = centre + radius * np.array([rng.uniform(-0.4, 0.4), rng.uniform(0.25, 0.6)])
        size = radius * rng.uniform(0.06, 0.13)
        if spot[1] - size > height + 0.3:
            for turn in np.linspace(0, np.pi, 4)[:-1]:
                along = np.array([np.cos(turn), np.sin(turn)]) * size
                side = np.array([-along[1], along[0]]) * 0.25
                panel.fill(spot + np.array([-along, side, along, -side]), ink)
    return ink


def _draw_needle(rng: Generator, panel: Panel, centre: np.ndarray, size: float, ink: np.ndarray) -> None:
    """Draw a small dial with ticks and a needle."""
    ring = RED if rng.random() < 0.6 else ink
    for turn in np.linspace(0, 2 * np.pi, 11)[:-1]:
        along = np.array([np.cos(turn), np.sin(turn)])
        side = np.array([-along[1], along[0]]) * 0.05
        tick = np.array([0.82 * along - side, along - side, along + side, 0.82 * along + side])
        panel.fill(centre + size * tick, ring)
    turn = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(turn), np.sin(turn)])
    side = np.array([-along[1], along[0]]) * 0.2
    panel.fill(centre + size * np.array([-0.3 * along - side, 0.8 * along, -0.3 * along + side]), ring)
    panel.fill(superellipse(centre, np.full(2, 0.22 * size), 2.0), ring)


def _draw_plate(rng: Generator, panel: Panel, width: float, height: float) -> np.ndarray:
    """Draw the plate of an electricity or gas meter behind a register; return the colour of its lettering."""
    paper = wall_colour(rng) if rng.random() < 0.4 else np.full(3, rng.uniform(0.6, 0.95), np.float32)
    area = np.array([0.0, 0.0, width, height]) + rng.uniform(0.3, 4.0, 4) * OUTWARDS
    panel.fill(rounded(area, 25.0), paper * np.float32(0.4), 0.5, 0.1)
    panel.fill(rounded(area, 25.0), paper.astype(np.float32))
    ink = np.full(3, 0.08 if paper @ LUMA > 0.4 else 0.92, np.float32)
    if rng.random() < 0.35:  # slot of the disc, with a red mark
        top = height + rng.uniform(0.5, 1.2)
        panel.fill(rectangle(0.1 * width, top, 0.9 * width, top + 0.5), np.full(3, 0.08, np.float32))
        panel.fill(rectangle(0.12 * width, top + 0.18, 0.88 * width, top + 0.32), np.full(3, 0.7, np.float32))
        if rng.random() < 0.4:
            left = rng.uniform(0.15, 0.75) * width
            panel.fill(rectangle(left, top + 0.18, left + 0.3, top + 0.32), RED)
    if rng.random() < 0.3:
        add_barcode(rng, panel, (rng.uniform(-0.5, 0.5) * width, height + rng.uniform(0.4, 1.5)), 0.5 * width, 0.7)
    if rng.random() < 0.3:
        for corner in ((0, 0), (2, 0), (0, 2), (2, 2)):
            add_screw(
                rng, panel, area[[corner[0], corner[1] + 1 if corner[1] < 2 else 3]] * 0.97, rng.uniform(0.1, 0.25)
            )
    return ink


def _add_legend(rng: Generator, panel: Panel, face: Face, look: Look, count: int, ink: np.ndarray) -> None:
    """Write the unit beside the register and words above and below the wheels."""
    step = look.cell + look.frame
    width = count * step - look.frame
    if rng.random() < 0.6:
        unit = str(rng.choice(['kWh', 'kWh', 'm', 'KWH', 'kW h', 'L', 'gal', 'ft']))
        high = rng.uniform(0.35, 0.9)
        panel.write(face, unit, (width + 0.4, rng.uniform(0, look.window - high)), high, ink, 0.9)
    if rng.random() < 0.2:  # value of each wheel
        high = rng.uniform(0.2, 0.35)
        for i in range(count):
            text = '1' + '0' * (count - 1 - i) if count - i < 6 else ''
            panel.write(face, text, (i * step + 0.1 * look.cell, -high - 0.35), high, ink, 0.6)
    elif rng.random() < 0.4:
        word = random_word(rng, 3, 10)
        panel.write(face, word, (rng.uniform(0, 0.6) * width, look.window + 0.4), rng.uniform(0.25, 0.5), ink, 0.8)


def draw(rng: Generator, assets: Assets, hardness: float) -> Scene:
    """Draw an image of a mechanical register.

    Args:
        rng: source of randomness.
        assets: typefaces, photos for the surroundings, and photos of single digits, of which a share `FROM_CROPS` of
            the registers consists.
        hardness: 0 (clean, frontal, wheels at rest) to 1 (as degraded as real photos are).

    Raises:
        UserError: a photo cannot be read.
    """
    look = draw_look(rng, choose_face(rng, assets.faces))
    count = int(rng.choice([4, 5, 6, 7, 8, 9], p=[0.1, 0.3, 0.24, 0.14, 0.18, 0.04]))
    crops = choose_crops(rng, assets.digit_crops, count) if assets.digit_crops and rng.random() < FROM_CROPS else []
    wide, high = (look.cell, look.window)
    if crops:
        high = 1.28
        wide, frame = 0.8 * rng.uniform(0.8, 1.2), rng.choice([0.0, rng.uniform(0.02, 0.3)])
        look = look._replace(cell=wide, window=high, frame=float(frame))
    width = count * (wide + look.frame) - look.frame
    kind = 'strip' if crops and rng.random() < 0.6 else KINDS[rng.choice(3, p=SHARES)]
    shown = _shown(rng, kind, width, high)
    tall = shown[3] - shown[1]
    least = 11.0 * max(1.0, tall / 7, (shown[2] - shown[0]) / 28)
    unit = float(np.exp(rng.uniform(np.log(least), np.log(max(1.2 * least, 60 if tall > 3 else 75)))))
    panel = Panel(rng, rectangle(*shown), unit, hardness, assets.backgrounds)
    faces = choose_lettering(rng, assets.faces)
    ink = (_draw_dial if kind == 'dial' else _draw_plate)(rng, panel, width, high)
    clear = np.array([-0.4, -0.4, width + 0.4, high + 0.4])
    if kind != 'strip':
        add_marks(rng, panel, faces, shown, [clear], ink)
    _add_legend(rng, panel, faces[0], look, count, ink)
    if crops:
        _paste_crops(rng, panel, crops, look.frame, wide, high)
    else:
        decimals = int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.1, 0.2]))
        _draw_register(rng, panel, look, count, decimals, hardness)
    add_reflections(rng, panel, hardness)
    if rng.random() < GREY:
        panel.image[:] = (panel.image @ LUMA)[..., None]
    elif rng.random() < 0.15 * hardness:  # light of a lamp, or of the display's housing
        panel.image *= rng.uniform(0.65, 1.1, 3).astype(np.float32)
    return panel.photograph(rng, hardness)
