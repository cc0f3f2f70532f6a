"""Photos of a folder: names, image ids and pixels."""

import contextlib
import errno
import functools
import hashlib
import io
import os
import re
import threading
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count, filterfalse
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, NamedTuple, TypeVar
from urllib.parse import unquote

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..utils.errors import UserError
from ..utils.files import NOT_REGULAR, is_regular, open_regular, read_to_end
from ..utils.messages import one_line, say_once

# Formats of Pillow that are read, and the suffixes of their files. A picture of another format is not opened: Pillow
# starts Ghostscript for PostScript, for one.
FORMATS = {
    'PNG': ('.png', '.apng'),
    'JPEG': ('.jpg', '.jpeg', '.jpe', '.jfif', '.mpo'),
    'BMP': ('.bmp',),
    'DIB': ('.dib',),
    'WEBP': ('.webp',),
    'TIFF': ('.tif', '.tiff'),
    'GIF': ('.gif',),
    'AVIF': ('.avif', '.avifs'),
    'JPEG2000': ('.jp2', '.j2k', '.j2c', '.jpc', '.jpf', '.jpx'),
    'PPM': ('.ppm', '.pgm', '.pbm', '.pnm', '.pfm'),
    'QOI': ('.qoi',),
    'PCX': ('.pcx',),
    'TGA': ('.tga',),
}
SUFFIXES = tuple(chain.from_iterable(FORMATS.values()))
FORMAT_NAMES = ', '.join(FORMATS)
HEIC = ('.heic', '.heif', '.hif')
CONVERT = 'convert HEIC to JPEG, for example with `heif-convert 7.heic 7.jpg`'
BESIDE = ('.json', '.txt', '.xml', '.yaml', '.yml', '.csv', '.names', '.data', '.cache', '.md')  # labels and notes
# A larger photo takes gigabytes as a float tensor. This is Pillow's own limit: silencing its warning would change the
# filters of all threads.
MAX_PIXELS = 1024**3 // 12
MOST_BYTES = 1_000_000_000  # of the file: MAX_PIXELS in colour with alpha, 16 bits each, take 716 million
STRIP = 1 << 20  # pixels of a photo that are converted at a time
MAX_ASPECT = 300  # longer side by shorter side: the smallest view of the shipped configs is 179 pixels long
UPRIGHT = ['FLIP_LEFT_RIGHT', 'ROTATE_180', 'FLIP_TOP_BOTTOM', 'TRANSPOSE', 'ROTATE_270', 'TRANSVERSE', 'ROTATE_90']
TURNS = {orientation: Image.Transpose[name] for orientation, name in enumerate(UPRIGHT, 2)}  # of EXIF
SIDEWAYS = TURNS[5], TURNS[6], TURNS[7], TURNS[8]
TOPS = {'F': (1, 255, 65535), 'I': (255, 1023, 4095, 65535)}  # white, for each kind of mode: 10 bits are 1023
HIGH_BYTES = 3, 15, 255  # white of 10, 12 and 16 bits in colour: Pillow keeps the upper 8 of 16 bits
NAME_END = 150  # characters at either end of a long name that messages show
SLACK = 1.001  # floats may be a little above white
# Pillow's warnings on metadata name no photo. A photo that cannot be read is an error.
warnings.filterwarnings('ignore', category=UserWarning, module=r'PIL\.')
LONGEST_NAME = 4096  # characters of a path; all its ends are looked up
UNUSABLE = re.compile('[\0\ud800-\udc7f\udd00-\udfff]')  # in no file name; other surrogates escape bytes

Entry = TypeVar('Entry', Path, os.DirEntry)
PhotoFile = str | os.PathLike | bytes | BinaryIO | Image.Image  # path, content of a file, open file, image of Pillow


class Photo(NamedTuple):
    """Image id in the outputs, and file name without the folder."""

    image_id: int
    file_name: str


def natural_key(name: str) -> list:
    """Return a sort key that puts `2.png` before `10.png`. Python converts no text of thousands of digits."""
    return [(1, int(part), part) if part.isdecimal() else (0, 0, part) for part in re.split(r'(\d{1,300})', name)]


