"""The typefaces of the made scenes: installed packages only, kept where their digits look like house numbers.

No font is part of this project. `FONT_PACKAGES` come from the package index, DejaVu, STIX and Computer Modern come with
matplotlib. All are free; their name tables and packages say: Apache 2.0 for Roboto, Roboto Slab, Permanent Marker,
Satisfy, Luckiest Guy and Yellowtail; for matplotlib's the licences in its package; the SIL Open Font License 1.1 for
the others. (canvas-fonts 0.2.0 does not serve: its .ttf files are copies of a web page.)
"""

import functools
import importlib.util
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..structures.digits import DIGITS
from ..utils.errors import UserError

FAMILIES = (
    *['abril-fatface', 'acme', 'alfa-slab-one', 'alumni-sans', 'amiri', 'antic-slab', 'anton', 'archivo'],
    *['archivo-black', 'archivo-narrow', 'arimo', 'arvo', 'barlow-condensed', 'bebas-neue', 'bitter'],
    *['black-ops-one', 'bodoni-moda', 'bungee', 'chakra-petch', 'changa-one', 'cinzel', 'comfortaa', 'crimson-pro'],
    *['dancing-script', 'delius', 'dm-serif-display', 'domine', 'dosis', 'exo-2', 'fjalla-one', 'frank-ruhl-libre'],
    *['fraunces', 'fredoka', 'gravitas-one', 'ibm-plex-serif', 'josefin-sans', 'jost', 'kalam', 'kanit'],
    *['league-spartan', 'libre-baskerville', 'lilita-one', 'lobster', 'lobster-two', 'luckiest-guy', 'montserrat'],
    *['oleo-script', 'oswald', 'overpass', 'pacifico', 'permanent-marker', 'poppins', 'pt-sans-narrow', 'pt-serif'],
    *['quicksand', 'rajdhani', 'righteous', 'roboto-slab', 'rowdies', 'russo-one', 'saira', 'sanchez', 'satisfy'],
    *['share-tech', 'smooch-sans', 'spectral', 'teko', 'titan-one', 'unbounded', 'viga', 'yellowtail'],
)
FONT_PACKAGES = ('font-roboto', *(f'fontpkg-{family}' for family in FAMILIES))
BUNDLED = ('DejaVu', 'STIXGeneral', 'cmb', 'cmss')  # matplotlib's own that look like house numbers
# Of every variable axis a few values are used; the other axes (optical size) stay at their default.
AXIS_STEPS = {'Weight': (0.25, 0.55, 0.9), 'Width': (0.0, 0.5)}


class Face(NamedTuple):
    """One cut of a typeface.

    Attributes:
        path: The font file.
        axes: Values of its variable axes, in the file's order; empty for a plain font.
    """

    path: str
    axes: tuple[float, ...] = ()


class Glyph(NamedTuple):
    """One character, cropped to its ink.

    Attributes:
        mask: (h, w) uint8, 255 where there is ink.
        top: Top of the ink below the top of the face's '0', in heights of that '0'.
        hull: (P, 2) float32, x y corners of the ink's convex hull, in pixels of `mask`.
    """

    mask: np.ndarray
    top: float
    hull: np.ndarray


@functools.lru_cache(maxsize=512)
def _font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(face.path, size, layout_engine=ImageFont.Layout.BASIC)
    if face.axes:
        font.set_variation_by_axes(list(face.axes))
    return font


@functools.lru_cache(maxsize=512)
def _em_size(face: Face, height: int) -> int:
    """Font size at which the '0' is `height` pixels high."""
    _, top, _, bottom = _font(face, 200).getbbox('0')
    return max(4, round(200 * height / max(1, bottom - top)))


def as_glyph(pixels: np.ndarray, top: float, height: int) -> Glyph | None:
    """Crop a drawing to its ink.

    Args:
        pixels: (h, w) uint8, 255 where there is ink.
        top: Upper edge of `pixels` below the top of the face's '0', in heights of that '0'.
        height: Pixels of the face's '0', top to bottom.

    Returns:
        The glyph, or None where there is no ink.
    """
    ink = cv2.findNonZero((pixels > 80).astype(np.uint8))
    if ink is None:
        return None
    x, y, width, high = cv2.boundingRect(ink)
    hull = cv2.convexHull(ink)[:, 0].astype(np.float32)
    corners = np.concatenate([hull + offset for offset in itertools.product((0, 1), (0, 1))]) - (x, y)
    return Glyph(pixels[y : y + high, x : x + width].copy(), top + y / height, corners.astype(np.float32))


