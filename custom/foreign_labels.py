"""Labels that others made, in any format: each gets the digit that it means, and everything wrong is said at once.

A format's reader gives a `SourcePhoto` for each photo; `gather` makes annotations of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from custom.annotations import DigitAnnotations
from custom.class_map import ClassMap, meanings
from custom.coco import Findings, read_boxes
from custom.errors import UserError
from custom.photo_scan import Scan, one_line, scan_photos

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
        signatures: float32 (M, 256), of `custom.near_copies`.
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
