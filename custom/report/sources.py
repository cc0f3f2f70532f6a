"""Sources of a report: the predictions, their ground truth, the photos, and the run."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..data.coco_reading import ids_and_names, read_annotations
from ..runs.config import select_split
from ..runs.curves import scalar_files
from ..runs.dumped_config import read_dumped
from ..runs.facts import config_file
from ..runs.named_files import find_work_dir
from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections
from ..submission.pred_json import read_pred_json
from ..utils.errors import UserError
from ..utils.files import finish_set, real_path

DUMPS = ('valid', 'valid_tta', 'test', 'test_tta')  # folders of tools/test.py --dump, in order of preference


class Sources(NamedTuple):
    """Files and folders; None where there is none."""

    pred_json: Path | None
    ann: Path | None  # the COCO json of the photos
    images: Path | None  # the folder of the photos
    run_dir: Path | None  # the work dir of the run
    notes: list[str]  # what is missing, and the way out, a line each


def find_sources(source: Path, ann: Path | None = None, images: Path | None = None) -> Sources:
    """Find the files that belong to a work dir or to a pred.json.

    Ground truth and photos of a run come from its config, the photos of `x.json` from the folder `x` beside it.

    Args:
        source: a work dir, a checkpoint in it or the name of its config; or a pred.json, or its folder.
        ann: the COCO json. Defaults to None, the run's.
        images: the folder of the photos. Defaults to None, the folder as above.

    Raises:
        UserError: the source, `ann` or `images` does not exist, or the source is no work dir.
    """
    notes: list[str] = []
    source = find_work_dir(source)
    for folder in (source, source.parent, *(source.glob('*/') if source.is_dir() else ())):
        finish_set(folder)
    if (source / 'pred.json').is_file():
        source = source / 'pred.json'
    pred_json: Path | None = source
    if source.is_dir():
        run_dir: Path | None = source
        pred_json = _dumped(source, ann, notes)
        if pred_json is None and config_file(source) is None and not scalar_files(source):
            raise UserError(f'{source}: is no work dir: no config, no log and no pred.json; name one, or a pred.json')
    elif source.is_file():
        above = real_path(source).parent.parent
        run_dir = above if config_file(above) and scalar_files(above) else None
    else:
        raise UserError(f'{source}: no such file or folder; give a work dir, or a pred.json')
    if images is not None and not images.is_dir():
        raise UserError(f'{images}: no such folder; give the folder of the photos with --images')
    if ann is None and run_dir and pred_json:
        ann, folder = _of_split(run_dir, real_path(pred_json).parent.name, notes)
        images = images or folder
    elif images is None and ann and ann.with_suffix('').is_dir():
        images = ann.with_suffix('')
    return Sources(pred_json, ann, images, run_dir, notes)


def _dumped(work_dir: Path, ann: Path | None, notes: list[str]) -> Path | None:
    """Choose the predictions of `ann`'s name, else of the first of DUMPS, else the newest."""
    dumps = sorted(work_dir.glob('*/pred.json'), key=lambda path: -path.stat().st_mtime)
    if not dumps:
        notes.append(
            'There are no predictions in this work dir: make some by tools/test.py CONFIG '
            f'--work-dir {work_dir} --split valid --dump.'
        )
        return None
    names = [*([ann.stem] if ann else []), *DUMPS]
    first, *others = sorted(dumps, key=lambda path: [*names, path.parent.name].index(path.parent.name))
    if others:
        notes.append(f'This report is of {first}; there are others: {", ".join(map(str, others))}.')
    return first


def _of_split(run_dir: Path, name: str, notes: list[str]) -> tuple[Path | None, Path | None]:
    """Return the COCO json and the photos of a split from the run's config."""
    path = config_file(run_dir)
    if path is None or name not in DUMPS:
        notes.append(f'The config of the run does not name the photos of “{name}”: give their COCO json as ANN.')
        return None, None
    try:
        config = read_dumped(path)
        images: Path | None = select_split(config, name.removesuffix('_tta'))
        dataset = config.test_dataloader.dataset
        ann = Path(dataset.data_root, dataset.ann_file) if dataset.get('ann_file') else None
    except (AttributeError, KeyError, OSError, TypeError, UserError) as error:
        notes.append(f'The config of the run does not name the photos ({error}): give their COCO json as ANN.')
        return None, None
    if ann and not ann.is_file():
        notes.append(f'{ann}, from the config of the run, does not exist: give its new place as ANN.')
        ann = None
    if images and not images.is_dir():
        notes.append(f'{images}, from the config of the run, does not exist: give the photos with --images.')
        images = None
    return ann, images


class Material(NamedTuple):
    """Detections and their photos."""

    detections: Detections
    names: dict[int, str]  # the file name of each photo, by image_id
    truth: DigitAnnotations | None  # None without ground truth
    images: Path | None  # the folder of the photos, None where it is unknown
    notes: list[str]  # what is missing or was changed, a line each


def read_material(pred_json: Path, ann: Path | None, images: Path | None) -> Material:
    """Read the files; without a COCO json the photos are those of the folder, or else those that have a box.

    Raises:
        UserError: one of them cannot be read, or they do not belong together.
    """
    notes = []
    if ann or images:
        listed = read_annotations(ann, need_boxes=False) if ann else None
        ids, names = ids_and_names(listed or images or '')
        detections = read_pred_json(pred_json, ids)
        truth = listed if listed and listed.labelled else None
        notes += [f'{ann}: {note}.' for note in (truth.notes if truth else [])]
        if truth and not images:
            notes.append('The photos were not found: give their folder with --images.')
    else:
        detections, truth = read_pred_json(pred_json), None
        ids = np.unique(detections.image_ids).tolist()
        names = [f'photo {image_id}' for image_id in ids]
        notes.append('Without ANN or --images only photos that have a box are known.')
    if truth is None:
        reason = f'{ann} has no boxes' if ann else 'no ANN is given'
        notes.append(f'There is no ground truth ({reason}): right and wrong numbers are unknown.')
    if not len(detections):
        notes.append(f'{pred_json} has no box on any photo.')
    return Material(detections, dict(zip(ids, names, strict=True)), truth, images, notes)
