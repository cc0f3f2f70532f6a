"""Reading of COCO jsons of digits; one error lists all faults of a file."""

import dataclasses
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ..structures.annotations import DigitAnnotations
from ..structures.digits import DIGITS
from ..structures.geometry import around_turned
from ..structures.photos import find_photo, list_photos, read_photo, stays_inside
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.files import parse_json, read_file
from ..utils.messages import one_line
from .box_checks import other_form, truth_notes, upright_photos
from .recognition import way_out

MIN_INSIDE = 0.75  # share of its area inside the photo that makes a box imprecise, not wrong
ROUNDING = 1e-6  # pixels over the edge that come from adding floats
LIMIT = 2**53  # whole numbers below it are exact in every JSON reader
_FALSE, _TRUE = ('0', '0.0', 'false', 'none', ''), ('1', '1.0', 'true')
_TRUTH = dict.fromkeys(_FALSE, False) | dict.fromkeys(_TRUE, True)
RENAMED = 'file name written in another way: folders, case, percent codes or Unicode form'
UNSIZED = 'photo without width and height in its labels, measured'
UPRIGHT = 'photo that EXIF turns, with the stored sides in its labels; its boxes lie in the turned photo, as taken'
SIZES = 'image size that differs from the file'


class Findings:
    """Number of findings of each kind, with the first example."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add(self, kind: str, example: str) -> None:
        self.counts[kind] += 1
        self.examples.setdefault(kind, example)

    def lines(self) -> list[str]:
        return [f'{count} × {kind}; first: {self.examples[kind]}' for kind, count in self.counts.items()]


def bullets(lines: Iterable[str]) -> str:
    """Format lines for the end of a message."""
    return ''.join(f'\n  - {line}' for line in lines)


class DigitBox(NamedTuple):
    """A box of a photo: xywh in pixels, inside the photo; the digit; whether scoring ignores the box."""

    image_id: int
    bbox: list[float]
    label: int
    iscrowd: bool


def box_arrays(boxes: Sequence[DigitBox]) -> dict[str, np.ndarray]:
    """Return the boxes as the arrays of `DigitAnnotations`."""
    return {
        'box_image_ids': np.array([box.image_id for box in boxes], dtype=np.int64),
        'bboxes': np.array([box.bbox for box in boxes], dtype=np.float64).reshape(-1, 4),
        'labels': np.array([box.label for box in boxes], dtype=np.int64),
        'iscrowd': np.array([box.iscrowd for box in boxes], dtype=bool),
    }


def read_json(path: str | os.PathLike, need_boxes: bool) -> dict[str, list[dict]]:
    """Read a json and check its three lists; without `need_boxes`, missing annotations and categories are empty.

    Raises:
        UserError: the file cannot be read, or is no COCO json.
    """
    try:
        data = parse_json(read_file(path))  # bytes: UTF-8 or UTF-16, with or without a byte order mark
    except FileNotFoundError:
        way = 'give a COCO json; `prepare_data.py coco` imports others'
        if Path(path).name in ('train.json', 'valid.json'):
            way = way_out(Path(path).parent)
        raise UserError(f'{path}: no such file; {way}') from None
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror})') from None
    except ValueError as error:
        raise UserError(f'{path}: is not JSON ({error})') from None
    if isinstance(data, dict) and not need_boxes:
        data = {'annotations': [], 'categories': [], **data}
    for key in ('images', 'annotations', 'categories'):
        entries = data.get(key) if isinstance(data, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UserError(f'{path}: is no COCO json: "{key}" must be a list of objects')
    return data


def read_categories(entries: list[dict], wrong: Findings) -> dict[int, str]:
    """Map category ids to names; an id with two names is wrong."""
    names: dict[int, str] = {}
    for entry in entries:
        category_id, name = whole(entry.get('id')), entry.get('name')
        name = str(whole(name)) if isinstance(name, float) and whole(name) is not None else str(name).strip()
        if category_id is None:
            wrong.add('category without a whole-number id', f'{name!r} (id {_shorten(entry.get("id"))})')
        elif names.setdefault(category_id, name) != name:
            wrong.add('duplicate category id', f'{category_id} is {names[category_id]!r} and {name!r}')
    return names


def digits_by_category(
    names: dict[int, str], annotations: list[dict], wrong: Findings, notes: Findings
) -> dict[int, int | None]:
    """Map category ids to digits; None for a name that is no digit."""
    used = {whole(annotation.get('category_id')) for annotation in annotations}
    digit_of: dict[int, int | None] = {}
    for category_id, name in names.items():
        if name not in DIGITS:
            digit_of[category_id] = None
            if category_id in used:
                wrong.add("unknown class (names must be '0' to '9')", f'{name!r} (category id {category_id})')
            else:
                notes.add('category that is no digit, unused and left out', f'{name!r}')
            continue
        if int(name) in digit_of.values():
            ids = [*(other for other, known in digit_of.items() if known == int(name)), category_id]
            notes.add('class with several category ids, taken as one', f'{name!r} (category ids {ids})')
        digit_of[category_id] = int(name)
    for digit in DIGITS:
        if int(digit) not in digit_of.values():
            notes.add('class without a category, never trained or tested', f'{digit!r}')
    return digit_of


def read_images(entries: list[dict], wrong: Findings, anywhere: bool = False) -> dict[int, dict]:
    """Map image ids to their entries, in the order of the file; unknown sides, such as null and 0, become None.

    Args:
        entries: the list "images".
        wrong: takes the faults.
        anywhere: whether names may be whole paths, which `custom.structures.photos.find_photo` finds by their ends.
    """
    images: dict[int, dict] = {}
    for entry in entries:
        image_id, name = whole(entry.get('id')), entry.get('file_name')
        width, height = whole(entry.get('width') or None), whole(entry.get('height') or None)
        proper = all((size or 0) > 0 or not entry.get(side) for side, size in (('width', width), ('height', height)))
        if image_id is None or not isinstance(name, str) or not name or not proper:
            kind = 'image without a whole-number id (below 2**53) or file_name, or with sides that are no whole numbers'
            wrong.add(kind, _shorten(entry))
        elif not anywhere and not stays_inside(name):
            wrong.add('file_name that leaves the folder of the photos', _shorten(name))
        elif image_id in images:
            wrong.add('duplicate image id', f'{image_id} ({images[image_id]["file_name"]} and {name})')
        else:
            width, height = (width, height) if width and height else (None, None)
            images[image_id] = {'id': image_id, 'file_name': name, 'width': width, 'height': height}
    return images


def match_annotations(
    entries: list[dict], images: Container[int], categories: Container[int], wrong: Findings, ids: Findings
) -> list[dict]:
    """Return the annotations whose image and category exist, with whole numbers as their ids.

    Args:
        entries: the list "annotations".
        images: ids of the images.
        categories: ids of the categories.
        wrong: takes annotations without an image or category.
        ids: takes annotation ids that are there twice.
    """
    matched = []
    seen: set[str] = set()
    for entry in entries:
        image_id, category_id = whole(entry.get('image_id')), whole(entry.get('category_id'))
        if 'id' in entry:
            if repr(entry['id']) in seen:
                ids.add('duplicate annotation id', _where(entry))
            seen.add(repr(entry['id']))
        if image_id is None or image_id not in images:
            wrong.add('annotation for no image', _where(entry))
        elif category_id is None or category_id not in categories:
            example = f'{_where(entry)}: {_shorten(entry.get("category_id"))}'
            wrong.add('annotation of a category that "categories" does not list', example)
        else:
            plain = entry['image_id'] is image_id and entry['category_id'] is category_id
            matched.append(entry if plain else {**entry, 'image_id': image_id, 'category_id': category_id})
    return matched


def box_array(entries: Sequence[dict]) -> np.ndarray:
    """Return the boxes (K, 4) of annotations as in the file; nan for a box that is not four numbers."""
    try:
        return np.array([entry['bbox'] for entry in entries], dtype=float).reshape(len(entries), 4)
    except (KeyError, TypeError, ValueError, OverflowError):  # the fast way ends at the first that is none
        return np.array([box_of(entry) or [np.nan] * 4 for entry in entries], dtype=float).reshape(-1, 4)


def form_fault(entries: Sequence[dict], images: Mapping[int, dict]) -> tuple[str, str] | None:
    """Return kind and example of the fault of boxes that are all in another form than xywh in pixels, or None."""
    rows = [(image['id'], image['width'], image['height']) for image in (images[e['image_id']] for e in entries)]
    table = np.hstack([np.array(rows, dtype=float).reshape(-1, 3), box_array(entries)])
    table = table[np.isfinite(table).all(axis=1)]
    form = other_form(table[:, 3:], table[:, 1:3], table[:, 0])
    kind = f'boxes that look like {form}, not like x_min y_min width height in pixels; convert them'
    return (kind, f'bbox {_shorten(entries[0].get("bbox"))}') if form else None


def read_boxes(
    entries: list[dict], images: dict[int, dict], digit_of: Mapping[int, int | None], wrong: Findings, notes: Findings
) -> list[DigitBox]:
    """Return the valid boxes; what is clipped, turned upright, put in order or there twice is noted."""
    boxes: dict[tuple, DigitBox] = {}
    for entry in entries:
        image_id, digit = entry['image_id'], digit_of[entry['category_id']]
        crowd = _is_crowd(entry)
        bbox = _clip(entry, images[image_id], wrong, notes)
        if crowd is None:
            example = f'{_where(entry)}: {_shorten(entry.get("iscrowd"))}'
            wrong.add('iscrowd or ignore that is neither 0 nor 1', example)
        if bbox is None or digit is None or crowd is None:
            continue
        if crowd:
            notes.add('box that is crowd or to be ignored, which numbers and scores leave out', _where(entry))
        first = boxes.setdefault(
            (image_id, crowd, *(round(x, 2) for x in bbox)), box := DigitBox(image_id, bbox, digit, crowd)
        )
        if first.label != digit:
            wrong.add('two digits with the same box', f'{_where(entry)}: {first.label} and {digit}')
        elif first is not box:
            notes.add('box that is there twice, taken once', _where(entry))
    return list(boxes.values())


def _is_crowd(entry: dict) -> bool | None:
    """Return whether scores ignore an annotation, None if `iscrowd` or `ignore` is neither true nor false."""
    if not entry.get('iscrowd') and not entry.get('ignore'):
        return False
    values = [_TRUTH.get(str(entry.get(key)).strip().lower()) for key in ('iscrowd', 'ignore')]
    return None if None in values else any(values)


def _clip(entry: dict, image: dict, wrong: Findings, notes: Findings) -> list[float] | None:
    """Return the box of an annotation, xywh, upright and clipped to its photo; None for a wrong one."""
    box = box_of(entry)
    if box is None:
        wrong.add('bbox that is not four finite numbers (xywh)', f'{_where(entry)}: {_shorten(entry.get("bbox"))}')
        return None
    x, y, w, h = box
    if w < 0 or h < 0:
        notes.add('box with a negative width or height, its corners put in order', _example(entry, image))
        x, y, w, h = min(x, x + w), min(y, y + h), abs(w), abs(h)
    if w < 1 or h < 1:
        wrong.add('empty box (under 1 pixel wide or high)', _example(entry, image))
        return None
    attributes = entry.get('attributes')
    turned = entry.get('rotation') or (attributes.get('rotation') if isinstance(attributes, dict) else 0)
    degrees = finite(turned or 0)
    if degrees is None:
        wrong.add('rotation of a box that is no number', f'{_where(entry)}: {_shorten(turned)}')
        return None
    if degrees % 360:
        notes.add('turned box, replaced by the upright box around it', f'{_where(entry)}: by {degrees:g} degrees')
        x, y, w, h = around_turned((x, y, w, h), degrees)
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, image['width']), min(y + h, image['height'])
    if max(left - x, top - y, x + w - right, y + h - bottom) <= ROUNDING:
        return [x, y, w, h]
    if max(right - left, 0) * max(bottom - top, 0) < MIN_INSIDE * w * h:
        wrong.add('box outside the image by more than a quarter of its area', _example(entry, image))
        return None
    notes.add('box clipped at the edge of its photo', _example(entry, image))
    return [left, top, right - left, bottom - top]


def _where(entry: dict) -> str:
    return f'annotation {_shorten(entry.get("id"))} (image {_shorten(entry.get("image_id"))})'


def _example(entry: dict, image: dict) -> str:
    return f'{_where(entry)}: xywh {_shorten(entry.get("bbox"))} in {image["width"]}x{image["height"]}'


def box_of(entry: dict) -> list[float] | None:
    """Return the `bbox` of an annotation if it is four finite numbers, else None."""
    bbox = entry.get('bbox')
    if not isinstance(bbox, list) or len(bbox) != 4:
        return None
    x, y, w, h = map(finite, bbox)
    return None if x is None or y is None or w is None or h is None else [float(x), float(y), float(w), float(h)]


def finite(value: Any) -> float | None:
    """Return a number, also one in quotes, if it is small enough to be exact as a whole number; None for others."""
    if type(value) in (int, float):
        return value if abs(value) < LIMIT else None
    if isinstance(value, str) and re.fullmatch(r'\s*[+-]?[0-9]{1,30}(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?\s*', value):
        value = float(value)
        return value if abs(value) < LIMIT else None
    return None


def whole(value: Any) -> int | None:
    """Return a whole number, also one written as 4.0 or in quotes; None for others."""
    if type(value) is int and abs(value) < LIMIT:
        return value
    number = finite(value)
    return int(number) if number is not None and number == int(number) else None


def _shorten(value: Any) -> str:
    return repr(value)[:120]


def read_annotations(
    path: str | os.PathLike,
    image_dir: str | os.PathLike | None = None,
    need_boxes: bool = True,
    check: Callable[[Sequence[dict], Path], Sequence['PhotoFacts']] | None = None,
) -> DigitAnnotations:
    """Read and check a COCO json whose categories are digits.

    A label is the digit of a category's name, a string or an int, independent of order and ids of the categories. A box
    with up to a quarter of its area over the edge is clipped. `notes` counts what was changed, and unused categories
    that are no digit.

    Args:
        path: the json.
        image_dir: folder of the photos; each one is decoded and its size compared. Defaults to None, no check.
        need_boxes: whether a json without a box is refused. Defaults to True; False reads a list of unlabelled photos.
        check: reads photos. Defaults to None, `photo_facts`.

    Raises:
        UserError: one message that lists all faults, with counts and first examples.
    """
    data = read_json(path, need_boxes)
    wrong, notes = Findings(), Findings()
    digit_of = digits_by_category(read_categories(data['categories'], wrong), data['annotations'], wrong, notes)
    images = read_images(data['images'], wrong)
    entries = match_annotations(data['annotations'], images, digit_of, wrong, ids=wrong)
    for entry in entries:
        if whole(entry.get('id')) == 0:
            notes.add('annotation id 0, which COCO evaluators count as never found; count ids from 1', 'id 0')
    if image_dir is not None:
        facts = (check or photo_facts)(list(images.values()), Path(image_dir))
        _compare(list(images.values()), facts, entries, Path(image_dir), wrong, notes)
    elif unsized := [image for image in images.values() if not image['width']]:
        folder = Path(path).with_suffix('')  # that of the layout of a data set
        _compare(unsized, photo_facts(unsized, folder), entries, folder, wrong, notes)
    for name, count in Counter(image['file_name'] for image in images.values()).items():
        if count > 1:
            wrong.add('file listed under several image ids', name)
    sized = [entry for entry in entries if images[entry['image_id']]['width']]
    boxes = []
    if fault := form_fault(sized, images):
        wrong.add(*fault)
    else:
        boxes = read_boxes(sized, images, digit_of, wrong, notes)
    if not images:
        wrong.add('empty set: no photo', '"images" is empty')
    elif need_boxes and not boxes and not wrong.counts:
        wrong.add('empty set: no usable box', '"annotations" has none')
    if wrong.counts:
        raise UserError(
            f'{path}: mend {sum(wrong.counts.values())} mistakes in {len(data["images"])} photos and '
            f'{len(data["annotations"])} boxes, or leave those photos out:{bullets(wrong.lines())}'
        )
    truth = DigitAnnotations(
        image_ids=np.array(list(images), dtype=np.int64),
        file_names=[image['file_name'] for image in images.values()],
        sizes=np.array([[image['width'], image['height']] for image in images.values()], dtype=np.int64).reshape(-1, 2),
        notes=[],
        **box_arrays(boxes),
    )
    return dataclasses.replace(truth, notes=notes.lines() + truth_notes(truth))


def _compare(
    images: Sequence[dict],
    facts: Sequence['PhotoFacts'],
    entries: list[dict],
    folder: Path,
    wrong: Findings,
    notes: Findings,
) -> None:
    """Put names and sizes of the files into the images of a json, and add the differences to `wrong` and `notes`."""

    own: dict[int, list[dict]] = defaultdict(list)
    for entry in entries:
        own[entry['image_id']].append(entry)
    read: list[tuple[dict, tuple[int, int]]] = []
    for image, fact in zip(images, facts, strict=True):
        if fact.fault:
            wrong.add(*fact.fault)
        elif fact.size:
            read.append((image, fact.size))
        if fact.name != image['file_name']:
            notes.add(RENAMED, f'{one_line(image["file_name"])} is {one_line(fact.name)}')
            image['file_name'] = fact.name
    listed = [(image['width'], image['height']) if image['width'] else None for image, _ in read]
    paths = [folder / image['file_name'] for image, _ in read]
    actual = np.array([size for _, size in read]).reshape(-1, 2)
    upright = upright_photos(listed, actual, paths, lambda i: box_array(own[read[i][0]['id']]))
    for i, (image, size) in enumerate(read):
        note_size(listed[i], size, i in upright, paths[i], wrong, notes)
        image['width'], image['height'] = size


def note_size(
    listed: tuple[int, int] | None, actual: tuple[int, int], upright: bool, path: Path, wrong: Findings, notes: Findings
) -> None:
    """Compare width and height in pixels of the labels of a photo with the photo, see `upright_photos`."""
    if listed is None:
        notes.add(UNSIZED, one_line(path))
    elif upright:
        notes.add(UPRIGHT, one_line(path))
    elif listed != actual:
        example = f'{one_line(path)} is {actual[0]}x{actual[1]}, not {listed[0]}x{listed[1]}'
        wrong.add(SIZES, example + (', with the sides swapped' if listed == actual[::-1] else ''))


def ids_and_names(source: DigitAnnotations | str | os.PathLike) -> tuple[list[int], list[str]]:
    """Return image ids and file names of annotations or of a folder, see `custom.structures.photos.list_photos`."""
    if isinstance(source, DigitAnnotations):
        return source.image_ids.tolist(), source.file_names
    photos = list_photos(source)
    return [photo.image_id for photo in photos], [photo.file_name for photo in photos]


class PhotoFacts(NamedTuple):
    """The file of a photo in a json: its name, width and height in pixels; or kind and example of its fault."""

    name: str
    size: tuple[int, int] | None
    fault: tuple[str, str] | None = None


def photo_facts(images: Sequence[dict], image_dir: Path) -> list[PhotoFacts]:
    """Find and decode the photos of a json."""

    def read(image: dict) -> PhotoFacts:
        name = find_photo(image_dir, image['file_name'])
        if name is None:
            return PhotoFacts(image['file_name'], None, ('missing file', str(image_dir / image['file_name'])))
        try:
            height, width = read_photo(image_dir / name).shape[:2]
        except UserError as error:
            return PhotoFacts(name, None, ('unreadable file', str(error)))
        return PhotoFacts(name, (width, height))

    with ThreadPoolExecutor(usable_cores()) as pool:
        title, done = f'checking {image_dir}', pool.map(read, images)
        return list(tqdm(done, title, len(images), delay=2, unit=' photos', leave=False, disable=None))
