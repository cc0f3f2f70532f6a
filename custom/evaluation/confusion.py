"""Which digits are taken for which: the boxes that were read beside the true ones, and what has no other side."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..reading.numbers import Reading
from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections
from ..structures.geometry import ious, xywh_to_xyxy

# Of 3,637 digits in numbers that were read right, 12 overlap their true box by an IoU under 0.5 and 2 by one under 0.3.
SAME_IOU = 0.3
NOTHING = 10  # in place of a digit: none is there (a phantom), or none was read (missed)


class PhotoDigits(NamedTuple):
    """The boxes of one photo.

    Attributes:
        read: (D, 4) xyxy in pixels, those that make up the number, in reading order.
        true: (T, 4) xyxy in pixels, those of the truth.
        read_labels: (D,) the digits.
        true_labels: (T,) the digits.
        pairs: (read, true) indices of the boxes that mean one another.
        ignored: indices of `read` that lie on what scoring leaves out.
    """

    read: np.ndarray
    true: np.ndarray
    read_labels: np.ndarray
    true_labels: np.ndarray
    pairs: list[tuple[int, int]]
    ignored: list[int]

    @classmethod
    def untold(cls, detections: Detections, reading: Reading) -> 'PhotoDigits':
        """The boxes of a reading on a photo whose truth is not known."""
        read, none = xywh_to_xyxy(detections.bboxes[reading.used]), np.zeros(0, dtype=np.int64)
        return cls(read, np.zeros((0, 4)), detections.labels[reading.used], none, [], [])

    def outcomes(self) -> list[tuple[int, int]]:
        """(true digit, digit read) of every true box, in their order, and of every phantom."""
        read_of = {true: read for read, true in self.pairs}
        taken = {*read_of.values(), *self.ignored}
        labels = [*self.read_labels.tolist(), NOTHING]
        found = [(label, labels[read_of.get(i, -1)]) for i, label in enumerate(self.true_labels.tolist())]
        return found + [(NOTHING, labels[i]) for i in range(len(self.read)) if i not in taken]


def pair_boxes(one: np.ndarray, other: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (i, j) of boxes (N, 4) and (M, 4), xyxy in pixels: the largest IoU first, each box once, from SAME_IOU on.

    Example:
        >>> pair_boxes(np.array([[0, 0, 10, 10.0]]), np.array([[50, 0, 60, 10], [1, 0, 11, 10.0]]))
        [(0, 1)]
    """
    overlaps = ious(one[:, None], other)
    pairs: list[tuple[int, int]] = []
    for i, j in zip(*np.unravel_index(np.argsort(-overlaps, axis=None, kind='stable'), overlaps.shape), strict=True):
        if overlaps[i, j] < SAME_IOU:
            break
        if all(i != taken and j != others for taken, others in pairs):
            pairs.append((int(i), int(j)))
    return pairs


def compare_digits(
    detections: Detections, readings: Mapping[int, Reading], truth: DigitAnnotations
) -> dict[int, PhotoDigits]:
    """What was read beside what is true, for every photo of `truth`, by image_id.

    Args:
        detections: the boxes found, xywh in pixels.
        readings: as `custom.reading.numbers.read_numbers` gives them for `detections` and the photos of `truth`.
        truth: photos and their boxes, xywh in pixels.
    """
    order = np.argsort(truth.box_image_ids, kind='stable')
    ids = truth.image_ids.tolist()
    cuts = (np.searchsorted(truth.box_image_ids[order], ids, side) for side in ('left', 'right'))
    found = {}
    for image_id, start, stop in zip(ids, *(cut.tolist() for cut in cuts), strict=True):
        used, rows = readings[image_id].used, order[start:stop]
        read, every = xywh_to_xyxy(detections.bboxes[used]), xywh_to_xyxy(truth.bboxes[rows])
        own = ~truth.iscrowd[rows]
        pairs = pair_boxes(read, every[own])
        left = [i for i in range(len(used)) if i not in {i for i, _ in pairs}]
        ignored = [left[i] for i, _ in pair_boxes(read[left], every[~own])]
        found[image_id] = PhotoDigits(
            read, every[own], detections.labels[used], truth.labels[rows][own], pairs, ignored
        )
    return found


def confusion_matrix(photos: Mapping[int, PhotoDigits]) -> np.ndarray:
    """(11, 11) int64: rows are true digits, columns those read; row 10 has the phantoms, column 10 what was missed.

    Example:
        >>> none = np.zeros((0, 4))
        >>> photo = PhotoDigits(none, np.array([[0, 0, 9, 9.0]]), np.array([]), np.array([7]), [], [])
        >>> int(confusion_matrix({1: photo})[7, NOTHING])
        1
    """
    counts = np.zeros((NOTHING + 1, NOTHING + 1), dtype=np.int64)
    for photo in photos.values():
        for outcome in photo.outcomes():
            counts[outcome] += 1
    return counts
