"""The two kinds of data: photos with a COCO json, and a folder of photos without."""

import logging
import os.path as osp
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, TypeVar

from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS
from mmengine.dist import all_gather_object, get_rank
from mmengine.logging import print_log

from ..data.coco_reading import photo_faults, read_annotations
from ..structures.digits import DIGITS, PALETTE
from ..structures.photos import list_photos, photo_size
from ..utils.errors import UserError

Item = TypeVar('Item')
Result = TypeVar('Result')


def in_shares(work: Callable[[list[Item]], Sequence[Result]], items: Sequence[Item]) -> list[Result]:
    """Return the results of `work` for all items; each rank of a machine does a share of them.

    Args:
        work: gives a result for each item of a share.
        items: the same on all ranks of a machine. All ranks must call this function.

    Raises:
        UserError: on all ranks, the one that `work` raises on any.
    """
    rank, machines = get_rank(), all_gather_object(socket.gethostname())  # another machine may have other photos
    here = [other for other, machine in enumerate(machines) if machine == machines[rank]]
    share = range(here.index(rank), len(items), len(here))
    outcome: UserError | dict[int, Result]
    try:
        outcome = dict(zip(share, work([items[i] for i in share]), strict=True))
    except UserError as error:
        outcome = error
    outcomes = all_gather_object(outcome)
    for failure in outcomes:
        if isinstance(failure, UserError):
            raise failure
    results = {i: result for other in here for i, result in outcomes[other].items()}
    return [results[i] for i in range(len(items))]


@DATASETS.register_module()
class DigitDataset(BaseDetDataset):
    """Photos with a COCO json of digits.

    A label is the digit itself, whatever the order, ids or type of the json's categories. Nothing is dropped in
    silence: see `custom.data.coco_reading.read_annotations` for what is checked, mended and refused.

    Raises:
        UserError: one message that lists everything wrong with the json or its photos.
    """

    METAINFO: ClassVar[dict] = {'classes': DIGITS, 'palette': PALETTE}

    def load_data_list(self) -> list[dict]:
        """One dict a photo; `instances` hold xyxy boxes in pixels and the digit as `bbox_label`."""
        folder = self.data_prefix['img']
        annotations = read_annotations(
            self.ann_file,
            folder,
            check=lambda images, folder: in_shares(partial(photo_faults, image_dir=folder), images),
        )
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
        photos = list_photos(folder)
        paths = [osp.join(folder, photo.file_name) for photo in photos]
        sizes = in_shares(lambda share: [photo_size(path) for path in share], paths)
        return [
            {'img_id': photo.image_id, 'img_path': path, 'width': width, 'height': height}
            for photo, path, (width, height) in zip(photos, paths, sizes, strict=True)
        ]
