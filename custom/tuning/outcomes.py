"""Which photos are read right, at every score threshold at once: what the choice of settings is made from."""

import dataclasses
from collections import Counter

import numpy as np

from ..reading.numbers import NOISE, find_candidates
from ..reading.rules import use_boxes
from ..reading.settings import ReaderConfig
from ..structures.annotations import DigitAnnotations, ground_truth_numbers
from ..structures.detections import Detections
from ..structures.geometry import xywh_to_xyxy

THRESHOLDS = np.arange(round(100 * NOISE), 96) / 100


class Places:
    """The places of all photos at one IoU threshold, each photo's best first.

    A threshold lets the first few of a photo's places pass, and which places there are does not hang on it. So they are
    found once for all score thresholds.
    """

    def __init__(self, detections: Detections, image_ids: np.ndarray, true: list[str], iou_thr: float) -> None:
        photos = np.searchsorted(image_ids, detections.image_ids)
        xyxy = xywh_to_xyxy(detections.bboxes)
        kept, scores = find_candidates(xyxy, detections.scores, detections.labels, iou_thr, photos)
        photos, labels = photos[kept], detections.labels[kept]
        passes = np.zeros((len(image_ids), len(THRESHOLDS) + 1), dtype=np.int64)
        np.add.at(passes, (photos, np.searchsorted(THRESHOLDS, scores, 'right')), 1)
        self.counts = passes[:, ::-1].cumsum(axis=1)[:, -2::-1]  # (photos, thresholds), how many places pass
        cuts = np.searchsorted(photos, np.arange(1, len(image_ids)))
        self.bboxes, self.scores, self.labels = (np.split(column, cuts) for column in (xyxy[kept], scores, labels))
        self.least = [self._least(own.tolist(), number) for own, number in zip(self.labels, true, strict=True)]

    @staticmethod
    def _least(labels: list[int], number: str) -> int:
        """How many places must pass until all digits of the number are among them; more than there are if never."""
        missing = Counter(map(int, number))
        for i, label in enumerate(labels):
            if not missing:
                return i
            missing -= Counter([label])
        return len(labels) if not missing else len(labels) + 1


class Outcomes:
    """Whether each photo is read right, for any setting.

    Args:
        detections: the boxes found, xywh in pixels; those of other photos do not count.
        truth: the photos and their digits.
    """

    def __init__(self, detections: Detections, truth: DigitAnnotations) -> None:
        numbers = sorted(ground_truth_numbers(truth).items())
        self.image_ids = np.array([image_id for image_id, _ in numbers], dtype=np.int64)
        self.true = [number for _, number in numbers]
        rows = (detections.scores >= THRESHOLDS[0]) & np.isin(detections.image_ids, self.image_ids)
        columns = {field.name: getattr(detections, field.name)[rows] for field in dataclasses.fields(detections)}
        self.detections = Detections(**columns)
        self.places: dict[float, Places] = {}
        self.tables: dict[ReaderConfig, np.ndarray] = {}

    def found(self, config: ReaderConfig) -> np.ndarray:
        """(photos, thresholds) bool: whether any place passes."""
        return self._places(config).counts > 0

    def hits(self, config: ReaderConfig) -> np.ndarray:
        """(photos, thresholds) bool: whether the number is right when the places that pass are used, by these rules."""
        rules = dataclasses.replace(config, score_thr=1, fallback_thrs=(), calibration=None, empty_right=1)
        if rules not in self.tables:
            self.tables[rules] = self._read(rules)
        return self.tables[rules]

    def right(self, config: ReaderConfig) -> np.ndarray:
        """(photos,) bool: whether the number is right; the thresholds must be some of THRESHOLDS."""
        steps = np.searchsorted(THRESHOLDS, config.steps)
        found = self.found(config)[:, steps]
        step = np.where(found.any(axis=1), found.argmax(axis=1), len(steps) - 1)
        return self.hits(config)[np.arange(len(found)), steps[step]]

    def _places(self, config: ReaderConfig) -> Places:
        if config.iou_thr not in self.places:
            self.places[config.iou_thr] = Places(self.detections, self.image_ids, self.true, config.iou_thr)
        return self.places[config.iou_thr]

    def _read(self, rules: ReaderConfig) -> np.ndarray:
        places = self._places(rules)
        keeps_all = rules.size_ratio is None and rules.max_gap is None and rules.max_digits is None
        hits = np.zeros(places.counts.shape, dtype=bool)
        for i, (counts, number) in enumerate(zip(places.counts, self.true, strict=True)):
            if not number:
                hits[i] = counts == 0
                continue
            passing = {len(number)} if keeps_all else set(counts.tolist())
            for count in passing:
                if count >= places.least[i]:
                    used = use_boxes(places.bboxes[i][:count], places.scores[i][:count], rules)
                    if ''.join(map(str, places.labels[i][used].tolist())) == number:
                        hits[i] |= counts == count
        return hits
