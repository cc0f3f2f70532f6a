"""Labels in COCO's format with categories of any name, and the folder of the photos of a json."""

import os
from pathlib import Path

from ...structures.photos import photo_path
from ...utils.errors import UserError
from ...utils.messages import one_line
from ..coco_reading import Findings, bullets, read_images, read_json
from .labels import SourceBox, SourcePhoto


def photo_folder(json_file: Path, names: list[str]) -> Path:
    """Find the folder of the photos of a json: beside it, in images beside it, or in a folder of its name (train/).

    Raises:
        UserError: the first photo is in none of them.
    """
    folders = [json_file.parent, json_file.parent / 'images', json_file.with_suffix('')]
    for folder in folders if names else ():
        if os.path.isfile(folder / names[0]):
            return folder
    first = f'its first photo, {one_line(names[0])},' if names else '"images" is empty: a photo'
    places = ', '.join(map(str, folders))
    raise UserError(f'{json_file}: {first} is not in {places}; put the photos there, or name their folder')


def read_coco(json_file: Path, images: Path | None = None) -> list[SourcePhoto]:
    """Read all photos of a json with their boxes; their folder is `images` or, by default, that of `photo_folder`.

    Raises:
        UserError: the file is no COCO json, or its photos are missing.
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
        raise UserError(f'{json_file}: mend these first:{bullets(wrong.lines())}')
    folder = images or photo_folder(json_file, [image['file_name'] for image in listed.values()])
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the one that holds the photos of {json_file}')
    boxes: dict[int, list[SourceBox]] = {image_id: [] for image_id in listed}
    photos = {}
    for image_id, image in listed.items():
        path, size = photo_path(folder, image['file_name']), (image['width'], image['height'])
        photos[image_id] = SourcePhoto(path, boxes=boxes[image_id], size=size)
    for number, entry in enumerate(data['annotations'], 1):
        photo, bbox = photos[entry['image_id']], entry.get('bbox')
        where = f'{one_line(photo.path.name)}, annotation {one_line(entry.get("id", number))}'
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(type(value) in (int, float) for value in bbox):
            photo.faults.append(('bbox that is not four numbers (xywh)', f'{where}: {one_line(bbox)[:80]}'))
        else:
            box = SourceBox(where, names[entry['category_id']], bbox, bool(entry.get('iscrowd', 0)))
            boxes[entry['image_id']].append(box)
    return list(photos.values())


def _is_id(value: object) -> bool:
    return type(value) is int
