"""Readings of the photos of several data sets, and whether each is right, for any settings."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..reading.numbers import NOISE, Candidates, Reading, candidates_by_photo
from ..reading.settings import ReaderConfig
from ..structures.annotations import DigitAnnotations, true_numbers
from ..structures.detections import Detections
from ..structures.geometry import xywh_to_xyxy

LOWEST = NOISE  # of the score thresholds


class LabelledSet(NamedTuple):
    """Predictions and true numbers of the photos of one data set.

    Attributes:
        name: in texts.
        detections: xywh in pixels; those on other photos are ignored.
        numbers: image_id to the numbers that are right; ('',) for a photo without a number.
        truth: the boxes of the digits. None if only the numbers are known.
    """

    name: str
    detections: Detections
    numbers: dict[int, tuple[str, ...]]
    truth: DigitAnnotations | None = None

    @classmethod
    def of_boxes(cls, name: str, detections: Detections, truth: DigitAnnotations) -> 'LabelledSet':
        """Make a set of ground-truth boxes."""
        numbers: dict[int, tuple[str, ...]] = {image_id: (number,) for image_id, number in true_numbers(truth).items()}
        return cls(name, detections, numbers, truth)


class Outcomes:
    """Whether each photo is read correctly, for any settings. Photos are in the order of the sets and of image ids.

    Attributes:
        set_of: (photos,) int64, the index of the set of each photo.
        true: for each photo, the numbers that are right.
        boxes: number of detections from LOWEST on.
    """

    def __init__(self, sets: Sequence[LabelledSet]) -> None:
        self.sets = sets
        self._ids = [sorted(one.numbers) for one in sets]
        self.set_of = np.repeat(np.arange(len(sets)), [len(ids) for ids in self._ids])
        self.true = [one.numbers[image_id] for one, ids in zip(sets, self._ids, strict=True) for image_id in ids]
        self._kept = [_kept(one) for one in sets]
        self.boxes = sum(map(len, self._kept))
        self._candidates: dict[float, list[Candidates]] = {}
        self._readings: dict[ReaderConfig, list[Reading]] = {}
        self._right: dict[ReaderConfig, np.ndarray] = {}

    def weights(self, rows: np.ndarray) -> np.ndarray:
        """Return the weights (R,) of some photos, (R,) indices, in the mean over the sets; their sum is 1."""
        own = self.set_of[rows]
        counts = np.bincount(own, minlength=len(self.sets))
        return 1 / (counts[own] * np.count_nonzero(counts))

    def readings(self, config: ReaderConfig) -> list[Reading]:
        """Read all photos, without a calibration."""
        config = _rules_of(config)
        if config not in self._readings:
            self._readings[config] = [photo.reading(config) for photo in self._candidates_at(config.iou_thr)]
        return self._readings[config]

    def right(self, config: ReaderConfig) -> np.ndarray:
        """(photos,) bool: whether the number is right."""
        config = _rules_of(config)
        if config not in self._right:
            pairs = zip(self._candidates_at(config.iou_thr), self.true, strict=True)
            self._right[config] = np.array([photo.number(config) in true for photo, true in pairs], dtype=bool)
        return self._right[config]

    def _candidates_at(self, iou_thr: float) -> list[Candidates]:
        if iou_thr in self._candidates:
            return self._candidates[iou_thr]
        config = ReaderConfig(LOWEST, iou_thr)
        photos = self._candidates.setdefault(iou_thr, [])
        for found, ids in zip(self._kept, self._ids, strict=True):
            xyxy = xywh_to_xyxy(found.bboxes)
            photos += candidates_by_photo(xyxy, found.scores, found.labels, found.image_ids, ids, config)
        return photos


def _kept(one: LabelledSet) -> Detections:
    return one.detections[(one.detections.scores >= LOWEST) & np.isin(one.detections.image_ids, list(one.numbers))]


def _rules_of(config: ReaderConfig) -> ReaderConfig:
    return replace(config, calibration=None, empty_right=1.0)