def image_id_of(file_name: str) -> int:
    """Return the id of a photo: its stem if that is a whole number, else a hash of its name.

    The hash is from 1e15 to 2e15: above numbered stems, and below 2**53, so that JSON readers keep it exact.
    """
    stem = Path(file_name).stem
    if re.fullmatch(r'[0-9]{1,15}', stem):
        return int(stem)
    digest = hashlib.sha256(os.fsencode(file_name)).digest()
    return 10**15 + int.from_bytes(digest[:8], 'big') % 10**15


def stays_inside(name: str) -> bool:
    """Return whether a name from data, joined to a folder, stays in the folder on every operating system.

    Symlinks inside the folder are followed.

    Example:
        >>> [stays_inside(name) for name in ('a/7.png', '../7.png', '/7.png', 'C:7.png')]
        [True, False, False, False]
    """
    paths = PurePosixPath(name), PureWindowsPath(name)
    return not UNUSABLE.search(name) and not any(path.anchor or '..' in path.parts for path in paths)


def photo_path(folder: str | os.PathLike, name: str) -> Path:
    """Join a folder of photos and a name from data; `find_photo` finds a name that is written in another way.

    Raises:
        UserError: the name does not pass `stays_inside`.
    """
    if not stays_inside(name):
        raise UserError(f'{name!r}: leaves the folder of the photos, {folder}; correct the name where it is listed')
    return Path(folder, find_photo(folder, name) or name)


def find_photo(folder: str | os.PathLike, name: str) -> str | None:
    """Find the file that another tool or computer calls `name`; the result is relative to `folder`, None without one.

    An exact name wins. Otherwise the rules for all label formats are: a backslash separates folders, percent codes are
    decoded, Unicode forms and upper and lower case do not count, and folders at the start of the name may be missing,
    as may the 8 hexadecimal digits that Label Studio puts before an uploaded file. Two files of equal names are none.
    The result never leaves the folder.
    """
    if len(name) > LONGEST_NAME:
        return None
    if stays_inside(name) and os.path.isfile(os.path.join(folder, name)):
        return name
    parts = [part for part in spelling(name).split('/') if part not in ('', '.', '..')]
    plain = [*parts[:-1], re.sub('^[0-9a-f]{8}-', '', parts[-1])] if parts else []
    for tail in (path[start:] for path in (parts, plain) for start in range(len(path))):
        found = [os.fspath(folder)]
        for part in tail:
            found = [os.path.join(parent, entry) for parent in found for entry in _names_in(parent).get(part, ())]
        if found := [path for path in found if os.path.isfile(path)]:
            return os.path.relpath(found[0], folder).replace(os.sep, '/') if len(found) == 1 else None
    return None


def spelling(name: str) -> str:
    """Return a name as it is compared: slashes, percent codes decoded, in one Unicode form and lower case."""
    name = re.sub(r'^[\w+.-]+://|\?(?!d=).*$', '', name) if '://' in name else name
    path = unquote(name.rpartition('?d=')[2]).replace('\\', '/')  # ?d= begins the path of a local file of Label Studio
    return unicodedata.normalize('NFC', path).casefold()


def _names_in(folder: str) -> dict[str, list[str]]:
    try:
        return _listing(folder, os.stat(folder).st_mtime_ns)
    except OSError:  # no folder
        return {}


@functools.lru_cache(maxsize=32)
def _listing(folder: str, changed: int) -> dict[str, list[str]]:
    """Map the keys of the files and folders of a folder, as last changed at a time, to their names."""
    names: dict[str, list[str]] = {}
    for name in os.listdir(folder):
        names.setdefault(spelling(name), []).append(name)
    return names


def photos_among(entries: Iterable[Entry]) -> tuple[list[Entry], list[str]]:
    """Return the photos among files and folders in natural order (2.png before 10.png), and the names of the others.

    A file is a photo by its suffix, see `FORMATS`. What only has the name of a photo is among the others: a folder, a
    named pipe, a link to itself. The others do not count label files (BESIDE) and hidden files; hidden photos they do.
    """
    photos, others = [], []
    for entry in entries:
        name = entry.name.lower()
        is_photo = name.endswith(SUFFIXES)
        if is_photo and name[0] != '.' and is_regular(entry):
            photos.append(entry)
        elif not (name.startswith('._') if is_photo else name[0] == '.' or name.endswith(BESIDE)):
            others.append(entry.name)
    return sorted(photos, key=lambda entry: natural_key(entry.name)), others


