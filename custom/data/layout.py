"""The layout of a data set on disk: ROOT/{train,valid,test}/*, ROOT/train.json, ROOT/valid.json, (ROOT/test.json)."""

import dataclasses
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ..structures.annotations import DigitAnnotations, subset
from ..structures.photos import free_names, image_id_of
from ..utils.errors import UserError
from ..utils.files import is_free, read_file, real_path
from ..utils.messages import one_line
from .coco_writing import annotations_json

SPLITS = ('train', 'valid', 'test')
LABELLED_SPLITS = SPLITS[:2]  # test needs no json


class Imported(NamedTuple):
    """Photos per split of a written data set, and notes, a line each."""

    sizes: dict[str, int]
    notes: list[str]


def require_free(out: Path) -> None:
    """Refuse an output folder that is in use.

    Raises:
        UserError: `out` is a file, a folder that is not empty, the current folder or a mount point.
    """
    if real_path(out) == Path.cwd() or os.path.ismount(out):
        raise UserError(f'{out}: cannot be replaced by the finished folder; name a new one in it')
    if not is_free(out):
        raise UserError(f'{out}: holds something else; choose another folder, or remove it')


def require_apart(out: Path, root: Path, splits: Iterable[str]) -> None:
    """Raise UserError if `out`, a folder of pictures, is the photo folder of one of the splits of a data set."""
    if real_path(out) in {real_path(root / name) for name in splits}:
        raise UserError(f'{out}: would put pictures among the photos; choose another folder with --out')


def copy_photo(source: Path, target: Path) -> None:
    """Copy the bytes of a photo; a UserError means that it cannot be read, an OSError that it cannot be written."""
    try:
        content = read_file(source)
    except OSError as error:
        raise UserError(f'{one_line(source)}: cannot be read ({error.strerror}); check its permissions') from None
    target.write_bytes(content)


def renumber(truth: DigitAnnotations, image_ids: np.ndarray) -> DigitAnnotations:
    """Replace the ids of the photos by `image_ids`, int64 (M,)."""
    order = np.argsort(truth.image_ids)
    rows = order[np.searchsorted(truth.image_ids, truth.box_image_ids, sorter=order)]
    return dataclasses.replace(truth, image_ids=image_ids, box_image_ids=image_ids[rows])


def write_layout(
    folder: Path,
    truth: DigitAnnotations,
    split_of: np.ndarray,
    labelled: Collection[str] = SPLITS,
    move_from: Path | None = None,
) -> list[str]:
    """Write photos and jsons into an empty folder; a terminal shows a bar after 2 s.

    Args:
        folder: the folder, made by `custom.utils.files.building`.
        truth: M photos, whose file names are whole paths. Image ids are derived from the new file names.
        split_of: (M,) 'train', 'valid' or 'test'. A split without photos gets no folder.
        labelled: splits that get a json. Defaults to SPLITS.
        move_from: photos below this folder are moved, not copied. Defaults to None.

    Returns:
        Notes, a line each.

    Raises:
        UserError: a photo cannot be read.
        OSError: a file cannot be written.
    """
    renamed = []
    with tqdm(total=len(split_of), desc='copying', delay=2, unit=' photos', leave=False, disable=None) as bar:
        for split in SPLITS:
            part = subset(truth, split_of == split)
            if not part.file_names:
                continue
            (folder / split).mkdir()
            paths = [Path(name) for name in part.file_names]
            names = free_names(paths)
            for path, name in zip(paths, names, strict=True):
                if move_from in path.parents:
                    path.rename(folder / split / name)
                else:
                    copy_photo(path, folder / split / name)
                bar.update()
                if path.name != name:
                    renamed.append(f'{one_line(path)} is now {split}/{one_line(name)}')
            if split in labelled:
                image_ids = np.array([image_id_of(name) for name in names], dtype=np.int64)
                part = dataclasses.replace(renumber(part, image_ids), file_names=names)
                (folder / f'{split}.json').write_text(annotations_json(part))
    return [f'{len(renamed)} × photo with a new name, since its own is taken; first: {renamed[0]}'] if renamed else []
