"""The layout of a data set, written from photos that lie anywhere; they are copied, and stay where they are.

ROOT/train/*  ROOT/valid/*  ROOT/test/*  ROOT/train.json  ROOT/valid.json  (ROOT/test.json)
"""

import dataclasses
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ..structures.annotations import DigitAnnotations, subset
from ..structures.photos import free_names, image_id_of
from ..utils.errors import UserError
from ..utils.files import is_free
from ..utils.messages import one_line
from .coco_writing import annotations_json

SPLITS = ('train', 'valid', 'test')


def require_free(out: Path) -> None:
    """Refuse to write where something lies already.

    Raises:
        UserError: `out` is a file, a folder that is not empty, or one that cannot be replaced as a whole.
    """
    if out.resolve() == Path.cwd() or os.path.ismount(out):
        raise UserError(f'{out}: cannot be replaced by the finished folder; name a new one in it')
    if not is_free(out):
        raise UserError(f'{out}: holds something else; choose another folder, or remove it')


def copy_photo(source: Path, target: Path) -> None:
    """Copy a photo's bytes.

    Raises:
        UserError: the photo cannot be read.
        OSError: the copy cannot be written.
    """
    try:
        content = source.read_bytes()
    except OSError as error:
        raise UserError(f'{one_line(source)}: cannot be read ({error.strerror}); check its permissions') from None
    target.write_bytes(content)


def move_photo(source: Path, target: Path) -> None:
    """Move a photo that was unpacked for this alone."""
    os.rename(source, target)


def write_layout(
    folder: Path,
    truth: DigitAnnotations,
    split_of: np.ndarray,
    labelled: Collection[str] = SPLITS,
    place: Callable[[Path, Path], None] = copy_photo,
) -> list[str]:
    """Put photos and jsons into an empty folder; a terminal shows a bar when that takes over 2 s.

    Args:
        folder: where to; of `custom.utils.files.building`, so that it is whole or not there.
        truth: M photos, whose file names are whole paths. Photos of one split get ids of their new names.
        split_of: (M,) 'train', 'valid' or 'test'. No folder is made for a split without photos.
        labelled: splits that get a json. Defaults to all.
        place: what brings a photo to its place. Defaults to copy_photo.

    Returns:
        What is worth knowing, a line each.

    Raises:
        UserError: a photo cannot be read.
        OSError: something cannot be written.
    """
    renamed = []
    with tqdm(total=len(split_of), desc='copying', delay=2, unit=' photos', leave=False, disable=None) as bar:
        for split in SPLITS:
            part = subset(truth, split_of == split)
            paths = [Path(name) for name in part.file_names]
            if not paths:
                continue
            (folder / split).mkdir()
            names = free_names(paths)
            for path, name in zip(paths, names, strict=True):
                place(path, folder / split / name)
                bar.update()
                if path.name != name:
                    renamed.append(f'{one_line(path)} is now {split}/{one_line(name)}')
            if split in labelled:
                (folder / f'{split}.json').write_text(annotations_json(_renamed(part, names)))
    note = f'{len(renamed)} × photo with a new name, since another one has its own; first: {"".join(renamed[:1])}'
    return [note] if renamed else []


def _renamed(part: DigitAnnotations, names: list[str]) -> DigitAnnotations:
    """The same photos and boxes with other names, and the image ids that these give."""
    new_ids = np.array([image_id_of(name) for name in names], dtype=np.int64)
    order = np.argsort(part.image_ids)
    rows = order[np.searchsorted(part.image_ids, part.box_image_ids, sorter=order)]
    return dataclasses.replace(part, image_ids=new_ids, file_names=names, box_image_ids=new_ids[rows])


class Imported(NamedTuple):
    """How many photos each split has, and what is worth knowing, a line each."""

    sizes: dict[str, int]
    notes: list[str]
