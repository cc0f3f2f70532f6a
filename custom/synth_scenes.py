"""One made photo: a wall, perhaps a plate, a number, things that are no digits, and a camera."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from custom.synth_fonts import Face, glyph
from custom.synth_layout import draw_layout
from custom.synth_number import Number, Stroke, place_number, project
from custom.synth_photo import photograph
from custom.synth_surfaces import INKS, LUMA, PLATES, blend, clouds, polygon, wall, wall_colour

LETTERS = 'AEFHKMNPRTUVWXYadehkmnrtuvwxy'  # none that could pass for a digit
FINE_BELOW = 24.0  # digits lower than this many pixels are drawn at twice the size


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
    families: dict[str, list[Face]] = {}
    for face in faces:
        families.setdefault(face.path.rpartition('/')[0], []).append(face)
    cuts = list(families.values())[rng.integers(len(families))]
    return cuts[rng.integers(len(cuts))]


def rounded(centre: np.ndarray, half: np.ndarray, power: float) -> np.ndarray:
    """(48, 2) corners of a superellipse: an oval for power 2, a rectangle with round corners above."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False) + np.pi / 48
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    return centre + half * np.sign(unit) * np.abs(unit) ** (2 / power)


def ink_mask(strokes: list[Stroke], height: int, width: int, fine: int) -> np.ndarray:
    """(height, width) float32 in 0..1, the strokes' ink at `fine` times the photo's size."""
    mask = np.zeros((height, width), np.uint8)
    zoom = np.diag([fine, fine, 1.0])
    for stroke in strokes:
        warped = cv2.warpPerspective(stroke.glyph.mask, zoom @ stroke.matrix, (width, height))
        np.maximum(mask, warped, out=mask)
    return mask.astype(np.float32) / 255


def _add_parts(rng: np.random.Generator, image: np.ndarray, number: Number, unit: float, hardness: float) -> None:
    """Cover parts beside the number: door frames, corners of walls, ledges, windows, fences."""
    height, width = image.shape[:2]
    boxes = number.bboxes * (width / number.width)
    low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
    for _ in range(rng.poisson(0.5 + 0.6 * hardness)):
        side = rng.integers(4)
        axis = side % 2
        end = (width, height)[axis]
        space = low[axis] if side < 2 else end - high[axis]
        start = rng.uniform(-0.05, 0.8) * space
        tilt = rng.normal(0, 0.08, 2) * (height, width)[axis]
        near = np.array([-0.2, 1.2]) * (height, width)[axis]
        edge = (low[axis] - start if side < 2 else high[axis] + start) + tilt - tilt.mean()
        far = np.full(2, -0.2 * end if side < 2 else 1.2 * end)
        if rng.random() < 0.3:  # a strip, not all the rest
            far = edge + (far - edge) * rng.uniform(0.05, 0.4)
        corners = np.column_stack([np.concatenate([edge, far[::-1]]), np.concatenate([near, near[::-1]])])
        mask = polygon(height, width, corners if axis == 0 else corners[:, ::-1])
        if rng.random() < 0.5:
            image *= 1 - 0.5 * cv2.GaussianBlur(mask, (0, 0), 0.06 * unit + 0.3)[..., None]
        blend(image, wall(rng, height, width, unit), mask)


def _add_plate(rng: np.random.Generator, image: np.ndarray, number: Number, unit: float, fine: int) -> np.ndarray:
    """Put a plate behind the number, and say in which colour the digits go on it: (3,) float32."""
    height, width = image.shape[:2]
    zoom = np.diag([fine, fine, 1.0]) @ number.plane
    half = np.array(number.half) + rng.uniform(0.08, 0.4, 2) * (1.2, 1.0)
    power = rng.choice([2.6, 6.0, 12.0, 40.0], p=[0.12, 0.13, 0.25, 0.5])
    if power < 4:
        half *= 1.25
    centre = rng.normal(0, 0.03, 2)
    common = rng.integers(len(PLATES), size=2).min()
    colours = PLATES[common] + rng.normal(0, 0.03, (2, 3)).astype(np.float32)
    mask = polygon(height, width, project(zoom, rounded(centre, half, power)))
    if rng.random() < 0.5:
        shift = rng.normal(0, 0.06 * unit, 2)
        cast = cv2.warpAffine(mask, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), (width, height))
        image *= 1 - rng.uniform(0.2, 0.6) * cv2.GaussianBlur(cast, (0, 0), 0.05 * unit + 0.3)[..., None]
    enamel = colours[0] + clouds(rng, height, width, unit, unit)[..., None] * rng.uniform(0, 0.05)
    blend(image, enamel.astype(np.float32), mask)
    if rng.random() < 0.45:  # a line along the rim
        outer, thick = rng.uniform(0.02, 0.06), rng.uniform(0.03, 0.07)
        ring = polygon(height, width, project(zoom, rounded(centre, half - outer, power)))
        ring -= polygon(height, width, project(zoom, rounded(centre, half - outer - thick, power)))
        blend(image, colours[1], np.clip(ring, 0, 1))
    if rng.random() < 0.3:  # screws
        for sign in ((-1, 0), (1, 0)) if rng.random() < 0.5 else ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            spot = rounded(centre + np.array(sign) * (half - 0.06), np.full(2, rng.uniform(0.015, 0.04)), 2)
            blend(image, wall_colour(rng), polygon(height, width, project(zoom, spot)))
    return colours[1]


