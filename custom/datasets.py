"""The two kinds of data: photos with a COCO json, and a folder of photos without."""

import logging
import os.path as osp
from typing import ClassVar

from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS
from mmengine.logging import print_log

from custom.annotations import read_annotations
from custom.digits import DIGITS, PALETTE
from custom.photos import list_photos, photo_size


@DATASETS.register_module()
class DigitDataset(BaseDetDataset):
    """Photos with a COCO json of digits.

    A label is the digit itself, whatever the order, ids or type of the json's categories. Nothing is dropped in
    silence: see `custom.annotations.read_annotations` for what is checked, mended and refused.

    Raises:
        UserError: one message that lists everything wrong with the json or its photos.
    """

    METAINFO: ClassVar[dict] = {'classes': DIGITS, 'palette': PALETTE}

    def load_data_list(self) -> list[dict]:
        """One dict a photo; `instances` hold xyxy boxes in pixels and the digit as `bbox_label`."""
        folder = self.data_prefix['img']
        annotations = read_annotations(self.ann_file, folder)
        for note in annotations.notes:
            print_log(f'{self.ann_file}: {note}', 'current', logging.WARNING)
        instances: dict[int, list[dict]] = {image_id: [] for image_id in annotations.image_ids.tolist()}
        for image_id, (x, y, w, h), label, crowd in zip(
            annotations.box_image_ids.tolist(),
            annotations.bboxes.tolist(),
            annotations.labels.tolist(),
            annotations.iscrowd.tolist(),
            strict=True,
        ):
            box = {'bbox': [x, y, x + w, y + h], 'bbox_label': label, 'ignore_flag': int(crowd)}
            instances[image_id].append(box)
        return [
            {
                'img_id': image_id,
                'img_path': osp.join(folder, file_name),
                'width': width,
                'height': height,
                'instances': instances[image_id],
            }
            for image_id, file_name, (width, height) in zip(
                annotations.image_ids.tolist(), annotations.file_names, annotations.sizes.tolist(), strict=True
            )
        ]


@DATASETS.register_module()
class DigitFolder(BaseDetDataset):
    """Photos without labels: every png, jpg, bmp and webp directly in `data_prefix['img']`, in natural order.

    The id of a photo is its file stem, or a hash of its name where the stem is no number.

    Raises:
        UserError: no such folder, no photo in it, one that cannot be opened, or two that would share an id.
    """

    METAINFO = DigitDataset.METAINFO

    def load_data_list(self) -> list[dict]:
        """One dict a photo, without `instances`."""
        folder = self.data_prefix['img']
        data_list = []
        for image_id, file_name in list_photos(folder):
            path = osp.join(folder, file_name)
            width, height = photo_size(path)
            data_list.append({'img_id': image_id, 'img_path': path, 'width': width, 'height': height})
        return data_list