@functools.lru_cache(maxsize=4096)
def glyph(face: Face, char: str, height: int) -> Glyph | None:
    """Draw one character.

    Args:
        face: The typeface.
        char: One character.
        height: Pixels of the face's '0', top to bottom.

    Returns:
        The glyph, or None where the font draws nothing.
    """
    font = _font(face, _em_size(face, height))
    left, top, right, bottom = map(int, font.getbbox(char))
    if right <= left or bottom <= top or max(right - left, bottom - top) > 6 * height:
        return None
    canvas = Image.new('L', (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(canvas).text((2 - left, 2 - top), char, fill=255, font=font)
    return as_glyph(np.asarray(canvas), (top - 2 - font.getbbox('0')[1]) / height, height)


def has_lining_digits(face: Face) -> bool:
    """Say whether a face's ten digits are there, differ, stand equally high on one line, and are no hairlines."""
    glyphs = [one for char in DIGITS if (one := glyph(face, char, 48)) is not None]
    if len(glyphs) < len(DIGITS):
        return False
    tops = np.array([one.top for one in glyphs])
    heights = np.array([one.mask.shape[0] / 48 for one in glyphs])
    widths = np.array([one.mask.shape[1] / 48 for one in glyphs])
    inked = np.array([(one.mask > 127).mean() for one in glyphs])
    if np.ptp(tops) > 0.13 or np.ptp(heights) > 0.16 or widths.max() > 1.1 or inked.mean() < 0.22:
        return False
    small = [cv2.resize(one.mask, (24, 32), interpolation=cv2.INTER_AREA).astype(np.float32) / 255 for one in glyphs]
    return all(np.abs(a - b).mean() > 0.05 for a, b in itertools.combinations(small, 2))


def _thumbnail(face: Face) -> np.ndarray:
    """(10, 16, 12) float32 in 0..1: what two faces are compared by."""
    drawn = (glyph(face, char, 48) for char in DIGITS)
    return np.stack([cv2.resize(one.mask, (12, 16), interpolation=cv2.INTER_AREA) for one in drawn if one]) / 255.0


def _cuts(path: Path) -> Iterable[Face]:
    try:
        font = ImageFont.truetype(str(path), 20, layout_engine=ImageFont.Layout.BASIC)
    except OSError:  # a package may hold a file that is no font
        return
    try:
        axes = font.get_variation_axes()
    except OSError:
        yield Face(str(path))
        return
    choices = []
    for axis in axes:
        low, high, usual = (float(axis[key] or 0) for key in ('minimum', 'maximum', 'default'))
        name = axis['name'].decode() if isinstance(axis['name'], bytes) else str(axis['name'])
        choices.append([low + step * (high - low) for step in AXIS_STEPS.get(name, ())] or [usual])
    yield from (Face(str(path), values) for values in itertools.product(*choices))


def _home(package: str) -> Path | None:
    """The folder of an installed package; the package is not imported."""
    spec = importlib.util.find_spec(package.replace('-', '_'))
    return Path(spec.origin).parent if spec and spec.origin else None


def missing_packages() -> list[str]:
    """Those of `FONT_PACKAGES` that are not installed: without them the scenes show fewer typefaces."""
    return [package for package in FONT_PACKAGES if _home(package) is None]


def font_files() -> list[Path]:
    """The font files of all installed packages, in a fixed order."""
    homes = [(_home(package), 'files/*.ttf') for package in FONT_PACKAGES]
    homes += [(_home('matplotlib'), f'mpl-data/fonts/ttf/{name}*.ttf') for name in BUNDLED]
    return [path for home, pattern in homes if home for path in sorted(home.glob(pattern))]


@functools.lru_cache(maxsize=1)
def digit_faces() -> tuple[Face, ...]:
    """Find the faces to draw with: lining digits, no two alike.

    Returns:
        The faces, always in the same order for the same packages.

    Raises:
        UserError: no usable font is installed.
    """
    kept: list[Face] = []
    seen: list[np.ndarray] = []
    for face in itertools.chain.from_iterable(_cuts(path) for path in font_files()):
        if not has_lining_digits(face):
            continue
        looks = _thumbnail(face)
        if all(np.abs(looks - other).mean() > 0.02 for other in seen):
            kept.append(face)
            seen.append(looks)
    if not kept:
        raise UserError(f'no font found; install them: pip install {" ".join(missing_packages())}')
    return tuple(kept)
