"""COCO json of digits → arrays; everything wrong with it is said at once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from custom.coco import Findings, digits_by_category, read_boxes, read_images, read_json
from custom.cores import usable_cores
from custom.errors import UserError
from custom.photos import list_photos, read_photo


@dataclass(frozen=True)
class DigitAnnotations:
    """M photos with K boxes.

    Attributes:
        image_ids: int64 (M,), every photo, in the file's order.
        file_names: M names, relative to the image folder.
        sizes: int64 (M, 2), width and height in pixels.
        box_image_ids: int64 (K,), the photo of each box.
        bboxes: float64 (K, 4), xywh in pixels, inside the photo.
        labels: int64 (K,), the digit.
        iscrowd: bool (K,), boxes that scoring leaves out.
        notes: what was mended or is worth knowing, a line each.
    """

    image_ids: np.ndarray
    file_names: list[str]
    sizes: np.ndarray
    box_image_ids: np.ndarray
    bboxes: np.ndarray
    labels: np.ndarray
    iscrowd: np.ndarray
    notes: list[str] = field(default_factory=list)

    @property
    def labelled(self) -> bool:
        """Whether there is a box to score against."""
        return not self.iscrowd.all()


def read_annotations(
    path: str | os.PathLike,
    image_dir: str | os.PathLike | None = None,
    need_boxes: bool = True,
    check: Callable[[Sequence[dict], Path], Sequence[tuple[str, str] | None]] | None = None,
) -> DigitAnnotations:
    """Read and check a COCO json whose categories are digits.

    Labels mean the digit, whatever the order or the ids of the categories; names may be strings or ints. A box with up
    to a quarter of its area over the edge is clipped; `notes` counts those, and unused categories that are no digit.

    Args:
        path: the json.
        image_dir: where its photos lie; when given, each one is decoded and its size compared. Defaults to None.
        need_boxes: whether a json without a box is refused, or is a list of unlabelled photos. Defaults to True.
        check: what finds the faults of photos. Defaults to None, `photo_faults`.

    Raises:
        UserError: one message that lists everything that cannot be mended, with counts and first examples.
    """
    data = read_json(path, need_boxes)
    wrong, notes = Findings(), Findings()
    digit_of = digits_by_category(data['categories'], data['annotations'], wrong, notes)
    images = read_images(data['images'], wrong)
    if image_dir is not None:
        for fault in filter(None, (check or photo_faults)(list(images.values()), Path(image_dir))):
            wrong.add(*fault)
    boxes = read_boxes(data['annotations'], images, digit_of, wrong, notes)
    if not images:
        wrong.add('empty set: no photo', '"images" is empty')
    elif need_boxes and not boxes and not wrong.counts:
        wrong.add('empty set: no usable box', '"annotations" has none')
    if wrong.counts:
        found = ''.join(f'\n  - {line}' for line in wrong.lines())
        raise UserError(
            f'{path}: mend {sum(wrong.counts.values())} mistakes in '
            f'{len(data["images"])} photos and {len(data["annotations"])} boxes, or leave those photos out:{found}'
        )
    return DigitAnnotations(
        image_ids=np.array(list(images), dtype=np.int64),
        file_names=[image['file_name'] for image in images.values()],
        sizes=np.array([[image['width'], image['height']] for image in images.values()], dtype=np.int64).reshape(-1, 2),
        box_image_ids=np.array([box.image_id for box in boxes], dtype=np.int64),
        bboxes=np.array([box.bbox for box in boxes], dtype=np.float64).reshape(-1, 4),
        labels=np.array([box.label for box in boxes], dtype=np.int64),
        iscrowd=np.array([box.iscrowd for box in boxes], dtype=bool),
        notes=notes.lines(),
    )


def ids_and_names(source: DigitAnnotations | str | os.PathLike) -> tuple[list[int], list[str]]:
    """The image ids and file names of annotations, or of the photos that lie in a folder.

    Raises:
        UserError: see `custom.photos.list_photos`.
    """
    if isinstance(source, DigitAnnotations):
        return source.image_ids.tolist(), source.file_names
    photos = list_photos(source)
    return [photo.image_id for photo in photos], [photo.file_name for photo in photos]


def photo_faults(images: Sequence[dict], image_dir: Path) -> list[tuple[str, str] | None]:
    """Decode photos, and compare their sizes with the json's.

    Returns:
        for each photo the kind of its fault and the case, or None.
    """

    def fault(image: dict) -> tuple[str, str] | None:
        path = image_dir / image['file_name']
        if not os.path.isfile(path):  # Path.is_file raises on long names
            return 'missing file', str(path)
        try:
            height, width = read_photo(path).shape[:2]
        except UserError as error:
            return 'unreadable file', str(error)
        said = (image['width'], image['height'])
        if (width, height) != said:
            return 'image size that differs from the file', f'{path} is {width}x{height}, not {said[0]}x{said[1]}'
        return None

    with ThreadPoolExecutor(usable_cores()) as pool:
        faults = pool.map(fault, images)
        name = f'checking {image_dir}'
        return list(tqdm(faults, name, len(images), delay=2, unit=' photos', leave=False, disable=None))
