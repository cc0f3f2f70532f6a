"""Datasets of digits: photos with a COCO json, and a folder of unlabelled photos."""

import logging
import os.path as osp
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS
from mmengine.dist import all_gather_object, get_rank
from mmengine.logging import print_log

from ..data.coco_reading import photo_facts, read_annotations
from ..structures.digits import DIGITS, PALETTE
from ..structures.photos import list_photos, photo_size
from ..utils.errors import UserError
from .seeded import seeded


def in_shares(work: Callable[[list], Sequence], items: Sequence) -> list:
    """Split items among the ranks of a machine and return all results on each rank. All ranks must call this.

    `items` are equal on all ranks of a machine, and `work` returns one result per item of a share.

    Raises:
        UserError: on all ranks, the error that `work` raises on any.
    """
    rank, machines = get_rank(), all_gather_object(socket.gethostname())  # another machine may have other photos
    here = [other for other, machine in enumerate(machines) if machine == machines[rank]]
    share = range(here.index(rank), len(items), len(here))
    outcome: UserError | dict[int, object]
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

    A label is the digit itself, independent of order, ids and types of the json's categories. For checks, repairs and
    refusals see `custom.data.coco_reading.read_annotations`; nothing is dropped without a message.

    Raises:
        UserError: one message that lists all mistakes in the json and its photos.
    """

    METAINFO: ClassVar[dict] = {'classes': DIGITS, 'palette': PALETTE}

    def __getitem__(self, idx: int) -> dict:
        """Return an image after the pipeline, whose random steps depend on `idx` alone where it is a `Draw`."""
        with seeded(idx):
            return super().__getitem__(int(idx))

    def load_data_list(self) -> list[dict]:
        """Return one dict per image; `instances` hold xyxy boxes in pixels and the digit as `bbox_label`."""
        folder = self.data_prefix['img']
        annotations = read_annotations(
            self.ann_file, folder, check=lambda images, path: in_shares(partial(photo_facts, image_dir=path), images)
        )
        for note in annotations.notes:
            print_log(f'{self.ann_file}: {note}', 'current', logging.WARNING)
        images = zip(annotations.image_ids.tolist(), annotations.file_names, annotations.sizes.tolist(), strict=True)
        infos: dict[int, dict] = {}
        for image_id, name, (width, height) in images:
            info = {'img_id': image_id, 'img_path': osp.join(folder, name), 'width': width, 'height': height}
            infos[image_id] = {**info, 'instances': []}
        columns = (annotations.box_image_ids, annotations.bboxes, annotations.labels, annotations.iscrowd)
        for image_id, (x, y, w, h), label, crowd in zip(*(column.tolist() for column in columns), strict=True):
            box = {'bbox': [x, y, x + w, y + h], 'bbox_label': label, 'ignore_flag': int(crowd)}
            infos[image_id]['instances'].append(box)
        return list(infos.values())


@DATASETS.register_module()
class DigitFolder(BaseDetDataset):
    """Unlabelled photos: those of `custom.structures.photos.list_photos` in `data_prefix['img']`.

    The id of a photo is its file stem, or a hash of its name if the stem is no number.

    Raises:
        UserError: the folder is missing or has no photo, a photo cannot be opened or is too thin, or two photos
            share an id.
    """

    METAINFO = DigitDataset.METAINFO

    def load_data_list(self) -> list[dict]:
        """Return one dict per image, without `instances`."""
        folder = self.data_prefix['img']
        photos = list_photos(folder)
        paths = [osp.join(folder, photo.file_name) for photo in photos]
        sizes = in_shares(lambda share: [photo_size(path) for path in share], paths)
        return [
            {'img_id': photo.image_id, 'img_path': path, 'width': width, 'height': height}
            for photo, path, (width, height) in zip(photos, paths, sizes, strict=True)
        ]
