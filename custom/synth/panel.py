"""Panel of an instrument: its view, filled shapes, lettering, screws, barcodes, reflections, and the labelled digits.

The plane of a panel has the height of a main digit as unit; y points down.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from ..structures.digits import DIGITS
from .camera import photograph
from .clutter import LETTERS, SMALL_LETTERS
from .fonts import Face, Glyph, draw_glyph
from .number import annotate, project, rotation
from .paint import superellipse
from .scene import Scene
from .walls import blend, clouds, draw_wall, photo_wall, wall_colour

INPUT = (320, 80)  # pixels; width and height of the model's largest training input
LEGIBLE = 8.0  # pixels; digits as high as this at the size of the model's input are labelled
ILLEGIBLE = 5.0  # pixels; digits between this height and LEGIBLE are not drawn
LARGEST = (330, 190)  # pixels; limits of an image's width and height
OVERSAMPLED_BELOW = 24.0  # pixels; smaller digits are drawn at twice the size
LETTER_SIZES = (24, 64)  # pixels; letters are warped from the first that is not smaller
LETTER_FACES = 16  # few typefaces of the lettering, which stay in the cache of glyphs
TILT = 12.0  # degrees; largest rotation of a panel
OUTWARDS = np.array((-1, -1, 1, 1))  # of the left, top, right and bottom of a rectangle
FROM_PHOTOS = 0.4  # share of the surroundings that come from real photos, where there are any


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Return the corners, (4, 2) x y, of a rectangle.

    Example:
        >>> rectangle(0, 0, 2, 1).tolist()
        [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]
    """
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def rounded(area: np.ndarray, power: float) -> np.ndarray:
    """Return the corners, (48, 2) x y, of a rectangle (left, top, right, bottom) with rounded corners.

    A higher `power` rounds them less.
    """
    return superellipse((area[:2] + area[2:]) / 2, (area[2:] - area[:2]) / 2, power)


