"""Labels in COCO's format with categories of any name, and the folder of the photos of a json."""

import glob
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

from ...structures.photos import find_photo, stays_inside
from ...utils.errors import UserError
from ...utils.files import parse_json, read_file
from ...utils.messages import one_line
from ..coco_reading import (
    RENAMED,
    UNSIZED,
    Findings,
    box_of,
    bullets,
    match_annotations,
    read_categories,
    read_images,
    read_json,
    whole,
)
from ..layout import SPLITS
from .labels import SourceBox, SourcePhoto, files_below, photos_of, split_in_path, split_named

NUMBER = 'number'  # a key of `SourcePhoto.groups`
SAMPLE = 50  # photos of a json that are looked for in a folder


def photo_folder(json_file: Path, names: Sequence[str], root: Path | None = None, fallback: Path | None = None) -> Path:
    """Find the folder of the photos of a json: the one with the most of them.

    They may be beside the json, in images or data beside it, in a folder of its name (train/ for train.json or
    instances_train.json) there or in images; or so beside a folder called annotations.

    Args:
        json_file: the json.
        names: names of the photos in it.
        root: the folder that holds the photos at any of these places. Defaults to None, that of the json.
        fallback: the folder if no photo is there. Defaults to None, that is refused.

    Raises:
        UserError: no photo is there.
    """
    sample = names[:: max(1, len(names) // SAMPLE)]
    bases = [root] if root else [json_file.parent]
    if not root and json_file.parent.name.lower() == 'annotations':
        bases.append(json_file.parent.parent)
    ends = ('', 'images', 'data', *(f'{parent}{stem}' for stem in _stems(json_file) for parent in ('', 'images/')))
    folders = list(dict.fromkeys(base / end for base in bases for end in ends))
    for find in (_is_there, find_photo):
        counts = [sum(map(bool, (find(folder, name) for name in sample))) for folder in folders]
        if any(counts):
            return folders[counts.index(max(counts))]
    if fallback:
        return fallback
    first = f'its first photo, {one_line(names[0])},' if names else '"images" is empty: a photo'
    places = ', '.join(str(folder) for folder in folders if folder.is_dir())
    raise UserError(f'{json_file}: {first} is not in {places}; put the photos there, or name their folder')


def _is_there(folder: Path, name: str) -> bool:
    return stays_inside(name) and os.path.isfile(folder / name)


def _stems(json_file: Path) -> list[str]:
    """Return the name of a json without its ending, and its parts, one of which may name a split."""
    return [json_file.stem, *re.split('[_. -]', json_file.stem.strip('_'))]


def read_coco(source: Path, images: Path | None, notes: Findings, group_by: Sequence[str] = ()) -> list[SourcePhoto]:
    """Read all photos of a json, or of all jsons below a folder, with their boxes.

    The names of jsons and of their folders give the splits, otherwise the folders in the names of photos. Of several
    annotations of Label Studio the newest one is taken.

    Args:
        source: a json, or a folder of them.
        images: the folder of the photos. Defaults to None, see `photo_folder`.
        notes: counts what is changed or passed over.
        group_by: fields of the list "images" that become `SourcePhoto.groups`; NUMBER is the number on the photo.
            Defaults to none.

    Raises:
        UserError: a file is no COCO json, its photos are missing, a photo is in two jsons, or no image has a field of
            `group_by`.
    """
    if images and not images.is_dir():
        raise UserError(f'{images}: no such folder; give the one that holds the photos of {source}')
    photos: dict[Path, SourcePhoto] = {}
    json_of: dict[Path, Path] = {}
    for json_file in _jsons(source, notes):
        split = _split_of(json_file.relative_to(source), notes) if json_file != source else None
        for photo in _read_file(json_file, images, split, notes, group_by):
            path = Path(os.path.abspath(photo.path))
            if path in photos:
                both = f'is in {json_of[path]} and {json_file}; give one of them with --src, or remove one'
                both = f'two names in {json_file} mean this file; mend one' if json_of[path] == json_file else both
                raise UserError(f'{one_line(photo.path)}: {both}')
            photos[path], json_of[path] = photo, json_file
    for folder in {path.parent for path in photos}:
        for path in photos_of(folder, [path for path in folder.iterdir() if path.is_file()], notes):
            if Path(os.path.abspath(path)) not in photos and path.name[0] != '.':
                notes.add('photo that no json lists, not imported', one_line(path))
    return list(photos.values())


def _split_of(path: Path, notes: Findings) -> str | None:
    return next(filter(None, map(split_named, _stems(path))), None) or split_in_path(path, notes)


def _jsons(source: Path, notes: Findings) -> list[Path]:
    """List the COCO jsons below a folder; a file is its own list."""
    if not source.is_dir():
        beside = [*source.parent.parent.glob(f'*/{glob.escape(source.name)}'), *source.parent.glob('*.json')]
        splits = {path: _split_of(Path(path.parent.name, path.name), notes) for path in [source, *beside]}
        for path in dict.fromkeys(beside):
            if splits[path] and splits[source] and splits[path] != splits[source]:
                notes.add('json of another split, not imported; --src FOLDER takes all and keeps the split', str(path))
        return [source]
    found = []
    for path in files_below(source, notes, ('.json',)):
        try:
            content: Any = parse_json(read_file(path))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UserError(f'{path}: cannot be read as JSON ({reason}); mend or remove it') from None
        if isinstance(content, dict) and isinstance(content.get('images'), list):
            found.append(path)
        else:
            notes.add('json that has no list of images, passed over', one_line(path))
    written = [
        path for path in found if path.parent != source and path.stem in SPLITS and path.with_suffix('').is_dir()
    ]
    if len(written) < len(found):  # an earlier --out inside the source
        for path in written:
            found.remove(path)
            notes.add('json of a data set inside the folder, passed over', one_line(path))
    if not found:
        raise UserError(f'{source}: holds no COCO json; give the file, or the folder that holds one for each split')
    return found


def _read_file(
    json_file: Path, images: Path | None, split: str | None, notes: Findings, group_by: Sequence[str]
) -> list[SourcePhoto]:
    """Read the photos of one json."""
    data = read_json(json_file, need_boxes=split != 'test')
    wrong = Findings()
    names = read_categories(data['categories'], wrong)
    listed = read_images(data['images'], wrong, anywhere=True)
    annotations = match_annotations(data['annotations'], listed, names, wrong, ids=notes)
    if wrong.counts:
        raise UserError(f'{json_file}: mend these first:{bullets(wrong.lines())}')
    file_names = [image['file_name'] for image in listed.values()]
    folder = photo_folder(json_file, file_names, images, fallback=images)
    boxes: dict[int, list[SourceBox]] = {image_id: [] for image_id in listed}
    for number, entry in enumerate(annotations, 1):
        where = f'{one_line(listed[entry["image_id"]]["file_name"])}, annotation {one_line(entry.get("id", number))}'
        marks = {key: entry[key] for key in ('iscrowd', 'ignore', 'rotation', 'attributes') if key in entry}
        boxes[entry['image_id']].append(SourceBox(where, names[entry['category_id']], entry.get('bbox', []), marks))
    entries_of: dict[str, list[int]] = defaultdict(list)
    for image_id, image in listed.items():
        entries_of[image['file_name']].append(image_id)
    info: Any = data.get('info')
    # Label Studio writes the newest annotation of a photo first
    is_label_studio = isinstance(info, dict) and info.get('contributor') == 'Label Studio'
    splits = {} if split else {name: split_in_path(Path(name.replace('\\', '/')), notes) for name in entries_of}
    if 'train' not in splits.values():
        splits = {}  # a folder of all photos, perhaps called test, is no split
    groups = _group_fields(json_file, data['images'], group_by)
    photos = []
    for name, ids in entries_of.items():
        own, image, faults = boxes[ids[0]], listed[ids[0]], []
        numbers = [_number(boxes[image_id]) for image_id in ids]
        if len(set(numbers)) == 1 < len(ids):
            notes.add('photo that is listed more than once with the same labels, taken once', one_line(name))
        elif len(ids) > 1:
            example = f'{one_line(name)}: {" and then ".join(numbers)}'
            if is_label_studio:
                notes.add(
                    'photo with several annotations that differ, of which the newest, the first, is taken', example
                )
            else:
                faults.append(('photo that is listed more than once with different labels', example))
        if (found := find_photo(folder, name)) and found != name:
            notes.add(RENAMED, f'{one_line(name)} is {one_line(found)}')
        if not image['width']:
            notes.add(UNSIZED, one_line(name))
        size = (image['width'], image['height']) if image['width'] else None
        path = folder / (found or PureWindowsPath(name).name)
        labelled = annotations or split != 'test'
        own_split = split or splits.get(name)
        keys = {key: groups[key][ids[0]] for key in groups if ids[0] in groups[key]}
        if NUMBER in group_by:
            keys[NUMBER] = numbers[0]
        photo = SourcePhoto(path, own_split, own if labelled else None, size=size, groups=keys, faults=faults)
        for key in set(group_by) - set(keys):
            notes.add(f'photo without the field {key!r} of --group-by, a group of its own', one_line(name))
        photos.append(photo)
    return photos


def _group_fields(json_file: Path, images: list[dict], keys: Sequence[str]) -> dict[str, dict[int, str]]:
    """Map each key but NUMBER to the values of that field, by image id."""
    fields: dict[str, dict[int, str]] = {key: {} for key in keys if key != NUMBER}
    for key, values in fields.items():
        for image in images:
            image_id = whole(image['id'])
            if key in image and image_id is not None:
                values[image_id] = repr(image[key])
        if not values:
            others = sorted({field for image in images for field in image} - {'id', 'width', 'height'})
            raise UserError(
                f'{json_file}: no image has the field {one_line(key)!r} of --group-by; give {NUMBER} or one of '
                f'{one_line(", ".join(others))}'
            )
    return fields


def _number(boxes: list[SourceBox]) -> str:
    """Return the labels of boxes from left to right, for messages."""
    order = sorted(boxes, key=lambda box: (box_of({'bbox': box.bbox}) or [0.0])[0])
    return repr(' '.join(box.label for box in order))
