"""Reading of COCO jsons of digits; one error lists all faults of a file."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from tqdm import tqdm

from ..structures.annotations import DigitAnnotations
from ..structures.digits import DIGITS
from ..structures.photos import list_photos, read_photo, stays_inside
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.files import parse_json

MIN_INSIDE = 0.75  # share of its area inside the photo that makes a box imprecise, not wrong
ROUNDING = 1e-6  # pixels over the edge that come from adding floats
LIMIT = 2**53  # whole numbers below it are exact in every JSON reader


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
        data = parse_json(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError:
        way = 'give a COCO json, or set data_root to the folder that holds it'
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


def digits_by_category(
    categories: list[dict], annotations: list[dict], wrong: Findings, notes: Findings
) -> dict[int, int | None]:
    """Map category ids to digits; None for a name that is no digit."""
    used = {annotation['category_id'] for annotation in annotations if _is_number(annotation.get('category_id'))}
    digit_of: dict[int, int | None] = {}
    for category in categories:
        category_id, name = category.get('id'), str(category.get('name')).strip()
        if not _is_whole(category_id):
            wrong.add('category without a whole-number id', f'{name!r} (id {_shorten(category_id)})')
        elif category_id in digit_of:
            wrong.add('duplicate category id', repr(category_id))
        elif name not in DIGITS:
            digit_of[category_id] = None
            if category_id in used:
                wrong.add("unknown class (names must be '0' to '9')", f'{name!r} (category id {category_id})')
            else:
                notes.add('category that is no digit, unused and left out', f'{name!r}')
        elif int(name) in digit_of.values():
            others = [other for other, known in digit_of.items() if known == int(name)]
            digit_of[category_id] = None
            wrong.add('duplicate class', f'{name!r} (category ids {[*others, category_id]})')
        else:
            digit_of[category_id] = int(name)
    for digit in DIGITS:
        if int(digit) not in digit_of.values():
            notes.add('class without a category, never trained or tested', f'{digit!r}')
    return digit_of


def read_images(entries: list[dict], wrong: Findings) -> dict[int, dict]:
    """Map image ids to their entries, in the order of the file."""
    images: dict[int, dict] = {}
    for entry in entries:
        image_id, name = entry.get('id'), entry.get('file_name')
        sides = entry.get('width'), entry.get('height')
        complete = isinstance(name, str) and all(_is_whole(side) and side > 0 for side in sides)
        if not _is_whole(image_id) or not complete:
            wrong.add('image without a whole-number id (below 2**53), file_name, width and height', _shorten(entry))
        elif not stays_inside(str(name)):
            wrong.add('file_name that leaves the folder of the photos', _shorten(name))
        elif image_id in images:
            wrong.add('duplicate image id', f'{image_id} ({images[image_id]["file_name"]} and {name})')
        else:
            images[image_id] = entry
    for name, count in Counter(image['file_name'] for image in images.values()).items():
        if count > 1:
            wrong.add('file listed under several image ids', name)
    return images


def read_boxes(
    entries: list[dict], images: dict[int, dict], digit_of: dict[int, int | None], wrong: Findings, notes: Findings
) -> list[DigitBox]:
    """Return the valid boxes; a box slightly over the edge of its photo is clipped and noted."""
    boxes = []
    ids: set[str] = set()
    for entry in entries:
        image_id: Any = entry.get('image_id')
        category_id: Any = entry.get('category_id')
        where = f'annotation {_shorten(entry.get("id"))} (image {_shorten(image_id)})'
        if 'id' in entry:
            if repr(entry['id']) in ids:
                wrong.add('duplicate annotation id', where)
            ids.add(repr(entry['id']))
        if not _is_number(image_id) or image_id not in images:
            wrong.add('annotation for no image', where)
            continue
        digit = digit_of.get(category_id) if _is_number(category_id) else None
        if not _is_number(category_id) or category_id not in digit_of:
            wrong.add('annotation of a category that "categories" does not list', f'{where}: {_shorten(category_id)}')
        bbox = _clip(entry.get('bbox'), images[image_id], where, wrong, notes)
        if bbox is not None and digit is not None:
            boxes.append(DigitBox(image_id, bbox, digit, bool(entry.get('iscrowd', 0))))
    return boxes


def _clip(bbox: Any, image: dict, where: str, wrong: Findings, notes: Findings) -> list[float] | None:
    """Clip an xywh box to the photo; return None for a wrong box."""
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_number(value) for value in bbox):
        wrong.add('bbox that is not four finite numbers (xywh)', f'{where}: {_shorten(bbox)}')
        return None
    x, y, w, h = (float(value) for value in bbox)
    example = f'{where}: xywh {bbox} in {image["width"]}x{image["height"]}'
    if w < 1 or h < 1:
        wrong.add('empty box (under 1 pixel wide or high)', example)
        return None
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, image['width']), min(y + h, image['height'])
    if max(left - x, top - y, x + w - right, y + h - bottom) <= ROUNDING:
        return [x, y, w, h]
    if max(right - left, 0) * max(bottom - top, 0) < MIN_INSIDE * w * h:
        wrong.add('box outside the image by more than a quarter of its area', example)
        return None
    notes.add('box clipped at the edge of its photo', example)
    return [left, top, right - left, bottom - top]


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and _is_number(value)


def _is_number(value: Any) -> bool:
    """Return whether a value is a number, neither nan nor a boolean, and small enough to be exact if it is whole."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LIMIT


