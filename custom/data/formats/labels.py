"""Labels that others made, in any format: each gets the digit that it means, and everything wrong is said at once.

A format's reader gives a `SourcePhoto` for each photo; `gather` makes annotations of them.
"""

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ...structures.annotations import DigitAnnotations
from ...structures.digits import DIGITS
from ...structures.photos import SUFFIXES, natural_key
from ...utils.errors import UserError
from ...utils.messages import one_line
from ..coco_reading import Findings, read_boxes
from ..photo_scan import Scan, scan_photos

ClassMap = Mapping[str, int | None]
MOST_NAMES = 10  # unknown labels that a message lists


def parse_classes(pairs: Sequence[str]) -> dict[str, int | None]:
    """What `--classes NAME=DIGIT …` says; None for boxes that are to be left out, `NAME=none`.

    Raises:
        UserError: a pair is no such thing, or a name is there twice.

    Example:
        >>> parse_classes(['ten=0', 'plate=none'])
        {'ten': 0, 'plate': None}
    """
    classes: dict[str, int | None] = {}
    for pair in pairs:
        name, equals, digit = pair.rpartition('=')
        if not equals or digit not in (*DIGITS, 'none'):
            raise UserError(f'--classes {pair}: wanted is NAME=DIGIT with a digit from 0 to 9, or NAME=none')
        if name.strip() in classes:
            raise UserError(f'--classes: {name.strip()!r} is there twice; give each name once')
        classes[name.strip()] = None if digit == 'none' else int(digit)
    return classes


def meanings(source: Path, labels: Iterable[tuple[str, str]], classes: ClassMap) -> dict[str, int | None]:
    """The digit of every name, None for one whose boxes are left out: '0' to '9' and `classes`.

    Args:
        source: what messages call the labels' source.
        labels: the name of each label, and the place where it stands.
        classes: see `parse_classes`.

    Raises:
        UserError: a name is neither a digit nor in `classes`.
    """
    known: dict[str, int | None] = {**{name: int(name) for name in DIGITS}, **classes}
    unknown: Counter[str] = Counter()
    first: dict[str, str] = {}
    for name, where in labels:
        if name not in known:
            unknown[name] += 1
            first.setdefault(name, where)
    if not unknown:
        return known
    listed = sorted(unknown.most_common(MOST_NAMES), key=lambda pair: natural_key(pair[0]))
    more = f' and {len(unknown) - len(listed)} more' if len(unknown) > len(listed) else ''
    said = ', '.join(f'{name!r} ({count} boxes; first: {first[name]})' for name, count in listed)
    way = ' '.join(f'{shlex.quote(name)}=DIGIT' for name, _ in listed)
    raise UserError(
        f'{source}: labels that are no digit: {said}{more}; say which digit each one means, by '
        f'--classes {way} (or =none: such boxes are left out)'
    )


ITSELF: dict[int, int | None] = {digit: digit for digit in range(10)}


class SourceBox(NamedTuple):
    """A box as it was labelled.

    Attributes:
        where: file and place in it, for messages.
        label: the name of its class.
        bbox: xywh; in pixels, or as shares of the photo's sides.
        iscrowd: whether scoring leaves it out. Defaults to False.
    """

    where: str
    label: str
    bbox: list[float]
    iscrowd: bool = False


@dataclass
class SourcePhoto:
    """A photo as it was labelled.

    Attributes:
        path: its file.
        split: 'train', 'valid' or 'test' where the source says so. Defaults to None.
        boxes: what is on it; None where nobody has labelled it. Defaults to None.
        relative: whether boxes are shares of the photo's sides, not pixels. Defaults to False.
        size: width and height in pixels as the labels say, where they do. Defaults to None.
        faults: what is wrong with its labels: kind and example of each. Defaults to [].
    """

    path: Path
    split: str | None = None
    boxes: list[SourceBox] | None = None
    relative: bool = False
    size: tuple[int, int] | None = None
    faults: list[tuple[str, str]] = field(default_factory=list)


class Gathered(NamedTuple):
    """M photos with their digits, checked.

    Attributes:
        truth: the annotations; file names are whole paths.
        splits: M splits as in the source, None where it does not say.
        labelled: bool (M,), whether somebody has labelled the photo.
        signatures: float32 (M, 256), of `custom.data.near_duplicates`.
        notes: what was mended or left out, a line each.
    """

    truth: DigitAnnotations
    splits: list[str | None]
    labelled: np.ndarray
    signatures: np.ndarray
    notes: list[str]


