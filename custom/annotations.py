"""COCO json of digits → arrays; everything wrong with it is said at once."""

import json
import math
import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from custom.errors import UserError
from custom.photos import read_photo

DIGITS = tuple('0123456789')
# One colour a digit (RGB), far apart in hue so that neighbours in a number differ.
PALETTE = [
    (230, 25, 75),
    (60, 180, 75),
    (255, 200, 25),
    (0, 130, 200),
    (245, 130, 48),
    (145, 30, 180),
    (70, 240, 240),
    (240, 50, 230),
    (210, 245, 60),
    (0, 128, 128),
]
# A box that loses less than this share of its area at the photo's edge is a rough label; more is a mistake.
CLIPPED_SHARE = 0.5


@dataclass(frozen=True)
class DigitAnnotations:
    """M photos with K boxes.

    Attributes:
        image_ids: int64 (M,), every photo, in the file's order.
        file_names: M names, relative to the image folder.
        sizes: int64 (M, 2), width and height in pixels.
        box_image_ids: int64 (K,), the photo of each box.
        bboxes: float64 (K, 4), xywh in pixels, inside the photo.
        labels: int64 (K,), the digit.
        iscrowd: bool (K,), boxes that scoring leaves out.
        notes: what was mended or is worth knowing, a line each.
    """

    image_ids: np.ndarray
    file_names: list[str]
    sizes: np.ndarray
    box_image_ids: np.ndarray
    bboxes: np.ndarray
    labels: np.ndarray
    iscrowd: np.ndarray
    notes: list[str] = field(default_factory=list)


class _Findings:
    """Counts of each kind of finding, with its first example."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add(self, kind: str, example: str) -> None:
        self.counts[kind] += 1
        self.examples.setdefault(kind, example)

    def lines(self) -> list[str]:
        return [f'{count} × {kind}; first: {self.examples[kind]}' for kind, count in self.counts.items()]


def read_annotations(path: str | os.PathLike, image_dir: str | os.PathLike | None = None) -> DigitAnnotations:
    """Read and check a COCO json whose categories are digits.

    Labels mean the digit, whatever the order or the ids of the categories; names may be strings or ints. A box slightly
    over the edge is clipped and counted in `notes`; so are unused categories that are no digit.

    Args:
        path: the json.
        image_dir: where its photos lie; when given, each one is decoded and its size compared. Defaults to None.

    Raises:
        UserError: one message that lists everything that cannot be mended, with counts and first examples.
    """
    data = _read_json(path)
    wrong, notes = _Findings(), _Findings()
    digit_of = _digits_by_category(data['categories'], data['annotations'], wrong, notes)
    images = _read_images(data['images'], wrong)
    if image_dir is not None:
        _check_photos(images.values(), Path(image_dir), wrong)
    boxes = _read_boxes(data['annotations'], images, digit_of, wrong, notes)
    if not images:
        wrong.add('empty set: no photo', '"images" is empty')
    elif not boxes and not wrong.counts:
        wrong.add('empty set: no usable box', '"annotations" has none')
    if wrong.counts:
        found = ''.join(f'\n  - {line}' for line in wrong.lines())
        raise UserError(
            f'{path}: mend {sum(wrong.counts.values())} mistakes in '
            f'{len(data["images"])} photos and {len(data["annotations"])} boxes, or leave those photos out:{found}'
        )
    return DigitAnnotations(
        image_ids=np.array(list(images), dtype=np.int64),
        file_names=[image['file_name'] for image in images.values()],
        sizes=np.array([[image['width'], image['height']] for image in images.values()], dtype=np.int64).reshape(-1, 2),
        box_image_ids=np.array([box[0] for box in boxes], dtype=np.int64),
        bboxes=np.array([box[1] for box in boxes], dtype=np.float64).reshape(-1, 4),
        labels=np.array([box[2] for box in boxes], dtype=np.int64),
        iscrowd=np.array([box[3] for box in boxes], dtype=bool),
        notes=notes.lines(),
    )


def _read_json(path: str | os.PathLike) -> dict[str, list[dict]]:
    try:
        data = json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise UserError(
            f'{path}: no such file; give a COCO json, or set data_root to the folder that holds it'
        ) from None
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror})') from None
    except ValueError as error:
        raise UserError(f'{path}: is not JSON ({error})') from None
    for key in ('images', 'annotations', 'categories'):
        entries = data.get(key) if isinstance(data, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UserError(f'{path}: is no COCO json: "{key}" must be a list of objects')
    return data


def _digits_by_category(
    categories: list[dict], annotations: list[dict], wrong: _Findings, notes: _Findings
) -> dict[Any, int | None]:
    """Category id → digit; None for a name that is no digit."""
    used = {str(annotation.get('category_id')) for annotation in annotations}
    digit_of: dict[Any, int | None] = {}
    for category in categories:
        category_id, name = category.get('id'), str(category.get('name')).strip()
        if category_id in digit_of:
            wrong.add('duplicate category id', repr(category_id))
        elif name not in DIGITS:
            digit_of[category_id] = None
            if str(category_id) not in used:
                notes.add('category that is no digit, unused and left out', f'{name!r}')
                continue
            wrong.add("unknown class (names must be '0' to '9')", f'{name!r} (category id {category_id})')
        elif int(name) in digit_of.values():
            digit_of[category_id] = None
            wrong.add('duplicate class', f'{name!r} (category ids {[*_ids_of(digit_of, int(name)), category_id]})')
        else:
            digit_of[category_id] = int(name)
    for digit in DIGITS:
        if int(digit) not in digit_of.values():
            notes.add('missing class, which nothing here can teach or test', f'{digit!r}')
    return digit_of


def _ids_of(digit_of: dict[Any, int | None], digit: int) -> list:
    return [category_id for category_id, known in digit_of.items() if known == digit]


def _read_images(entries: list[dict], wrong: _Findings) -> dict[int, dict]:
    images: dict[int, dict] = {}
    for entry in entries:
        image_id, name = entry.get('id'), entry.get('file_name')
        sides = entry.get('width'), entry.get('height')
        if not isinstance(image_id, int) or not isinstance(name, str) or not all(_is_size(side) for side in sides):
            wrong.add('image without a whole-number id, file_name, width and height', repr(entry)[:120])
        elif image_id in images:
            wrong.add('duplicate image id', f'{image_id} ({images[image_id]["file_name"]} and {name})')
        else:
            images[image_id] = entry
    names = Counter(image['file_name'] for image in images.values())
    for name in (name for name, count in names.items() if count > 1):
        wrong.add('file listed under several image ids', name)
    return images


def _check_photos(images: Iterable[dict], image_dir: Path, wrong: _Findings) -> None:
    """Decode every photo, and compare its size with the json's."""

    def check(image: dict) -> tuple[str, str] | None:
        path = image_dir / image['file_name']
        if not path.is_file():
            return 'missing file', str(path)
        try:
            height, width = read_photo(path).shape[:2]
        except UserError as error:
            return 'unreadable file', str(error)
        said = (image['width'], image['height'])
        if (width, height) != said:
            return 'image size that differs from the file', f'{path} is {width}x{height}, not {said[0]}x{said[1]}'
        return None

    images = list(images)
    with ThreadPoolExecutor() as pool:
        results = tqdm(
            pool.map(check, images), f'checking {image_dir}', len(images), delay=2, unit=' photos', leave=False
        )
        for finding in filter(None, results):
            wrong.add(*finding)


