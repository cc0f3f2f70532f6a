"""Labels in COCO's format, with categories of any name; and where the photos of a json lie."""

import os
from pathlib import Path

from ...structures.photos import photo_path
from ...utils.errors import UserError
from ...utils.messages import one_line
from ..coco_reading import Findings, read_images, read_json
from .labels import SourceBox, SourcePhoto


def photo_folder(json_file: Path, names: list[str]) -> Path:
    """Where the photos of a json lie: beside it, in images beside it, or in a folder of its name (train/).

    Raises:
        UserError: the first photo is in none of them.
    """
    places = [json_file.parent, json_file.parent / 'images', json_file.with_suffix('')]
    found = next((place for place in places if names and os.path.isfile(place / names[0])), None)
    if found is None:
        first = f'its first photo, {one_line(names[0])},' if names else '"images" is empty: a photo'
        raise UserError(
            f'{json_file}: {first} is not in {", ".join(map(str, places))}; put the photos there, or name their folder'
        )
    return found


def read_coco(json_file: Path, images: Path | None = None) -> list[SourcePhoto]:
    """All photos that a json lists, with their boxes.

    Args:
        json_file: the json.
        images: the folder of its photos. Defaults to None, see `photo_folder`.

    Raises:
        UserError: it is no COCO json, or its photos are not found.
    """
    data = read_json(json_file, need_boxes=True)
    wrong = Findings()
    listed = read_images(data['images'], wrong)
    names = {entry.get('id'): str(entry.get('name')).strip() for entry in data['categories'] if _is_id(entry.get('id'))}
    for entry in data['annotations']:
        image_id, category_id = entry.get('image_id'), entry.get('category_id')
        if not _is_id(image_id) or image_id not in listed:
            wrong.add('annotation for no image', f'id {one_line(entry.get("id"))}')
        elif not _is_id(category_id) or category_id not in names:
            wrong.add('annotation of a category that "categories" does not list', f'id {one_line(entry.get("id"))}')
    if wrong.counts:
        raise UserError(f'{json_file}: mend these first:' + ''.join(f'\n  - {line}' for line in wrong.lines()))
    folder = images or photo_folder(json_file, [image['file_name'] for image in listed.values()])
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the one that holds the photos of {json_file}')
    photos = {
        image_id: SourcePhoto(photo_path(folder, image['file_name']), boxes=[], size=(image['width'], image['height']))
        for image_id, image in listed.items()
    }
    for number, entry in enumerate(data['annotations'], 1):
        photo, bbox = photos[entry['image_id']], entry.get('bbox')
        where = f'{one_line(photo.path.name)}, annotation {one_line(entry.get("id", number))}'
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(type(value) in (int, float) for value in bbox):
            photo.faults.append(('bbox that is not four numbers (xywh)', f'{where}: {one_line(bbox)[:80]}'))
            continue
        photo.boxes.append(SourceBox(where, names[entry['category_id']], bbox, bool(entry.get('iscrowd', 0))))  # type: ignore[union-attr]
    return list(photos.values())


def _is_id(value: object) -> bool:
    return type(value) is int
