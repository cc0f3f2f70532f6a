"""Right and wrong readings of every photo, at all score thresholds at once."""

import dataclasses
from collections import Counter

import numpy as np

from ..reading.numbers import NOISE, find_candidates
from ..reading.rules import use_boxes
from ..reading.settings import ReaderConfig
from ..structures.annotations import DigitAnnotations, true_numbers
from ..structures.detections import Detections
from ..structures.geometry import xywh_to_xyxy

THRESHOLDS = np.arange(round(100 * NOISE), 96) / 100


class Candidates:
    """Candidate digits of all photos at one IoU threshold, by falling score; a score threshold lets the first pass."""

    def __init__(self, detections: Detections, image_ids: np.ndarray, iou_thr: float) -> None:
        photos = np.searchsorted(image_ids, detections.image_ids)
        xyxy = xywh_to_xyxy(detections.bboxes)
        kept, scores = find_candidates(xyxy, detections.scores, detections.labels, iou_thr, photos)
        photos, labels = photos[kept], detections.labels[kept]
        passes = np.zeros((len(image_ids), len(THRESHOLDS) + 1), dtype=np.int64)
        np.add.at(passes, (photos, np.searchsorted(THRESHOLDS, scores, 'right')), 1)
        self.counts = passes[:, ::-1].cumsum(axis=1)[:, -2::-1]  # (photos, thresholds), passing candidates
        cuts = np.searchsorted(photos, np.arange(1, len(image_ids)))
        self.bboxes, self.scores, self.labels = (np.split(column, cuts) for column in (xyxy[kept], scores, labels))


class Outcomes:
    """Whether each photo is read correctly, for any setting.

    Args:
        detections: xywh in pixels; detections on other photos are dropped.
        truth: the photos and their digits.
    """

    def __init__(self, detections: Detections, truth: DigitAnnotations) -> None:
        numbers = sorted(true_numbers(truth).items())
        self.image_ids = np.array([image_id for image_id, _ in numbers], dtype=np.int64)
        self.true = [number for _, number in numbers]
        rows = (detections.scores >= THRESHOLDS[0]) & np.isin(detections.image_ids, self.image_ids)
        self.detections = detections[rows]
        self._candidates: dict[float, Candidates] = {}
        self._tables: dict[ReaderConfig, np.ndarray] = {}

    def any_passes(self, config: ReaderConfig) -> np.ndarray:
        """(photos, thresholds) bool: whether any candidate passes."""
        return self._candidates_at(config.iou_thr).counts > 0

    def hits(self, config: ReaderConfig) -> np.ndarray:
        """(photos, thresholds) bool: whether the number of the passing candidates is right, by the rules of config."""
        rules = dataclasses.replace(config, score_thr=1, fallback_thrs=(), calibration=None, empty_right=1)
        if rules not in self._tables:
            self._tables[rules] = self._read(rules)
        return self._tables[rules]

    def right(self, config: ReaderConfig) -> np.ndarray:
        """(photos,) bool: whether the number is right; the thresholds must be some of THRESHOLDS."""
        steps = np.searchsorted(THRESHOLDS, config.steps)
        passes = self.any_passes(config)[:, steps]
        step = np.where(passes.any(axis=1), passes.argmax(axis=1), len(steps) - 1)
        return self.hits(config)[np.arange(len(passes)), steps[step]]

    def _candidates_at(self, iou_thr: float) -> Candidates:
        if iou_thr not in self._candidates:
            self._candidates[iou_thr] = Candidates(self.detections, self.image_ids, iou_thr)
        return self._candidates[iou_thr]

    def _read(self, rules: ReaderConfig) -> np.ndarray:
        candidates = self._candidates_at(rules.iou_thr)
        hits = np.zeros(candidates.counts.shape, dtype=bool)
        for i, (counts, number) in enumerate(zip(candidates.counts, self.true, strict=True)):
            if not number:
                hits[i] = counts == 0
                continue
            digits = ''.join(map(str, candidates.labels[i].tolist()))
            for count in set(counts.tolist()):
                if not Counter(number) - Counter(digits[:count]):  # all digits of the number are there
                    used = use_boxes(candidates.bboxes[i][:count], candidates.scores[i][:count], rules)
                    if ''.join(digits[j] for j in used) == number:
                        hits[i] |= counts == count
        return hits
