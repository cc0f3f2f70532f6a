"""Import of the official SVHN archives of full numbers into the layout of a data set."""

import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...structures.annotations import DigitAnnotations, subset
from ...structures.photos import stays_inside
from ...utils.errors import UserError
from ...utils.files import building
from ..layout import Imported, require_free, write_layout
from ..near_duplicates import nearest_duplicates, scan_photos
from ..splits import SplitRule, assign_splits, join_annotations
from .digit_struct import read_digit_struct
from .svhn_archives import MAT, unpack


def import_svhn(source: Path, out: Path, rule: SplitRule, extra: bool = False) -> Imported:
    """Write a data set: SVHN's train split into train and valid; SVHN's test, with labels, as test.

    Photos of extra go to train, except near-duplicates of photos of valid and test.

    Args:
        source: holds train.tar.gz or train/digitStruct.mat with its photos; likewise test and extra.
        out: a new or empty folder.
        rule: settings of the random split.
        extra: whether the 202,353 easier photos are used. Defaults to False.

    Raises:
        UserError: an archive is missing or damaged, or `out` is in use or cannot be written to.
    """
    require_free(out)
    with building(out) as folder, tempfile.TemporaryDirectory(prefix='.unpacked.', dir=folder) as name:
        unpacked = Path(name)
        folders = {}
        for part in ('train', 'test', 'extra') if extra else ('train', 'test'):
            archive = source / f'{part}.tar.gz'
            if (source / part / MAT).is_file():
                folders[part] = source / part
            elif archive.is_file():
                folders[part] = unpack(archive, part, unpacked)
            elif part != 'test':
                way = 'put one there, or add --download'
                raise UserError(f'{source}: holds neither {archive.name} nor {part}/{MAT}; {way}')
        with _naming_archives(source, unpacked):
            truths, part_signatures, part_notes = zip(*map(_read_part, folders.values()), strict=True)
        truth, signatures = join_annotations(truths), np.concatenate(part_signatures)
        origin = np.repeat(list(folders), [len(part) for part in part_signatures])
        notes = [f'{part}: {note}' for part, own in zip(folders, part_notes, strict=True) for note in own]
        if 'test' not in folders:
            notes.append('no test.tar.gz and no test folder, so there is no test split')

        official = origin != 'extra'
        splits = ['test' if part == 'test' else None for part in origin[official]]
        split_of, split_notes = assign_splits(subset(truth, official), splits, signatures[official], rule)
        notes += [f'train: {note}' for note in split_notes]
        if extra:
            easy, held_out = signatures[~official], signatures[official][split_of != 'train']
            kept = np.append(official[official], nearest_duplicates(easy, held_out) < 0)  # extra is the last part
            truth, split_of = subset(truth, kept), np.append(split_of, ['train'] * len(easy))[kept]
            notes.append(f'extra: {(~kept).sum()} × near-duplicate of a photo of valid or test, left out')

        notes += write_layout(folder, truth, split_of, move_from=unpacked)
    return Imported(dict(Counter(split_of.tolist())), notes)


@contextlib.contextmanager
def _naming_archives(source: Path, unpacked: Path) -> Iterator[None]:
    """Name the archive in an error of an unpacked file, which is removed afterwards."""
    try:
        yield
    except UserError as error:
        place = rf'{re.escape(str(unpacked))}.(train|test|extra)\b'
        raise UserError(re.sub(place, lambda found: f'{source / found[1]}.tar.gz: {found[1]}', str(error))) from error


def _read_part(folder: Path) -> tuple[DigitAnnotations, np.ndarray, list[str]]:
    """Read the photos of a folder with its digitStruct.mat: annotations, signatures (M, 256), notes.

    File names are whole paths. Boxes over the edge are clipped.
    """
    struct = read_digit_struct(folder / MAT)
    if outside := [name for name in struct.names if not stays_inside(name)]:
        raise UserError(f'{folder / MAT}: {outside[0]!r} leaves the folder of the photos; download it again')
    paths = [folder / name for name in struct.names]
    scan = scan_photos(paths, folder)
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
    return truth, scan.signatures, notes
