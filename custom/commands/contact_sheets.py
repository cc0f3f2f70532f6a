"""Contact sheets of labelled photos: as they are labelled, and as training sees them."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data.coco_writing import annotations_json
from ..runs.config import load_config
from ..structures.annotations import DigitAnnotations, subset
from ..structures.geometry import left_to_right, xywh_to_xyxy
from ..structures.photos import photo_path, read_photo
from ..utils.errors import UserError
from ..utils.files import replacing
from ..utils.messages import one_line
from ..visualization.packing import evenly_spaced
from ..visualization.pictures import Shot, contact_sheet

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..data.summary import Split

MAX_PHOTOS = 200  # some 50 rows; nobody looks at more
MAX_NAME = 16  # letters of a file's name


def choose_photos(truth: DigitAnnotations, count: int) -> DigitAnnotations:
    """At most `count` photos with their boxes, evenly chosen."""
    chosen = np.zeros(len(truth.image_ids), bool)
    chosen[evenly_spaced(len(chosen), count)] = True
    return subset(truth, chosen)


def labelled_shot(pixels: np.ndarray, bboxes: np.ndarray, labels: np.ndarray, ignored: np.ndarray, name: str) -> Shot:
    """A photo with its labels as a contact sheet draws them.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        bboxes: (N, 4) xyxy in pixels.
        labels: (N,) the digit.
        ignored: bool (N,), boxes that are no part of the number; they are drawn thin.
        name: of the photo's file; its end is shown where it is long.
    """
    order = left_to_right(bboxes[:, 0], bboxes[:, 2] - bboxes[:, 0])
    used = order[~ignored[order]]
    number = ''.join(map(str, labels[used].tolist()))
    shown = one_line(name)
    shown = shown if len(shown) <= MAX_NAME else f'…{shown[1 - MAX_NAME :]}'
    return Shot(pixels, bboxes, np.ones(len(labels)), labels, used, number, 1.0, remark=shown)


def labelled_shots(truth: DigitAnnotations, folder: Path) -> Iterator[Shot]:
    """The photos with their boxes, in the order of `truth`."""
    for image_id, name in zip(truth.image_ids.tolist(), truth.file_names, strict=True):
        own = truth.box_image_ids == image_id
        xywh = truth.bboxes[own]
        xyxy = xywh_to_xyxy(xywh)
        yield labelled_shot(read_photo(photo_path(folder, name)), xyxy, truth.labels[own], truth.iscrowd[own], name)


def augmented_shots(truth: DigitAnnotations, folder: Path, cfg: 'Config') -> Iterator[Shot]:
    """The same photos after the training pipeline of a config, drawn at random but alike each time.

    Of several data sets that a config trains on, the pipeline of the first one is taken.
    """
    import mmdet.registry
    from mmengine.registry import init_default_scope
    from mmengine.runner import set_random_seed

    from .. import register  # noqa: F401 - registers the data set and the transforms

    init_default_scope('mmdet')
    set_random_seed(0)
    source = cfg.train_dataloader.dataset
    while 'pipeline' not in source:
        source = source.datasets[0] if 'datasets' in source else source.dataset
    with tempfile.TemporaryDirectory() as room:
        ann_file = Path(room, 'chosen.json')
        ann_file.write_text(annotations_json(truth))
        settings = {'type': 'DigitDataset', 'ann_file': str(ann_file), 'data_prefix': {'img': str(folder.resolve())}}
        photos = mmdet.registry.DATASETS.build({**settings, 'pipeline': source.pipeline})
        for i in range(len(photos)):
            item = photos[i]
            pixels = np.ascontiguousarray(item['inputs'].numpy()[::-1].transpose(1, 2, 0))
            seen, left_out = item['data_samples'].gt_instances, item['data_samples'].ignored_instances
            boxes = [np.asarray(part.bboxes.numpy(), np.float64).reshape(-1, 4) for part in (seen, left_out)]
            labels = [part.labels.numpy().astype(np.int64) for part in (seen, left_out)]
            ignored = np.repeat([False, True], [len(part) for part in labels])
            yield labelled_shot(pixels, np.concatenate(boxes), np.concatenate(labels), ignored, truth.file_names[i])


def draw_sheets(root: Path, splits: 'Mapping[str, Split]', out: Path, photos: int, config: str) -> list[Path]:
    """Draw train.png and valid.png, as far as there are labels, and train_augmented.png; returns what was written.

    Args:
        root: the data set.
        splits: its splits, of `custom.data.summary.check_root`.
        out: the folder of the pictures.
        photos: at most on each, 1 to 200.
        config: whose training pipeline augments.

    Raises:
        UserError: a value is out of its range, the config cannot be read, or a picture cannot be written.
    """
    if not 1 <= photos <= MAX_PHOTOS:
        raise UserError(f'--photos {photos}: must be from 1 to {MAX_PHOTOS}')
    if out.resolve() in {(root / name).resolve() for name in splits}:
        raise UserError(f'{out}: would put pictures among the photos; choose another folder with --out')
    cfg = load_config(config)
    written = []
    for name, truth in ((name, split.truth) for name, split in splits.items()):
        if truth is None:
            continue
        chosen = choose_photos(truth, photos)
        title = f'{len(chosen.image_ids)} of {len(truth.image_ids)} photos of {name}'
        _draw(out / f'{name}.png', labelled_shots(chosen, root / name), title, 'as they are labelled')
        written.append(out / f'{name}.png')
        if name == 'train':
            note = f'after the augmentation of {Path(config).name}'
            _draw(out / 'train_augmented.png', augmented_shots(chosen, root / name, cfg), title, note)
            written.append(out / 'train_augmented.png')
    return written


def _draw(path: Path, shots: Iterator[Shot], title: str, note: str) -> None:
    with replacing(path) as beside:
        contact_sheet(shots, title, note).save(beside, 'PNG', optimize=True)