def _read_boxes(
    entries: list[dict], images: dict[int, dict], digit_of: dict[Any, int | None], wrong: _Findings, notes: _Findings
) -> list[tuple[int, list[float], int, bool]]:
    boxes = []
    seen: set = set()
    for entry in entries:
        image_id, category_id = entry.get('image_id'), entry.get('category_id')
        where = f'annotation {entry.get("id")} (image {image_id})'
        if 'id' in entry and entry['id'] in seen:
            wrong.add('duplicate annotation id', where)
        seen.add(entry.get('id'))
        if image_id not in images:
            wrong.add('annotation for no image', where)
            continue
        if category_id not in digit_of:
            wrong.add('annotation of a category that "categories" does not list', f'{where}: {category_id!r}')
        digit = digit_of.get(category_id)
        bbox = _clip(entry.get('bbox'), images[image_id], where, wrong, notes)
        if bbox is not None and digit is not None:
            boxes.append((image_id, bbox, digit, bool(entry.get('iscrowd', 0))))
    return boxes


def _clip(bbox: Any, image: dict, where: str, wrong: _Findings, notes: _Findings) -> list[float] | None:
    """The xywh box inside the photo, or None where it cannot be mended."""
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_number(value) for value in bbox):
        wrong.add('bbox that is not four finite numbers (xywh)', f'{where}: {bbox!r}')
        return None
    x, y, w, h = (float(value) for value in bbox)
    shown = f'{where}: xywh {bbox} in {image["width"]}x{image["height"]}'
    if w < 1 or h < 1:
        wrong.add('empty box (under 1 pixel wide or high)', shown)
        return None
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, image['width']), min(y + h, image['height'])
    inside = max(right - left, 0) * max(bottom - top, 0)
    if inside < CLIPPED_SHARE * w * h or right - left < 1 or bottom - top < 1:
        wrong.add('box outside the image', shown)
        return None
    if inside < w * h:
        notes.add('box clipped at the edge of its photo', shown)
        return [left, top, right - left, bottom - top]
    return [x, y, w, h]


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