def passed_over(others: Sequence[str]) -> str:
    """Return a note on the others of `photos_among`, '' without any."""

    def is_called_photo(name: str) -> bool:
        return name[0] != '.' and name.lower().endswith(SUFFIXES)

    notes = []
    for names, kind in (
        ([*filter(is_called_photo, others)], f'folder, {NOT_REGULAR} with the name of a photo'),
        ([*filterfalse(is_called_photo, others)], f'file or folder that is no photo ({FORMAT_NAMES})'),
    ):
        if names:
            heic = any(name.lower().endswith(HEIC) for name in names)
            first = one_line(min(names, key=natural_key)) + f'; {CONVERT}' * heic
            notes.append(f'{len(names)} × {kind}, passed over; first: {first}')
    return '; '.join(notes)


def photos_in(folder: str | os.PathLike) -> list[Path]:
    """List the paths of the photos of `folder`, without hidden files and subfolders, in natural order.

    What is passed over is counted on stderr. Raises UserError if the folder is missing, unreadable or without photos.
    """
    folder = Path(folder)
    try:
        photos, others = photos_among(os.scandir(folder))
    except NotADirectoryError:
        raise UserError(f'{folder}: is a file; give the folder that holds the photos') from None
    except FileNotFoundError:
        raise UserError(f'{folder}: no such folder; give one that holds photos ({FORMAT_NAMES})') from None
    except OSError as error:
        raise UserError(f'{folder}: cannot be read ({error.strerror}); check its permissions') from None
    if others:
        say_once(f'note: {folder}: {passed_over(others)}')
    if not photos:
        raise UserError(f'{folder}: holds no photo; put {FORMAT_NAMES} files there, or give another folder')
    return [folder / photo.name for photo in photos]


def list_photos(folder: str | os.PathLike) -> list[Photo]:
    """List the photos of `folder` as `photos_in` does, with their ids.

    Raises UserError as `photos_in`, and if two photos would share an id.
    """
    by_id: dict[int, str] = {}
    for name in (photo.name for photo in photos_in(folder)):
        if (other := by_id.setdefault(image_id_of(name), name)) != name:
            raise UserError(f'{folder}: {other!r} and {name!r} would share one image id; rename one of them')
    return list(map(Photo, by_id, by_id.values()))


@contextlib.contextmanager
def _opened(photo: PhotoFile, any_shape: bool = False) -> Iterator[Image.Image]:
    path = photo_name(photo)
    with contextlib.ExitStack() as stack:
        try:
            image = photo
            if not isinstance(image, Image.Image):
                # By its path, Pillow 13.0 garbles an uncompressed TIFF of EXIF orientation 5 to 8.
                file = stack.enter_context(_file_of(image))
                image = stack.enter_context(Image.open(file, formats=list(FORMATS)))
        except FileNotFoundError:
            raise UserError(f'{path}: no such file') from None
        except UnidentifiedImageError:
            file.seek(4)
            is_heic = re.match(b'ftyp(?!avi)', file.read(8))  # whatever its suffix is
            way = CONVERT if is_heic else f'replace or remove it; formats that are read: {FORMAT_NAMES}'
            raise UserError(f'{path}: is not a photo that can be read; {way}') from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise UserError(f'{path}: has too many pixels; scale it down') from None
        except Exception as error:  # decoders raise many kinds on damaged headers
            reason = getattr(error, 'strerror', None) or error
            raise UserError(f'{path}: cannot be read ({reason}); replace or remove it') from None
        size, sides = f'{image.width}x{image.height} pixels', sorted(image.size)
        if image.width * image.height > MAX_PIXELS:
            raise UserError(f'{path}: {size} are over {MAX_PIXELS // 10**6} million; scale it down')
        if sides[1] > MAX_ASPECT * sides[0] and not any_shape:
            raise UserError(f'{path}: {size} are too thin to be scaled; cut the photo')
        try:
            yield image
        except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error … on damage
            raise UserError(f'{path}: is damaged ({error}); replace or remove it') from None


