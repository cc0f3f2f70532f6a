"""Contact sheets of labelled photos, with their labels and after training augmentation."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from mmengine.config import Config

from ..data.coco_writing import annotations_json
from ..data.layout import require_apart
from ..data.summary import Split
from ..runs.config import load_config
from ..structures.annotations import DigitAnnotations, subset
from ..structures.geometry import left_to_right, xywh_to_xyxy
from ..structures.photos import photo_path, read_photo
from ..utils.errors import UserError
from ..utils.files import real_path, replacing_set
from ..utils.messages import one_line
from ..visualization.pictures import Shot, contact_sheet, evenly_spaced

MAX_PHOTOS = 200  # about 50 rows
MAX_NAME = 16  # characters of a file name


def choose_photos(truth: DigitAnnotations, count: int) -> DigitAnnotations:
    """Choose at most `count` photos, evenly spaced, with their boxes."""
    chosen = np.zeros(len(truth.image_ids), bool)
    chosen[evenly_spaced(len(chosen), count)] = True
    return subset(truth, chosen)


def labelled_shot(pixels: np.ndarray, bboxes: np.ndarray, labels: np.ndarray, ignored: np.ndarray, name: str) -> Shot:
    """Describe a labelled photo for a contact sheet.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        bboxes: (N, 4) xyxy in pixels.
        labels: (N,) digits.
        ignored: (N,) bool, boxes outside the number, which are drawn thin.
        name: file name; the sheet shows its last MAX_NAME characters.
    """
    order = left_to_right(bboxes[:, 0], bboxes[:, 2] - bboxes[:, 0])
    used = order[~ignored[order]]
    number = ''.join(map(str, labels[used].tolist()))
    shown = one_line(name)
    remark = shown if len(shown) <= MAX_NAME else f'…{shown[1 - MAX_NAME :]}'
    return Shot(pixels, bboxes, np.ones(len(labels)), labels, used, number, 1.0, remark=remark)


def labelled_shots(truth: DigitAnnotations, folder: Path) -> Iterator[Shot]:
    """Yield the photos with their labels, in the order of `truth`."""
    for image_id, name in zip(truth.image_ids.tolist(), truth.file_names, strict=True):
        own = truth.box_image_ids == image_id
        xyxy = xywh_to_xyxy(truth.bboxes[own])
        yield labelled_shot(read_photo(photo_path(folder, name)), xyxy, truth.labels[own], truth.iscrowd[own], name)


def augmented_shots(truth: DigitAnnotations, folder: Path, cfg: Config) -> Iterator[Shot]:
    """Yield the photos after the training pipeline of a config, with a fixed random seed.

    If the config trains on several data sets, the pipeline of the first one is used.
    """
    from mmengine.registry import init_default_scope
    from mmengine.runner import set_random_seed

    from .. import register  # noqa: F401 - registers the transforms
    from ..datasets.digit_dataset import DigitDataset

    init_default_scope('mmdet')
    set_random_seed(0)
    source = cfg.train_dataloader.dataset
    while 'pipeline' not in source:
        source = source.datasets[0] if 'datasets' in source else source.dataset
    with tempfile.TemporaryDirectory() as scratch:
        ann_file = Path(scratch, 'chosen.json')
        ann_file.write_text(annotations_json(truth))
        data = {'ann_file': str(ann_file), 'data_prefix': {'img': str(real_path(folder))}}
        photos = DigitDataset(**data, pipeline=source.pipeline)
        for i, name in enumerate(truth.file_names):
            item = photos[i]
            pixels = np.ascontiguousarray(item['inputs'].numpy()[::-1].transpose(1, 2, 0))
            parts = (item['data_samples'].gt_instances, item['data_samples'].ignored_instances)
            bboxes = np.concatenate([np.asarray(part.bboxes.numpy(), float).reshape(-1, 4) for part in parts])
            labels = np.concatenate([part.labels.numpy().astype(np.int64) for part in parts])
            yield labelled_shot(pixels, bboxes, labels, np.repeat([False, True], list(map(len, parts))), name)


def draw_sheets(root: Path, splits: Mapping[str, Split], out: Path, photos: int, config: str) -> list[Path]:
    """Draw train.png, train_augmented.png and valid.png for the labelled splits and return their paths.

    Args:
        root: the data set.
        splits: its splits, from `custom.data.summary.check_root`.
        out: the folder of the sheets.
        photos: maximum number of photos on a sheet, 1 to 200.
        config: path of the config whose training pipeline augments.

    Raises:
        UserError: a value is out of its range, the config cannot be read, or a sheet cannot be written.
    """
    if not 1 <= photos <= MAX_PHOTOS:
        raise UserError(f'--photos {photos}: must be from 1 to {MAX_PHOTOS}')
    require_apart(out, root, splits)
    cfg = load_config(config)
    written = []
    labelled = {name: split.truth for name, split in splits.items() if split.truth is not None}
    with replacing_set(out) as new:
        for name, truth in labelled.items():
            chosen, folder = choose_photos(truth, photos), root / name
            sheets = [(f'{name}.png', labelled_shots(chosen, folder), 'with their labels')]
            if name == 'train':
                note = f'after the augmentation of {Path(config).name}'
                sheets.append(('train_augmented.png', augmented_shots(chosen, folder, cfg), note))
            for file_name, shots, note in sheets:
                written.append(out / file_name)
                title = f'{len(chosen.image_ids)} of {len(truth.image_ids)} photos of {name}'
                contact_sheet(shots, title, note).save(new / file_name, 'PNG', optimize=True)
    return written
