"""Typefaces of installed packages whose digits look like those of house numbers.

No font is part of this project. `FONT_PACKAGES` come from the package index, DejaVu, STIX and Computer Modern come with
matplotlib. All are free. Their name tables and packages state the licences: Apache 2.0 for Roboto, Roboto Slab,
Permanent Marker, Satisfy, Luckiest Guy and Yellowtail; for matplotlib's the licences in its package; the SIL Open Font
License 1.1 for the others. (canvas-fonts 0.2.0 is useless: its .ttf files are copies of a web page.)
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

FAMILIES = """
abril-fatface acme alfa-slab-one alumni-sans amiri antic-slab anton archivo archivo-black archivo-narrow arimo arvo
barlow-condensed bebas-neue bitter black-ops-one bodoni-moda bungee chakra-petch changa-one cinzel comfortaa crimson-pro
dancing-script delius dm-serif-display domine dosis exo-2 fjalla-one frank-ruhl-libre fraunces fredoka gravitas-one
ibm-plex-serif josefin-sans jost kalam kanit league-spartan libre-baskerville lilita-one lobster lobster-two
luckiest-guy montserrat oleo-script oswald overpass pacifico permanent-marker poppins pt-sans-narrow pt-serif quicksand
rajdhani righteous roboto-slab rowdies russo-one saira sanchez satisfy share-tech smooch-sans spectral teko titan-one
unbounded viga yellowtail
"""
FONT_PACKAGES = ('font-roboto', *(f'fontpkg-{family}' for family in FAMILIES.split()))
BUNDLED = ('DejaVu', 'STIXGeneral', 'cmb', 'cmss')  # the families of matplotlib that look like house numbers
# A few values of every variable axis are used; the other axes (optical size) stay at their default.
AXIS_STEPS = {'Weight': (0.25, 0.55, 0.9), 'Width': (0.0, 0.5)}


class Face(NamedTuple):
    """One style of a typeface: a font file, and the values of its variable axes in the file's order, if it has any."""

    path: str
    axes: tuple[float, ...] = ()


class Glyph(NamedTuple):
    """A character, cropped to its ink.

    Attributes:
        mask: (h, w) uint8, 255 where there is ink.
        top: distance from the top of the face's '0' down to the top of the ink, in heights of that '0'.
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
    """Return the font size at which the '0' is `height` pixels high."""
    _, top, _, bottom = _font(face, 200).getbbox('0')
    return max(4, round(200 * height / max(1, bottom - top)))


def crop_glyph(pixels: np.ndarray, top: float, height: int) -> Glyph | None:
    """Crop a drawn character, (h, w) uint8, to its ink; return None where there is no ink.

    `top` is the distance from the top of the face's '0', `height` pixels high, down to the top of `pixels`, in heights.
    """
    ink = pixels > 80
    rows = np.flatnonzero(ink.any(axis=1))
    if not rows.size:
        return None
    # The first and last pixel of each row have the hull of all pixels.
    first, last = ink[rows].argmax(axis=1), ink.shape[1] - 1 - ink[rows, ::-1].argmax(axis=1)
    x, width = int(first.min()), int(last.max() - first.min()) + 1
    y, high = int(rows[0]), int(rows[-1] - rows[0]) + 1
    ends = np.column_stack([np.concatenate([first, last]), np.concatenate([rows, rows])]).astype(np.int32)
    hull = cv2.convexHull(ends)[:, 0].astype(np.float32)
    corners = np.concatenate([hull + offset for offset in itertools.product((0, 1), (0, 1))]) - (x, y)
    return Glyph(pixels[y : y + high, x : x + width].copy(), top + y / height, corners.astype(np.float32))


@functools.lru_cache(maxsize=4096)
def draw_glyph(face: Face, char: str, height: int) -> Glyph | None:
    """Draw a character of a face whose '0' is `height` pixels high; return None where the font has no ink for it."""
    font = _font(face, _em_size(face, height))
    left, top, right, bottom = map(int, font.getbbox(char))
    if right <= left or bottom <= top or max(right - left, bottom - top) > 6 * height:
        return None
    canvas = Image.new('L', (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(canvas).text((2 - left, 2 - top), char, fill=255, font=font)
    return crop_glyph(np.asarray(canvas), (top - 2 - font.getbbox('0')[1]) / height, height)


def has_lining_digits(face: Face) -> bool:
    """Return whether a face has ten distinct digits of equal height on one line that are no hairlines."""
    glyphs = [glyph for char in DIGITS if (glyph := draw_glyph(face, char, 48)) is not None]
    if len(glyphs) < len(DIGITS):
        return False
    tops = np.array([glyph.top for glyph in glyphs])
    heights, widths = np.array([glyph.mask.shape for glyph in glyphs]).T / 48
    inked = np.array([(glyph.mask > 127).mean() for glyph in glyphs])
    if np.ptp(tops) > 0.13 or np.ptp(heights) > 0.16 or widths.max() > 1.1 or inked.mean() < 0.22:
        return False
    small = [cv2.resize(one.mask, (24, 32), interpolation=cv2.INTER_AREA).astype(np.float32) / 255 for one in glyphs]
    return all(np.abs(a - b).mean() > 0.05 for a, b in itertools.combinations(small, 2))


def _thumbnail(face: Face) -> np.ndarray:
    """Draw the digits of a face as (10, 16, 12) float32 from 0 to 1, to compare faces."""
    drawn = (draw_glyph(face, char, 48) for char in DIGITS)
    return np.stack([cv2.resize(one.mask, (12, 16), interpolation=cv2.INTER_AREA) for one in drawn if one]) / 255.0


def _styles(path: Path) -> Iterable[Face]:
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


def _package_folder(package: str) -> Path | None:
    """Return the folder of an installed package, without its import."""
    spec = importlib.util.find_spec(package.replace('-', '_'))
    return Path(spec.origin).parent if spec and spec.origin else None


def missing_packages() -> list[str]:
    """List the `FONT_PACKAGES` that are not installed; without them fewer typefaces are drawn."""
    return [package for package in FONT_PACKAGES if _package_folder(package) is None]


def font_files() -> list[Path]:
    """List the font files of all installed packages, in a fixed order."""
    folders = [(_package_folder(package), 'files/*.ttf') for package in FONT_PACKAGES]
    folders += [(_package_folder('matplotlib'), f'mpl-data/fonts/ttf/{name}*.ttf') for name in BUNDLED]
    return [path for folder, pattern in folders if folder for path in sorted(folder.glob(pattern))]


@functools.lru_cache(maxsize=1)
def digit_faces() -> tuple[Face, ...]:
    """Find the distinct faces with lining digits; the order is the same for the same packages.

    Raises:
        UserError: no usable font is installed.
    """
    kept: list[Face] = []
    thumbnails: list[np.ndarray] = []
    for face in itertools.chain.from_iterable(map(_styles, font_files())):
        if not has_lining_digits(face):
            continue
        thumbnail = _thumbnail(face)
        if all(np.abs(thumbnail - other).mean() > 0.02 for other in thumbnails):
            kept.append(face)
            thumbnails.append(thumbnail)
    if not kept:
        raise UserError(f'no font found; install them: pip install {" ".join(missing_packages())}')
    return tuple(kept)