def _shorten(value: Any) -> str:
    return repr(value)[:120]


def read_annotations(
    path: str | os.PathLike,
    image_dir: str | os.PathLike | None = None,
    need_boxes: bool = True,
    check: Callable[[Sequence[dict], Path], Sequence[tuple[str, str] | None]] | None = None,
) -> DigitAnnotations:
    """Read and check a COCO json whose categories are digits.

    A label is the digit of a category's name, a string or an int, independent of order and ids of the categories. A box
    with up to a quarter of its area over the edge is clipped. `notes` counts clipped boxes, and unused categories that
    are no digit.

    Args:
        path: the json.
        image_dir: folder of the photos; each one is decoded and its size compared. Defaults to None, no check.
        need_boxes: whether a json without a box is refused. Defaults to True; False reads a list of unlabelled photos.
        check: finds the faults of photos. Defaults to None, `photo_faults`.

    Raises:
        UserError: one message that lists all faults, with counts and first examples.
    """
    data = read_json(path, need_boxes)
    wrong, notes = Findings(), Findings()
    digit_of = digits_by_category(data['categories'], data['annotations'], wrong, notes)
    images = read_images(data['images'], wrong)
    if image_dir is not None:
        for fault in filter(None, (check or photo_faults)(list(images.values()), Path(image_dir))):
            wrong.add(*fault)
    boxes = read_boxes(data['annotations'], images, digit_of, wrong, notes)
    if not images:
        wrong.add('empty set: no photo', '"images" is empty')
    elif need_boxes and not boxes and not wrong.counts:
        wrong.add('empty set: no usable box', '"annotations" has none')
    if wrong.counts:
        raise UserError(
            f'{path}: mend {sum(wrong.counts.values())} mistakes in {len(data["images"])} photos and '
            f'{len(data["annotations"])} boxes, or leave those photos out:{bullets(wrong.lines())}'
        )
    return DigitAnnotations(
        image_ids=np.array(list(images), dtype=np.int64),
        file_names=[image['file_name'] for image in images.values()],
        sizes=np.array([[image['width'], image['height']] for image in images.values()], dtype=np.int64).reshape(-1, 2),
        notes=notes.lines(),
        **box_arrays(boxes),
    )


def ids_and_names(source: DigitAnnotations | str | os.PathLike) -> tuple[list[int], list[str]]:
    """Return image ids and file names of annotations or of a folder, see `custom.structures.photos.list_photos`."""
    if isinstance(source, DigitAnnotations):
        return source.image_ids.tolist(), source.file_names
    photos = list_photos(source)
    return [photo.image_id for photo in photos], [photo.file_name for photo in photos]


def photo_faults(images: Sequence[dict], image_dir: Path) -> list[tuple[str, str] | None]:
    """Decode photos and compare their sizes with the json; return kind and example of the fault of each, or None."""

    def fault(image: dict) -> tuple[str, str] | None:
        path = image_dir / image['file_name']
        if not os.path.isfile(path):  # Path.is_file raises on long names
            return 'missing file', str(path)
        try:
            height, width = read_photo(path).shape[:2]
        except UserError as error:
            return 'unreadable file', str(error)
        if (width, height) != (image['width'], image['height']):
            example = f'{path} is {width}x{height}, not {image["width"]}x{image["height"]}'
            return 'image size that differs from the file', example
        return None

    with ThreadPoolExecutor(usable_cores()) as pool:
        title, done = f'checking {image_dir}', pool.map(fault, images)
        return list(tqdm(done, title, len(images), delay=2, unit=' photos', leave=False, disable=None))
