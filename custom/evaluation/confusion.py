"""Confusion matrix of the digits, from the boxes read and the ground truth."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..reading.numbers import Reading
from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections
from ..structures.geometry import ious, xywh_to_xyxy

# Of 3,637 digits in correctly read numbers, 12 have an IoU with their ground truth under 0.5 and 2 one under 0.3.
SAME_IOU = 0.3
BACKGROUND = 10  # instead of a digit: the true one of an insertion (phantom), the one read of a deletion (missed)


class PhotoDigits(NamedTuple):
    """The boxes of one photo."""

    read: np.ndarray  # (D, 4) xyxy in pixels, the boxes of the number, in reading order
    true: np.ndarray  # (T, 4) xyxy in pixels, the ground truth
    read_labels: np.ndarray  # (D,) the digits
    true_labels: np.ndarray  # (T,) the digits
    pairs: list[tuple[int, int]]  # (read, true) indices of matched boxes
    ignored: list[int]  # indices of `read` on crowd regions

    @classmethod
    def without_truth(cls, detections: Detections, reading: Reading) -> 'PhotoDigits':
        """Take the boxes of a reading on a photo without ground truth."""
        read, none = xywh_to_xyxy(detections.bboxes[reading.used]), np.zeros(0, dtype=np.int64)
        return cls(read, np.zeros((0, 4)), detections.labels[reading.used], none, [], [])

    def label_pairs(self) -> list[tuple[int, int]]:
        """List (true digit, digit read) of every ground-truth box, in their order, and of every insertion."""
        read_of = {true: read for read, true in self.pairs}
        taken = {*read_of.values(), *self.ignored}
        labels = [*self.read_labels.tolist(), BACKGROUND]
        pairs = [(label, labels[read_of.get(i, -1)]) for i, label in enumerate(self.true_labels.tolist())]
        return pairs + [(BACKGROUND, labels[i]) for i in range(len(self.read)) if i not in taken]


def pair_boxes(some: np.ndarray, others: np.ndarray) -> list[tuple[int, int]]:
    """Match boxes (N, 4) and (M, 4), xyxy in pixels, greedily by falling IoU, from SAME_IOU on."""
    overlaps = ious(some[:, None], others)
    pairs: list[tuple[int, int]] = []
    for i, j in zip(*np.unravel_index(np.argsort(-overlaps, axis=None, kind='stable'), overlaps.shape), strict=True):
        if overlaps[i, j] < SAME_IOU:
            break
        if all(i != one and j != other for one, other in pairs):
            pairs.append((int(i), int(j)))
    return pairs


def compare_digits(
    detections: Detections, readings: Mapping[int, Reading], truth: DigitAnnotations
) -> dict[int, PhotoDigits]:
    """Match the boxes read to the ground truth of every photo of `truth`; boxes are xywh in pixels.

    `readings` come from `custom.reading.numbers.read_numbers` of the detections. Returns image_id to boxes.
    """
    photos = {}
    for image_id in truth.image_ids.tolist():
        used, rows = readings[image_id].used, np.flatnonzero(truth.box_image_ids == image_id)
        read, every, counts = (
            xywh_to_xyxy(detections.bboxes[used]),
            xywh_to_xyxy(truth.bboxes[rows]),
            ~truth.iscrowd[rows],
        )
        pairs = pair_boxes(read, every[counts])
        left = [i for i in range(len(used)) if i not in {i for i, _ in pairs}]
        ignored = [left[i] for i, _ in pair_boxes(read[left], every[~counts])]
        labels = detections.labels[used], truth.labels[rows][counts]
        photos[image_id] = PhotoDigits(read, every[counts], *labels, pairs, ignored)
    return photos


def confusion_matrix(photos: Mapping[int, PhotoDigits]) -> np.ndarray:
    """Count (true digit, digit read) as (11, 11) int64; row 10 counts insertions, column 10 deletions."""
    counts = np.zeros((BACKGROUND + 1, BACKGROUND + 1), dtype=np.int64)
    for photo in photos.values():
        for pair in photo.label_pairs():
            counts[pair] += 1
    return counts