def photo_name(photo: object) -> str:
    """Return the name of a photo in messages: its path, the name of an open file, or `photo` for other content."""
    if isinstance(photo, (str, os.PathLike)):
        name = str(photo)
        return name if len(name) <= 2 * NAME_END else f'{name[:NAME_END]}…{name[-NAME_END:]}'
    other = getattr(photo, 'filename', None) or getattr(photo, 'name', None)  # of a temporary file: a number
    return str(other) if other and isinstance(other, (str, os.PathLike)) else 'photo'


def _file_of(photo: str | os.PathLike | bytes | BinaryIO) -> BinaryIO:
    """Open a photo as a file of its own, which the caller closes. An open file is read from its position to its end."""
    if isinstance(photo, (str, os.PathLike)):
        file = open_regular(photo)
        if os.fstat(file.fileno()).st_size > MOST_BYTES:  # some decoders read the whole file
            file.close()
            raise OSError(errno.EFBIG, f'larger than {MOST_BYTES / 1e6:.0f} MB')
        return file
    return io.BytesIO(photo if isinstance(photo, bytes) else read_to_end(photo, MOST_BYTES))


def stored_size(photo: PhotoFile) -> tuple[int, int]:
    """Return width and height in pixels without the EXIF orientation. Raises UserError as `photo_size`."""
    with _opened(photo) as image:
        tags = getattr(image, 'tag_v2', None)  # of TIFF, whose size is that of the turned photo
        return (tags[256], tags[257]) if tags else image.size


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return how to turn a photo upright, None if it is upright or its EXIF data cannot be read.

    TIFF is turned by Pillow.
    """
    if image.format == 'PNG' and 'exif' not in image.info:  # EXIF data may come after the pixels
        image.load()
    with contextlib.suppress(Exception):  # damaged EXIF data raise many kinds, and are not needed
        if image.format != 'TIFF':
            return TURNS.get(image.getexif().get(0x0112, 1))
    return None


def photo_size(photo: PhotoFile, any_shape: bool = False) -> tuple[int, int]:
    """Return width and height in pixels, with the EXIF orientation applied, from the header alone.

    Raises UserError if the file is missing, unreadable, damaged, too large, or too thin unless `any_shape`.
    """
    with _opened(photo, any_shape) as image:
        return (image.height, image.width) if _turn(image) in SIDEWAYS else image.size


def read_photo(photo: PhotoFile) -> np.ndarray:
    """Read a photo of any mode of Pillow as RGB, (H, W, 3) uint8. Raises UserError as `photo_size`.

    16 bits and floats are scaled to 8 bits by the range that they use (TOPS), transparency is on white, and the EXIF
    orientation is applied. Of several frames the first one is read. Stderr has a note on the first photo of its kind.
    """
    with _opened(photo) as opened, _decoding(opened.width * opened.height):
        is_deep = any(';16' in str(tile[3]) for tile in getattr(opened, 'tile', ()))  # before EXIF data may load a PNG
        turn = _turn(opened)
        if opened.format != 'MPO' and getattr(opened, 'is_animated', False):  # MPO: the depth map of a phone, say
            _note('photo of several frames, of which the first is read', photo)
        image = opened if turn is None else opened.transpose(turn)
        if image.mode[0] in TOPS:
            return _to_bytes(image, np.asarray, TOPS[image.mode[0]], photo)
        return _to_bytes(image, _rgb, HIGH_BYTES, photo) if is_deep else _assembled(image, _rgb)


class _Decoding:
    """Pixels of the photos that threads decode now."""

    def __init__(self) -> None:
        self.changed, self.pixels = threading.Condition(), 0


_now = _Decoding()


def _forget_decoding() -> None:
    global _now
    _now = _Decoding()


if hasattr(os, 'register_at_fork'):  # threads that decode in the parent are not in the child
    os.register_at_fork(after_in_child=_forget_decoding)


@contextlib.contextmanager
def _decoding(pixels: int) -> Iterator[None]:
    """Wait until other threads decode so few pixels that all are at most MAX_PIXELS, which bounds the memory."""
    now = _now
    with now.changed:
        now.changed.wait_for(lambda: not now.pixels or now.pixels + pixels <= MAX_PIXELS)
        now.pixels += pixels
    try:
        yield
    finally:
        with now.changed:
            now.pixels -= pixels
            now.changed.notify_all()


def _strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """Cut an image into strips of about STRIP pixels; yield the rows of each with its image."""
    rows = max(1, STRIP // image.width)
    if image.height <= rows:
        yield slice(0, image.height), image
        return
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _rgb(image: Image.Image) -> np.ndarray:
    """Convert an image to RGB (H, W, 3) uint8, on white."""
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image.convert('RGBA'))
    return np.asarray(image.convert('RGB'))


def _assembled(image: Image.Image, convert: Callable[[Image.Image], np.ndarray]) -> np.ndarray:
    """Convert an image to RGB (H, W, 3) uint8 by strips, since each step of a conversion needs a copy."""
    result = np.empty((image.height, image.width, 3), np.uint8)
    for rows, strip in _strips(image):
        pixels = convert(strip)
        result[rows] = pixels[..., None] if pixels.ndim == 2 else pixels  # grey fills all channels
    return result


def rgb_of(pixels: np.ndarray) -> np.ndarray:
    """Return an array as RGB, (H, W, 3) uint8; transparency is on white.

    Args:
        pixels: uint8: grey (H, W) or (H, W, 1), RGB (H, W, 3), or RGBA (H, W, 4). OpenCV reads BGR: pass
            `pixels[..., ::-1]`.

    Raises:
        UserError: the array has another shape or type.

    Example:
        >>> rgb_of(np.array([[7]], np.uint8)).tolist(), rgb_of(np.array([[[7, 7, 7, 0]]], np.uint8)).tolist()
        ([[[7, 7, 7]]], [[[255, 255, 255]]])
    """
    shape = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
    if len(shape) != 3 or shape[2] not in (1, 3, 4) or not pixels.size or pixels.dtype != np.uint8:
        want = 'pass uint8: (H, W) grey, (H, W, 3) RGB, not BGR, or (H, W, 4) RGBA'
        raise UserError(f'pixels of shape {pixels.shape} and type {pixels.dtype}: {want}')
    pixels = pixels.reshape(shape)
    if shape[2] == 4:
        alpha = pixels[..., 3:].astype(np.uint16)
        return ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if shape[2] == 1 else pixels


def _to_bytes(
    image: Image.Image, values_of: Callable[[Image.Image], np.ndarray], tops: Sequence[int], photo: PhotoFile
) -> np.ndarray:
    """Scale the values of an image to RGB, (H, W, 3) uint8.

    Black is 0 or a negative least value, white the next of `tops`. White is the highest value instead if that is above
    `tops` or below a sixteenth of its next top.
    """

    def finite(strip: Image.Image) -> np.ndarray:
        return np.nan_to_num(values_of(strip).astype(np.float64), posinf=0, neginf=0)

    ends = [(values.min(), values.max()) for values in (finite(strip) for _, strip in _strips(image))]
    low, high = min(0, *(end[0] for end in ends)), max(0, *(end[1] for end in ends))
    top = next((top for top in tops if high <= SLACK * top), high)
    top = top if 16 * high >= top else high or 1
    if low or top not in (1, tops[-1]):
        _note(f'photo whose values are stretched from {low:g} to {top:g}', photo)
    return _assembled(
        image, lambda strip: ((finite(strip).clip(low, top) - low) * (255 / (top - low))).round().astype(np.uint8)
    )


def _note(what: str, photo: PhotoFile) -> None:
    say_once(f'note: {what}; first: {one_line(photo_name(photo))}', what)


def free_names(paths: Sequence[Path]) -> list[str]:
    """Return unique, case-insensitive names in one folder: if a name or its id is taken, its folder's is prefixed.

    Example:
        >>> free_names([Path('a/7.png'), Path('b/7.png'), Path('b/07.PNG')])
        ['7.png', 'b_7.png', 'b_07.PNG']
    """
    names: list[str] = []
    taken: set[str | int] = set()
    for path in paths:
        name = path.name
        tries = chain([f'{path.parent.name}_{name}'], (f'{path.stem}_{i}{path.suffix}' for i in count(2)))
        while taken & {name.casefold(), image_id_of(name)}:
            name = next(tries)
        taken |= {name.casefold(), image_id_of(name)}
        names.append(name)
    return names
