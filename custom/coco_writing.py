"""Digits on photos → the content of a COCO json, as `custom.annotations.read_annotations` takes it."""

from collections.abc import Iterable, Mapping
from typing import Any

from custom.digits import DIGITS


def coco_json(photos: Iterable[Mapping[str, Any]]) -> dict[str, list[dict]]:
    """Photos, boxes and the ten categories: category 1 is '0'.

    Args:
        photos: of each its `id`, `file_name`, `width` and `height` in pixels, `bboxes`, a list of K boxes xywh in
            pixels, and `labels`, their K digits.

    Example:
        >>> photo = {'id': 7, 'file_name': '7.png', 'width': 40, 'height': 20, 'bboxes': [[5, 4, 8, 12]], 'labels': [3]}
        >>> coco_json([photo])['annotations']
        [{'id': 1, 'image_id': 7, 'category_id': 4, 'bbox': [5, 4, 8, 12], 'area': 96, 'iscrowd': 0}]
    """
    images: list[dict] = []
    annotations: list[dict] = []
    for photo in photos:
        images.append({key: photo[key] for key in ('id', 'file_name', 'height', 'width')})
        for bbox, label in zip(photo['bboxes'], photo['labels'], strict=True):
            number = {'id': len(annotations) + 1, 'image_id': photo['id'], 'category_id': label + 1}
            annotations.append({**number, 'bbox': bbox, 'area': bbox[2] * bbox[3], 'iscrowd': 0})
    categories = [{'id': label + 1, 'name': name} for label, name in enumerate(DIGITS)]
    return {'images': images, 'annotations': annotations, 'categories': categories}
