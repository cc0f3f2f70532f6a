"""COCO jsons of digits."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..structures.annotations import DigitAnnotations
from ..structures.digits import DIGITS


def coco_json(photos: Iterable[Mapping[str, Any]]) -> dict[str, list[dict]]:
    """Build the content of a COCO json with the ten categories; category 1 is '0'.

    Args:
        photos: for each photo `id`, `file_name`, `width` and `height` in pixels, `bboxes` (K boxes xywh in pixels),
            `labels` (K digits) and, if any box is a crowd box, `iscrowd` (K times 0 or 1).

    Example:
        >>> photo = {'id': 7, 'file_name': '7.png', 'width': 40, 'height': 20, 'bboxes': [[5, 4, 8, 12]], 'labels': [3]}
        >>> coco_json([photo])['annotations']
        [{'id': 1, 'image_id': 7, 'category_id': 4, 'bbox': [5, 4, 8, 12], 'area': 96, 'iscrowd': 0}]
    """
    images: list[dict] = []
    annotations: list[dict] = []
    for photo in photos:
        images.append({key: photo[key] for key in ('id', 'file_name', 'height', 'width')})
        iscrowd = photo.get('iscrowd', [0] * len(photo['labels']))
        for bbox, label, crowd in zip(photo['bboxes'], photo['labels'], iscrowd, strict=True):
            ids = {'id': len(annotations) + 1, 'image_id': photo['id'], 'category_id': label + 1}
            annotations.append({**ids, 'bbox': bbox, 'area': bbox[2] * bbox[3], 'iscrowd': crowd})
    categories = [{'id': label + 1, 'name': name} for label, name in enumerate(DIGITS)]
    return {'images': images, 'annotations': annotations, 'categories': categories}


def annotations_json(truth: DigitAnnotations) -> str:
    """Format annotations as the text of a COCO json; the boxes are sorted by photo."""
    rows: dict[int, list[int]] = {image_id: [] for image_id in truth.image_ids.tolist()}
    for row, image_id in enumerate(truth.box_image_ids.tolist()):
        rows[image_id].append(row)
    arrays = {'bboxes': truth.bboxes, 'labels': truth.labels, 'iscrowd': truth.iscrowd.astype(int)}
    entries = zip(rows.items(), truth.file_names, truth.sizes.tolist(), strict=True)
    photos = (
        {'id': image_id, 'file_name': name, 'width': width, 'height': height}
        | {key: array[own].tolist() for key, array in arrays.items()}
        for (image_id, own), name, (width, height) in entries
    )
    return json.dumps(coco_json(photos))
