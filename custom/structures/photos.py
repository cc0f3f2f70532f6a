"""Folders of photos: which there are, their ids, their pixels."""

import hashlib
import os
import re
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..utils.errors import UserError

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp')
# The camera sensors people own stay far below this; above it a photo costs gigabytes once it is a float tensor. It is
# Pillow's own limit: to silence its warning would change the filters of all threads.
MAX_PIXELS = 1024**3 // 12
UNUSABLE = re.compile('[\0\ud800-\udc7f\udd00-\udfff]')  # in no file name; the surrogates between escape bytes


class Photo(NamedTuple):
    """A photo of a folder: its id in the outputs, and its file name without the folder."""

    image_id: int
    file_name: str


def natural_key(name: str) -> list:
    """Sort key that puts `2.png` before `10.png`."""
    return [(1, int(part), part) if part.isdecimal() else (0, 0, part) for part in re.split(r'(\d+)', name)]


def image_id_of(file_name: str) -> int:
    """The id of a photo: its stem where that is a whole number, else a hash of its name.

    The hash depends on the name alone, so that an id stays the same when other photos come and go. It lies between
    1e15 and 2e15: above any numbered stem in practice, below 2**53, so that JSON readers keep it exact.

    Example:
        >>> image_id_of('0007.png')
        7
    """
    stem = Path(file_name).stem
    if re.fullmatch(r'[0-9]{1,15}', stem):
        return int(stem)
    digest = hashlib.sha256(os.fsencode(file_name)).digest()
    return 10**15 + int.from_bytes(digest[:8], 'big') % 10**15


def stays_inside(name: str) -> bool:
    """Whether a name from data, joined to a folder, lies in that folder on every operating system.

    Symlinks inside the folder are its owner's, and are followed.

    Example:
        >>> [stays_inside(name) for name in ('a/7.png', '../7.png', '/7.png', 'C:7.png')]
        [True, False, False, False]
    """
    paths = PurePosixPath(name), PureWindowsPath(name)
    return not UNUSABLE.search(name) and not any(path.anchor or '..' in path.parts for path in paths)


def photo_path(folder: str | os.PathLike, name: str) -> Path:
    """Join a folder of photos and a name from data.

    Raises:
        UserError: the name leaves the folder, see `stays_inside`.
    """
    if not stays_inside(name):
        raise UserError(f'{name!r}: leaves the folder of the photos, {folder}; mend the name where it is listed')
    return Path(folder, name)


def list_photos(folder: str | os.PathLike) -> list[Photo]:
    """The photos lying directly in `folder`, in natural order (2.png before 10.png).

    Other files, hidden ones and subfolders are passed over.

    Raises:
        UserError: no such folder, it may not be read, no photo in it, or two photos would share an id.
    """
    folder = Path(folder)
    kinds = ', '.join(suffix[1:] for suffix in SUFFIXES)
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except NotADirectoryError:
        raise UserError(f'{folder}: is a file; give the folder that holds the photos') from None
    except FileNotFoundError:
        raise UserError(f'{folder}: no such folder; give one that holds photos ({kinds})') from None
    except OSError as error:
        raise UserError(f'{folder}: cannot be read ({error.strerror}); check its permissions') from None
    names = sorted((n for n in names if n[0] != '.' and n.lower().endswith(SUFFIXES)), key=natural_key)
    if not names:
        raise UserError(f'{folder}: holds no photo; put {kinds} files there, or give another folder')
    by_id: dict[int, str] = {}
    for name in names:
        other = by_id.setdefault(image_id_of(name), name)
        if other != name:
            raise UserError(f'{folder}: {other!r} and {name!r} would share one image id; rename one of them')
    return [Photo(image_id, name) for image_id, name in by_id.items()]


def _open(path: str | os.PathLike) -> Image.Image:
    try:
        image = Image.open(path)
    except FileNotFoundError:
        raise UserError(f'{path}: no such file') from None
    except UnidentifiedImageError:
        raise UserError(f'{path}: is not a photo that can be read; replace or remove it') from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UserError(f'{path}: has far too many pixels for a photo; scale it down') from None
    except Exception as error:  # decoders raise many kinds on damaged headers
        raise UserError(f'{path}: cannot be read ({error}); replace or remove it') from None
    if image.width * image.height > MAX_PIXELS:
        size = f'{image.width}x{image.height}'
        raise UserError(f'{path}: {size} pixels are over {MAX_PIXELS // 10**6} million; scale it down')
    return image


def photo_size(path: str | os.PathLike) -> tuple[int, int]:
    """Width and height in pixels as a person sees the photo, its EXIF turn applied; reads the header only.

    Raises:
        UserError: missing, unreadable, damaged as far as it was read, or too large.
    """
    with _open(path) as image:
        try:
            turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientations 5 to 8 swap the sides
        except Exception as error:  # Pillow looks for them behind the pixels of a PNG
            raise UserError(f'{path}: is damaged ({error}); replace or remove it') from None
        return (image.height, image.width) if turned else image.size


def read_photo(path: str | os.PathLike) -> np.ndarray:
    """The photo as RGB.

    Every mode that Pillow knows comes out alike: grey, palette, CMYK; 16 bit is scaled to 8 (not cut off at 255);
    what is transparent lies on white; the EXIF turn is applied.

    Returns:
        uint8 array of shape (height, width, 3), channels in the order R, G, B.

    Raises:
        UserError: missing, unreadable, damaged, or too large.
    """
    with _open(path) as image:
        try:
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith(('I', 'F')):
                return _from_deep(np.asarray(image))
            if image.has_transparency_data:
                image = image.convert('RGBA')
                white = Image.new('RGBA', image.size, 'white')
                image = Image.alpha_composite(white, image)
            return np.asarray(image.convert('RGB'))
        except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error … on damage
            raise UserError(f'{path}: is damaged ({error}); replace or remove it') from None


def _from_deep(pixels: np.ndarray) -> np.ndarray:
    """Grey pixels of 16 bits or more, (H, W), to RGB of 8 bits, (H, W, 3)."""
    top = 65535 if pixels.max(initial=0) > 255 else 255
    grey = (pixels.astype(np.float64).clip(0, top) * (255 / top)).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def free_names(paths: Sequence[Path]) -> list[str]:
    """A name for each photo in one folder: its own; where that or its image id is taken, with its folder's before it.

    Upper and lower case count as the same, as some file systems have it.

    Example:
        >>> free_names([Path('a/7.png'), Path('b/7.png'), Path('b/07.PNG')])
        ['7.png', 'b_7.png', 'b_07.PNG']
    """
    names: list[str] = []
    taken: set[str | int] = set()
    for path in paths:
        name = path.name
        numbered = (f'{path.stem}_{i}{path.suffix}' for i in count(2))
        tries = chain([f'{path.parent.name}_{name}'], numbered)
        while taken & {name.casefold(), image_id_of(name)}:
            name = next(tries)
        taken |= {name.casefold(), image_id_of(name)}
        names.append(name)
    return names