def gather(source: Path, photos: Sequence[SourcePhoto], classes: ClassMap, skip_bad: bool = False) -> Gathered:
    """Look at every photo, give each label its digit, and check every box.

    Names '0' to '9' mean what they say; any other needs an entry in `classes`.

    Args:
        source: what messages call it.
        photos: from a format's reader.
        classes: the digit that a label means, None to leave its boxes out.
        skip_bad: whether photos with a mistake are left out, and counted in the notes. Defaults to False, all mistakes
            are raised.

    Raises:
        UserError: a label with no digit, mistakes in photos or labels, or no labelled photo is left.
    """
    meaning = meanings(source, ((box.label, box.where) for photo in photos for box in photo.boxes or ()), classes)
    scan = scan_photos([photo.path for photo in photos])
    wrong, notes = Findings(), Findings()
    kept: list[int] = []
    boxes = []
    for i, photo in enumerate(tqdm(photos, 'checking labels', delay=2, unit=' photos', leave=False, disable=None)):
        own = Findings()
        found = _photo_boxes(i, photo, scan, meaning, own, notes)
        for kind, example in own.examples.items():
            wrong.counts[kind] += own.counts[kind]
            wrong.examples.setdefault(kind, example)
        if not own.counts:
            kept.append(i)
            boxes += found
    lines = wrong.lines()
    if lines and not skip_bad:
        listed = ''.join(f'\n  - {line}' for line in lines)
        raise UserError(
            f'{source}: {len(photos) - len(kept)} of {len(photos)} photos have mistakes; mend them, or leave those '
            f'photos out with --skip-bad:{listed}'
        )
    if not boxes:
        raise UserError(f'{source}: no labelled digit is left; give photos with boxes around their digits')
    skipped = [f'{len(photos) - len(kept)} × photo with mistakes, left out:', *lines] if lines else []
    return Gathered(
        DigitAnnotations(
            image_ids=np.array(kept, dtype=np.int64),
            file_names=[str(photos[i].path) for i in kept],
            sizes=scan.sizes[kept],
            box_image_ids=np.array([box.image_id for box in boxes], dtype=np.int64),
            bboxes=np.array([box.bbox for box in boxes], dtype=np.float64).reshape(-1, 4),
            labels=np.array([box.label for box in boxes], dtype=np.int64),
            iscrowd=np.array([box.iscrowd for box in boxes], dtype=bool),
        ),
        [photos[i].split for i in kept],
        np.array([photos[i].boxes is not None for i in kept], dtype=bool),
        scan.signatures[kept],
        notes.lines() + skipped,
    )


def _photo_boxes(i: int, photo: SourcePhoto, scan: Scan, meaning: ClassMap, wrong: Findings, notes: Findings) -> list:
    """The boxes of a photo, in pixels, with their digits; what is wrong goes to `wrong`."""
    for kind, example in photo.faults:
        wrong.add(kind, example)
    if i in scan.faults:
        wrong.add('unreadable photo', scan.faults[i])
        return []
    width, height = scan.sizes[i].tolist()
    if photo.size and photo.size != (width, height):
        wrong.add(
            'photo whose size is not what its labels say',
            f'{one_line(photo.path)} is {width}x{height}, not {photo.size[0]}x{photo.size[1]}',
        )
    scale = (width, height, width, height) if photo.relative else (1, 1, 1, 1)
    entries = []
    for box in photo.boxes or ():
        digit = meaning[box.label]
        if digit is None:
            notes.add('box left out, as --classes says', f'{box.where}: {box.label!r}')
            continue
        bbox = [value * side for value, side in zip(box.bbox, scale, strict=True)]
        bbox = [round(value, 3) for value in bbox] if photo.relative else bbox  # shares have some 6 decimals
        entries.append({'id': box.where, 'image_id': i, 'category_id': digit, 'bbox': bbox, 'iscrowd': box.iscrowd})
    return read_boxes(entries, {i: {'width': width, 'height': height}}, ITSELF, wrong, notes)


SPLIT_OF = {
    'train': 'train',
    'training': 'train',
    'val': 'valid',
    'valid': 'valid',
    'validation': 'valid',
    'test': 'test',
}


def files_below(folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """All files below a folder whose names end so, in natural order; hidden files and folders are passed over.

    Raises:
        UserError: no such folder, or one that may not be read.
    """

    def refuse(error: OSError) -> None:
        raise UserError(f'{one_line(error.filename)}: cannot be read ({error.strerror}); check its permissions')

    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the one that holds the photos and their labels')
    found = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if name[0] != '.']
        found += [Path(parent, name) for name in names if name[0] != '.' and name.lower().endswith(suffixes)]
    return sorted(found, key=lambda path: [natural_key(part) for part in path.parts])


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without the mark of byte order.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_text(encoding='utf-8-sig')
    except OSError as error:
        raise UserError(f'{one_line(path)}: cannot be read ({error.strerror}); check its permissions') from None
    except UnicodeDecodeError:
        raise UserError(f'{one_line(path)}: is no text in UTF-8; save it as such') from None


def split_in_path(path: Path) -> str | None:
    """The split that a folder of a relative path names; None where there is none.

    Example:
        >>> split_in_path(Path('images/val/7.png'))
        'valid'
    """
    return next((SPLIT_OF[part.lower()] for part in path.parent.parts if part.lower() in SPLIT_OF), None)


def replaced_folder(path: Path, base: Path, old: str, new: str) -> Path | None:
    """`path` with its last folder called `old` below `base` called `new` instead; None where there is none."""
    parts = list(path.relative_to(base).parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] == old:
            return base.joinpath(*parts[:i], new, *parts[i + 1 :])
    return None