class Panel:
    """A panel that is drawn on piece by piece, and the digits labelled on it.

    Attributes:
        size: width and height of the final image in pixels.
        oversampling: pixels of `image` per pixel of the final image.
        matrix: (3, 3) float64, from the plane to the pixels of `image`.
        unit: height of a main digit in pixels of `image`.
        image: (h, w, 3) float32 RGB from 0 to 1.
    """

    def __init__(
        self, rng: Generator, shown: np.ndarray, unit: float, hardness: float, backgrounds: Sequence[str] = ()
    ) -> None:
        """Draw a view and the surroundings.

        Args:
            rng: source of randomness.
            shown: the corners, (4, 2) x y in the plane, of the area that fills the image.
            unit: height of a main digit in pixels of the final image; less where the image would be too large.
            hardness: 0 (frontal) to 1 (rotated by up to `TILT`, in perspective).
            backgrounds: photos whose sides are the surroundings of a share `FROM_PHOTOS`.
        """
        centre, half = shown.mean(axis=0), np.ptp(shown, axis=0) / 2
        angle = np.clip(rng.normal(0, 0.3 + 2.7 * hardness), -TILT, TILT)
        if half[0] > 3 * half[1]:  # the ends of a long strip leave the image
            angle *= 0.7
        view = rotation(np.radians(angle))
        view[0, 1] += rng.normal(0, 0.05 * hardness)
        view[2, :2] = np.clip(rng.normal(0, 0.07 * hardness, 2), -0.2, 0.2) / half.max()
        view = view @ np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]])
        corners = project(view, shown)
        low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
        scale = min(unit, *(np.array(LARGEST) / extent))
        wide, tall = np.maximum(np.ceil(extent * scale), 12).astype(int).tolist()
        self.size: tuple[int, int] = wide, tall
        self.oversampling = 2 if scale < OVERSAMPLED_BELOW else 1
        self.unit = scale * self.oversampling
        zoom = np.array([[self.unit, 0, -low[0] * self.unit], [0, self.unit, -low[1] * self.unit], [0, 0, 1]])
        self.matrix = zoom @ view
        width, height = (length * self.oversampling for length in self.size)
        if backgrounds and rng.random() < FROM_PHOTOS:
            self.image = photo_wall(rng, tuple(backgrounds), height, width).astype(np.float32)
        else:
            self.image = draw_wall(rng, height, width, 2 * self.unit)
        self._rows: list[tuple[np.ndarray, list[int]]] = []

    def input_height(self, high: float) -> float:
        """Return the height in pixels, at the size of the model's input, of a digit `high` units high."""
        fit = min(1.0, INPUT[0] / self.size[0], INPUT[1] / self.size[1])
        return high * self.unit / self.oversampling * fit

    def mask(self, shapes: Sequence[np.ndarray], opacities: Sequence[float] | None = None) -> np.ndarray:
        """Draw convex shapes, (P, 2) x y in the plane, as a mask, (h, w) float32 from 0 to 1."""
        mask = np.zeros(self.image.shape[:2], np.uint8)
        if shapes:
            placed = project(self.matrix, np.concatenate(shapes)) - 0.5  # to the centres of pixels
            points = np.split(np.round(placed * 16).astype(np.int32), np.cumsum([len(one) for one in shapes])[:-1])
            for i, corners in enumerate(points):
                value = 255 if opacities is None else round(255 * opacities[i])
                cv2.fillConvexPoly(mask, corners, value, cv2.LINE_AA, shift=4)
        return mask.astype(np.float32) / np.float32(255)

    def fill(self, shape: np.ndarray, colour: np.ndarray, opacity: float = 1.0, soft: float = 0.0) -> None:
        """Paint a convex shape in `colour`, (3,) float32; its edge is blurred by `soft` units."""
        points = project(self.matrix, shape)
        margin = 3 * soft * self.unit + 2
        low = np.maximum(points.min(axis=0) - margin, 0).astype(int)
        high = np.minimum(points.max(axis=0) + margin + 1, self.image.shape[1::-1]).astype(int)
        if (high <= low).any():
            return
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillConvexPoly(mask, np.round((points - low - 0.5) * 16).astype(np.int32), 255, cv2.LINE_AA, shift=4)
        if soft:
            mask = cv2.GaussianBlur(mask, (0, 0), soft * self.unit + 0.3)
        blend(self.image[low[1] : high[1], low[0] : high[0]], colour, mask * np.float32(opacity / 255))

    def paste(self, texture: np.ndarray, opacity: np.ndarray, to_plane: np.ndarray) -> None:
        """Paint a texture, (h, w, 3) or (3,) float32, with its `opacity`, (h, w), by a (3, 3) matrix to the plane."""
        matrix = self.matrix @ to_plane
        points = project(matrix, rectangle(0, 0, opacity.shape[1], opacity.shape[0]))
        low = np.maximum(points.min(axis=0) - 1, 0).astype(int)
        high = np.minimum(points.max(axis=0) + 2, self.image.shape[1::-1]).astype(int)
        if (high <= low).any():
            return
        move = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]], float) @ matrix
        size = tuple((high - low).tolist())
        colour = cv2.warpPerspective(texture, move, size) if texture.ndim == 3 else texture
        blend(self.image[low[1] : high[1], low[0] : high[0]], colour, cv2.warpPerspective(opacity, move, size))

    def write(
        self, face: Face, text: str, corner: tuple[float, float], high: float, colour: np.ndarray, across: float = 1.0
    ) -> float:
        """Write a line of text and label its digits.

        A text with digits that are neither legible nor clearly too small is left out.

        Args:
            face: the typeface.
            text: letters, digits and spaces.
            corner: left and top in the plane.
            high: height of a digit.
            colour: (3,) float32.
            across: horizontal scale. Defaults to 1.0.

        Returns:
            Width of the text in the plane.
        """
        size = next((one for one in LETTER_SIZES if one >= high * self.unit), LETTER_SIZES[-1])
        digits = any(char in DIGITS for char in text)
        legible = self.input_height(high) >= LEGIBLE
        if digits and not legible and self.input_height(high) > ILLEGIBLE:
            return 0.0
        mask, spans = _set_text(face, text, size)
        step = high / size
        fit = np.array([[step * across, 0, corner[0]], [0, step, corner[1] - 0.5 * high], [0, 0, 1]])
        self.paste(colour, mask.astype(np.float32) / np.float32(255), fit)
        if digits and legible:
            hulls = [
                glyph.hull + np.array([left, size // 2 + glyph.top * size])
                for left, glyph, char in spans
                if char in DIGITS
            ]
            self.label([project(fit, hull) for hull in hulls], [int(char) for *_, char in spans if char in DIGITS])
        return mask.shape[1] * step * across

    def label(self, hulls: Sequence[np.ndarray], digits: Sequence[int]) -> None:
        """Label the digits of a row, whose ink has the `hulls`, (P, 2) x y in the plane."""
        if not digits:
            return
        placed = [project(self.matrix, hull) / self.oversampling for hull in hulls]
        ink = np.array([[*points.min(axis=0), *points.max(axis=0)] for points in placed])
        self._rows.append((ink, list(digits)))

    def annotate(self, rng: Generator, hardness: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes, (K, 4) int64 xywh, and digits, (K,) int64, of all labelled rows.

        Digits of which the image shows less than 85 % of the width or height have no box.
        """
        boxes: list[np.ndarray] = [np.zeros((0, 4), np.int64)]
        labels: list[np.ndarray] = [np.zeros(0, np.int64)]
        for ink, digits in self._rows:
            inside = np.clip(ink, 0, np.tile(self.size, 2))
            shown = np.ptp(inside.reshape(-1, 2, 2), axis=1) / np.maximum(np.ptp(ink.reshape(-1, 2, 2), axis=1), 1e-6)
            kept = np.flatnonzero((shown > 0.85).all(axis=1))
            if kept.size:
                boxes.append(annotate(rng, ink[kept], *self.size, hardness))
                labels.append(np.array(digits, np.int64)[kept])
        return np.concatenate(boxes), np.concatenate(labels)

    def photograph(self, rng: Generator, hardness: float) -> Scene:
        """Return the photo of the panel with its labels."""
        boxes, labels = self.annotate(rng, hardness)
        return Scene(photograph(rng, np.clip(self.image, 0, 1), self.size, self.unit, hardness), boxes, labels)


def _set_text(face: Face, text: str, size: int) -> tuple[np.ndarray, list[tuple[int, Glyph, str]]]:
    """Set a text with digits `size` pixels high, whose tops are size // 2 below the top of the mask.

    Returns:
        Mask, (2 * size, w) uint8, and the left edge, the glyph and the character of each drawn one.
    """
    left, spans = 0, []
    for char in text:
        glyph = draw_glyph(face, char, size)
        if glyph is None:
            left += size // 3
            continue
        spans.append((left, glyph, char))
        left += glyph.mask.shape[1] + max(1, size // 10)
    mask = np.zeros((2 * size, max(1, left)), np.uint8)
    for start, glyph, _ in spans:
        top = max(0, size // 2 + round(glyph.top * size))
        rows = glyph.mask[: 2 * size - top]
        mask[top : top + len(rows), start : start + rows.shape[1]] = rows
    return mask, spans


def choose_lettering(rng: Generator, faces: Sequence[Face]) -> list[Face]:
    """Choose two typefaces for the lettering of a panel."""
    few = faces[:: max(1, len(faces) // LETTER_FACES)]
    return [few[i] for i in rng.integers(len(few), size=2)]


def random_word(rng: Generator, low: int = 2, high: int = 9) -> str:
    """Draw `low` to `high` letters, capitals or small ones, none of which passes for a digit."""
    source = SMALL_LETTERS if rng.random() < 0.5 else LETTERS
    return ''.join(source[i] for i in rng.integers(len(source), size=rng.integers(low, high + 1)))


def random_digits(rng: Generator, count: int) -> str:
    """Draw `count` digits; some numbers begin with zeros."""
    digits = rng.integers(10, size=count)
    if rng.random() < 0.25:
        digits[: rng.integers(0, count)] = 0
    return ''.join(map(str, digits))


def add_screw(rng: Generator, panel: Panel, centre: np.ndarray, radius: float) -> None:
    """Draw a screw with a slot or a cross."""
    steel = np.full(3, rng.uniform(0.3, 0.8), np.float32)
    panel.fill(superellipse(centre + 0.1 * radius, np.full(2, 1.15 * radius), 2), steel * np.float32(0.3), 0.6)
    panel.fill(superellipse(centre, np.full(2, radius), 2), steel)
    start = rng.uniform(0, np.pi)
    for turn in (0, np.pi / 2)[: rng.integers(1, 3)]:
        along = np.array([np.cos(start + turn), np.sin(start + turn)]) * 0.8 * radius
        side = np.array([-along[1], along[0]]) * 0.18
        slot = np.array([-along - side, along - side, along + side, -along + side])
        panel.fill(centre + slot, steel * np.float32(0.35))


def add_barcode(rng: Generator, panel: Panel, corner: tuple[float, float], wide: float, high: float) -> None:
    """Draw a barcode on a white label."""
    bars = np.repeat(np.arange(60) % 2, rng.integers(1, 4, size=60)).astype(np.float32)
    code = np.zeros((8, len(bars) + 8), np.float32)
    code[1:7, 4:-4] = bars
    fit = np.array([[wide / code.shape[1], 0, corner[0]], [0, high / 8, corner[1]], [0, 0, 1]])
    texture = np.repeat(1 - code[..., None] * np.float32(0.9), 3, axis=2)
    panel.paste(np.ascontiguousarray(texture), np.ones_like(code), fit)


def add_marks(
    rng: Generator,
    panel: Panel,
    faces: Sequence[Face],
    area: np.ndarray,
    clear: Sequence[np.ndarray],
    colour: np.ndarray,
) -> None:
    """Scatter words, numbers, buttons, screws, lamps and a barcode over an area.

    Args:
        rng: source of randomness.
        panel: the panel.
        faces: typefaces.
        area: left, top, right and bottom in the plane.
        clear: rectangles of the same form that stay clear.
        colour: (3,) float32, of the lettering.
    """
    taken = list(clear)
    for _ in range(rng.poisson(4)):
        kind = rng.choice(6, p=(0.42, 0.1, 0.2, 0.14, 0.08, 0.06))
        wide, high = rng.uniform(0.4, 3.0), rng.uniform(0.15, 0.6)
        if kind > 1:
            wide = high if kind in (3, 4) else max(wide, 2 * high)
        left, top = rng.uniform(area[:2], np.maximum(area[2:] - (wide, high), area[:2] + 0.01))
        spot = np.array([left, top, left + wide, top + high])
        near = 0.15
        if any((spot[:2] < one[2:] + near).all() and (spot[2:] > one[:2] - near).all() for one in taken):
            continue
        taken.append(spot)
        face = faces[int(rng.integers(len(faces)))]
        if kind == 0:
            word = random_word(rng)
            size = min(high, 1.1 * wide / len(word))
            panel.write(face, word, (left, top), size, colour, 0.8)
        elif kind == 1:
            count = int(rng.integers(1, 7))
            size = min(high, 1.1 * wide / count)
            if panel.input_height(size) < LEGIBLE:
                size = min(size, 0.9 * ILLEGIBLE / max(1e-6, panel.input_height(1.0)))
            panel.write(face, random_digits(rng, count), (left, top), size, colour, 0.8)
        elif kind == 2:
            key = wall_colour(rng)
            panel.fill(rounded(spot + 0.04, 6), key * np.float32(0.3), 0.7, 0.03)
            panel.fill(rounded(spot, 6), key)
            if rng.random() < 0.5 and high > 0.3:
                contrast = np.full(3, 0.1 if key.mean() > 0.5 else 0.9, np.float32)
                panel.write(face, random_word(rng, 2, 4), (left + 0.1 * wide, top + 0.35 * high), 0.35 * high, contrast)
        elif kind == 3:
            add_screw(rng, panel, (spot[:2] + spot[2:]) / 2, 0.5 * high)
        elif kind == 4:
            lamp = rng.uniform(0, 1, 3).astype(np.float32)
            panel.fill(superellipse((spot[:2] + spot[2:]) / 2, np.full(2, 0.4 * high), 2), lamp)
        else:
            add_barcode(rng, panel, (left, top), wide, high)


def add_reflections(rng: Generator, panel: Panel, hardness: float) -> None:
    """Draw dirt and what glass reflects; digits stay legible."""
    height, width = panel.image.shape[:2]
    if rng.random() < 0.5 * hardness:  # dust and smears
        spots = np.clip(clouds(rng, height, width, 0.3 * panel.unit, 0.3 * panel.unit) - rng.uniform(0.6, 1.6), 0, 1)
        blend(panel.image, np.full(3, rng.uniform(0.1, 0.9), np.float32), spots * np.float32(rng.uniform(0.05, 0.3)))
    if rng.random() < 0.35 * hardness:  # a window, a lamp or the sky
        centre = rng.uniform(0, 1, 2) * (width, height)
        half = np.array([width, height]) * rng.uniform(0.03, 0.35, 2)
        outline = superellipse(np.zeros(2), half, float(rng.choice([2.0, 12.0]))) @ rotation(rng.uniform(0, 3))[:2, :2]
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, np.round((outline + centre) * 16).astype(np.int32), 255, cv2.LINE_AA, shift=4)
        soft = float(panel.unit * rng.choice([0.03, 0.15, 0.4]))
        glare = cv2.GaussianBlur(mask, (0, 0), soft + 0.5).astype(np.float32)
        panel.image += glare[..., None] * np.float32(rng.uniform(0.05, 0.3) / 255)
    if rng.random() < 0.15 * hardness:  # streaks
        streak = np.clip(clouds(rng, height, width, height, 0.4 * panel.unit), 0, 2)
        panel.image += streak[..., None] * np.float32(rng.uniform(0.02, 0.08))
