"""The official SVHN photos of full numbers become a data set in this project's layout."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...structures.annotations import DigitAnnotations, subset
from ...structures.photos import stays_inside
from ...utils.errors import UserError
from ...utils.files import building
from ..layout import Imported, copy_photo, move_photo, require_free, write_layout
from ..near_duplicates import near_copy_of
from ..photo_scan import scan_photos
from ..splits import DealRule, choose_valid
from .digit_struct import read_digit_struct
from .svhn_archives import MAT, unpack


class Part(NamedTuple):
    """The photos of one archive: annotations whose file names are whole paths, signatures (M, 256), notes."""

    truth: DigitAnnotations
    signatures: np.ndarray
    notes: list[str]


def import_svhn(source: Path, out: Path, rule: DealRule, extra: bool = False) -> Imported:
    """Write a data set: SVHN's train dealt to train and valid; its test, with labels, as test.

    Photos of `extra` go to train, but for near copies of photos of valid and test.

    Args:
        source: holds train.tar.gz or train/digitStruct.mat with its photos; likewise test and extra.
        out: a folder that is not there yet, or is empty.
        rule: how train is dealt.
        extra: whether the 202,353 easier photos are used. Defaults to False.

    Raises:
        UserError: something is missing or damaged, `out` holds something, or it cannot be written to.
    """
    require_free(out)
    with building(out) as folder, tempfile.TemporaryDirectory(prefix='.unpacked.', dir=folder) as name:
        room = Path(name)
        found = {part: _find(source, part, room) for part in ('train', 'test', 'extra') if part != 'extra' or extra}
        for part, place in found.items():
            if place is None and part != 'test':
                raise UserError(
                    f'{source}: holds neither {part}.tar.gz nor {part}/{MAT}; put one there, or add --download'
                )
        parts = {part: _read_part(place) for part, place in found.items() if place is not None}
        truth = _join([part.truth for part in parts.values()])
        signatures = np.concatenate([part.signatures for part in parts.values()])
        origin = np.repeat(list(parts), [len(part.signatures) for part in parts.values()]).astype('<U5')
        notes = [f'{name}: {note}' for name, part in parts.items() for note in part.notes]
        if 'test' not in parts:
            notes.append('no test.tar.gz and no test folder, so there is no test split')

        split_of, dealt = np.where(origin == 'test', 'test', 'train').astype('<U5'), origin == 'train'
        chosen, copies = choose_valid(subset(truth, dealt), signatures[dealt], rule)
        split_of[np.flatnonzero(dealt)[chosen]] = 'valid'
        if copies:
            notes.append(f'train: {copies} × near copy of another photo, on the same side as that one')
        if extra:
            more = np.flatnonzero(origin == 'extra')
            held_out = signatures[split_of != 'train']
            seen = more[near_copy_of(signatures[more], held_out) >= 0]
            kept = ~np.isin(np.arange(len(origin)), seen)
            truth, split_of = subset(truth, kept), split_of[kept]
            notes.append(f'extra: {len(seen)} × near copy of a photo of valid or test, left out')

        def place_photo(path: Path, target: Path) -> None:
            (move_photo if room in path.parents else copy_photo)(path, target)

        notes += write_layout(folder, truth, split_of, place=place_photo)
    return Imported(dict(Counter(split_of.tolist())), notes)


def _find(source: Path, part: str, room: Path) -> Path | None:
    """The folder of a part, unpacked into `room` where it is packed; None where there is none."""
    if (source / part / MAT).is_file():
        return source / part
    archive = source / f'{part}.tar.gz'
    return unpack(archive, part, room) if archive.is_file() else None


def _read_part(folder: Path) -> Part:
    """The photos of a folder with its digitStruct.mat; boxes over the edge are clipped."""
    struct = read_digit_struct(folder / MAT)
    if strange := [name for name in struct.names if not stays_inside(name)]:
        raise UserError(f'{folder / MAT}: {strange[0]!r} leaves the folder of the photos; download it again')
    paths = [folder / name for name in struct.names]
    scan = scan_photos(paths)
    if scan.faults:
        first = scan.faults[min(scan.faults)]
        raise UserError(f'{folder}: {len(scan.faults)} of {len(paths)} photos are missing or damaged; first: {first}')
    near, far = struct.bboxes[:, :2], struct.bboxes[:, :2] + struct.bboxes[:, 2:]
    start, end = np.maximum(near, 0), np.minimum(far, scan.sizes[struct.rows])
    kept = (end - start >= 1).all(axis=1)
    clipped = kept & ((start != near) | (end != far)).any(axis=1)
    notes = []
    if clipped.any():
        notes.append(f'{clipped.sum()} × box clipped at the edge of its photo')
    if not kept.all():
        first = struct.names[struct.rows[np.flatnonzero(~kept)[0]]]
        notes.append(f'{(~kept).sum()} × box outside its photo, left out; first: {first}')
    truth = DigitAnnotations(
        image_ids=np.arange(len(paths)),
        file_names=list(map(str, paths)),
        sizes=scan.sizes,
        box_image_ids=struct.rows[kept],
        bboxes=np.hstack([start, end - start])[kept],
        labels=struct.labels[kept],
        iscrowd=np.zeros(int(kept.sum()), bool),
    )
    return Part(truth, scan.signatures, notes)


def _join(parts: list[DigitAnnotations]) -> DigitAnnotations:
    """All photos in one list; image ids are counted through."""
    starts = np.cumsum([0, *(len(part.image_ids) for part in parts)])
    return DigitAnnotations(
        image_ids=np.arange(starts[-1]),
        file_names=[name for part in parts for name in part.file_names],
        sizes=np.concatenate([part.sizes for part in parts]),
        box_image_ids=np.concatenate([part.box_image_ids + start for part, start in zip(parts, starts, strict=False)]),
        bboxes=np.concatenate([part.bboxes for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        iscrowd=np.concatenate([part.iscrowd for part in parts]),
    )