def _choose_ink(rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, least: float) -> np.ndarray:
    """(3,) float32: an ink that differs in brightness from what is under `mask` by `least` or as much as any does."""
    ground = image[mask > 0.5].mean(axis=0) if (mask > 0.5).any() else image.mean(axis=(0, 1))
    inks = INKS[rng.permutation(len(INKS))]
    contrast = np.abs((inks - ground) @ LUMA)
    good = np.flatnonzero(contrast >= least)
    return inks[good[0] if len(good) else contrast.argmax()]


def _paint(
    rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, ink: np.ndarray, unit: float, hardness: float
):
    """Draw the number: its shadow or outline, then the ink, worn and shaded."""
    height, width = image.shape[:2]
    kind = rng.random()
    if kind < 0.3:  # raised digits throw a shadow
        shift = rng.normal(0, 0.04 * unit, 2)
        cast = cv2.warpAffine(mask, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), (width, height))
        image *= 1 - rng.uniform(0.3, 0.7) * cv2.GaussianBlur(cast, (0, 0), 0.02 * unit + 0.3)[..., None]
    elif kind < 0.38:  # outlined
        reach = max(1, round(unit * rng.uniform(0.02, 0.06)))
        rim = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
        blend(image, np.clip(1 - ink, 0, 1) * 0.8, rim)
    fade = 1 - rng.uniform(0, 0.1 + 0.5 * hardness) * rng.random()
    worn = mask * fade
    if rng.random() < 0.25 * hardness:
        worn = worn * np.clip(1.3 + clouds(rng, height, width, 0.15 * unit, 0.15 * unit), 0.1, 1)
    colour = ink + clouds(rng, height, width, 0.4 * unit, 2 * unit)[..., None] * rng.uniform(0, 0.08)
    blend(image, colour.astype(np.float32), worn)


def _write_beside(rng: np.random.Generator, number: Number, face: Face, unit: float) -> list[Stroke]:
    """Letters left, right, above or below the number, in the plane of its wall."""
    size = 64
    high = rng.uniform(0.25, 0.8)
    text = [glyph(face, LETTERS[i], size) for i in rng.integers(len(LETTERS), size=rng.integers(1, 7))]
    widths = [one.mask.shape[1] * high / size if one else 0.0 for one in text]
    total = sum(widths) + 0.1 * high * len(widths)
    side = rng.integers(4)
    gap = rng.uniform(0.15, 0.5)
    x = (-number.half[0] - gap - total, number.half[0] + gap, -total / 2, -total / 2)[side]
    y = (*(rng.uniform(-0.5, 0.5 - high, 2)), -0.5 - gap - high, 0.5 + gap)[side]
    strokes = []
    for one, width in zip(text, widths, strict=True):
        if one:
            put = np.array([[high / size, 0, x], [0, high / size, y + one.top * high], [0, 0, 1]])
            strokes.append(Stroke(one, number.plane @ put))
        x += width + 0.1 * high
    return strokes


def draw_scene(rng: np.random.Generator, faces: Sequence[Face], hardness: float = 1.0) -> Scene:
    """Make one photo of a house number.

    Args:
        rng: Source of all its randomness.
        faces: Typefaces to choose from, as `custom.synth_fonts.digit_faces` finds them.
        hardness: 0 (clean, frontal) to 1 (as hard as real photos get). Defaults to 1.0.
    """
    layout = draw_layout(rng, hardness)
    face = choose_face(rng, faces)
    number = place_number(rng, face, layout, hardness)
    fine = 2 if layout.digit_height < FINE_BELOW else 1
    unit = layout.digit_height * fine
    height, width = number.height * fine, number.width * fine
    image = wall(rng, height, width, unit)
    _add_parts(rng, image, number, unit, hardness)
    mask = ink_mask(number.strokes, height, width, fine)
    if rng.random() < 0.55:
        ink = _add_plate(rng, image, number, unit, fine)
    else:
        ink = _choose_ink(rng, image, mask, least=0.4 - 0.2 * hardness)
    if rng.random() < 0.1 + 0.25 * hardness:
        letters = _write_beside(rng, number, face if rng.random() < 0.5 else choose_face(rng, faces), unit)
        blend(image, ink, ink_mask(letters, height, width, fine))
    _paint(rng, image, mask, ink, unit, hardness)
    photo = photograph(rng, np.clip(image, 0, 1), (number.width, number.height), unit, hardness)
    return Scene(photo, number.bboxes, np.array(layout.digits, np.int64))
