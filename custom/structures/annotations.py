"""Ground-truth digits of a set of photos."""

import dataclasses
from dataclasses import dataclass, field
from itertools import compress

import numpy as np

from .geometry import left_to_right, row_by_row, xywh_to_xyxy


@dataclass(frozen=True)
class DigitAnnotations:
    """Annotations of M photos with K boxes.

    Attributes:
        image_ids: int64 (M,), in the file's order.
        file_names: M names, relative to the image folder.
        sizes: int64 (M, 2), width and height in pixels.
        box_image_ids: int64 (K,), the photo of each box.
        bboxes: float64 (K, 4), xywh in pixels, inside the photo.
        labels: int64 (K,), the digit.
        iscrowd: bool (K,), ignored by scores.
        notes: repairs and remarks on the file, a line each.
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
        """Whether there is a box that scores count."""
        return not self.iscrowd.all()


def subset(truth: DigitAnnotations, chosen: np.ndarray) -> DigitAnnotations:
    """Select the photos where `chosen`, bool (M,), is true, with their boxes."""
    boxes = np.isin(truth.box_image_ids, truth.image_ids[chosen])
    return dataclasses.replace(
        truth,
        image_ids=truth.image_ids[chosen],
        file_names=list(compress(truth.file_names, chosen.tolist())),
        sizes=truth.sizes[chosen],
        **{name: getattr(truth, name)[boxes] for name in ('box_image_ids', 'bboxes', 'labels', 'iscrowd')},
    )


def true_numbers(truth: DigitAnnotations) -> dict[int, str]:
    """Return image_id to number, '' without a digit; crowd boxes are ignored.

    Digits are sorted by `left_to_right`. If a digit is wholly below another one, they are sorted by `row_by_row`.
    """
    numbers = dict.fromkeys(truth.image_ids.tolist(), '')
    order = left_to_right(truth.bboxes[:, 0], truth.bboxes[:, 2])
    order = order[~truth.iscrowd[order] & np.isin(truth.box_image_ids[order], truth.image_ids)]
    order = order[np.argsort(truth.box_image_ids[order], kind='stable')]
    starts = np.flatnonzero(np.diff(truth.box_image_ids[order], prepend=truth.box_image_ids[order][:1] - 1))
    for rows in np.split(order, starts[1:]) if order.size else ():
        xyxy = xywh_to_xyxy(truth.bboxes[rows])
        if xyxy[:, 1].max() >= xyxy[:, 3].min():
            rows = rows[row_by_row(xyxy)]
        numbers[int(truth.box_image_ids[rows[0]])] = ''.join(map(str, truth.labels[rows].tolist()))
    return numbers
