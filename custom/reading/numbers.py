"""From boxes, scores and labels to the numbers on a photo.

Class-agnostic NMS leaves candidate digits (`find_candidates`). The rules of `custom.reading.rules` make numbers of the
candidates above the score threshold. No model is needed: pred.json can be read again with other settings.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..structures.detections import Detections
from ..structures.digits import DIGITS
from ..structures.geometry import ious, nms, pairs_of_a_group, xywh_to_xyxy
from .calibration import logit
from .rules import find_numbers, irregularity, of_one_size, reading_order, typical_height
from .settings import DEFAULTS, ReaderConfig

NOISE = 0.05  # boxes with a lower score are no evidence
WEAKEST = 0.1  # score of a digit that completes a number of a known length
CERTAIN = 6.0  # logit of 0.9975; scores above that tell nothing more, and would dominate a regression
SHARP = 24  # height in pixels of a digit that is easily read
SAME_DIGIT_IOU = 0.6  # boxes that overlap by more are detections of one digit, whatever their labels


def find_candidates(
    bboxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou_thr: float, photos: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the candidate digits of each photo and score them.

    A blurred digit may score 0.4 as 3 and 0.5 as 5: its class is uncertain, its presence is not. The score of a
    candidate is therefore the mean of the score of its best box and of the sum over the labels, at most 1. Each label
    adds its best box of NOISE or more there. docs/accuracy.md has the gain.

    Args:
        bboxes: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        iou_thr: for the NMS of the boxes of one photo.
        photos: (N,) the photo of each box, a number.

    Returns:
        (C,) int64 index of the best box of each candidate, photo by photo, best candidate first; (C,) their scores.

    Example:
        >>> boxes = np.array([[0, 0, 10, 20], [1, 0, 11, 20], [12, 0, 22, 20.0]])
        >>> indices, scores = find_candidates(boxes, np.array([0.5, 0.4, 0.6]), np.array([5, 3, 1]), 0.3, np.zeros(3))
        >>> indices.tolist(), scores.tolist()
        ([0, 2], [0.7, 0.6])
    """
    kept = nms(bboxes, scores, iou_thr, photos)
    own = scores[kept].clip(max=1)
    best = np.zeros((len(kept), len(DIGITS)))  # best score of each label at each candidate
    evidence = np.flatnonzero(scores >= NOISE)
    box, candidate = pairs_of_a_group(photos[evidence], photos[kept])
    box = evidence[box]
    overlaps = ious(bboxes[box], bboxes[kept[candidate]])
    near = np.flatnonzero(overlaps > SAME_DIGIT_IOU)
    near = near[np.lexsort((-candidate[near], overlaps[near], box[near]))]
    near = near[np.diff(box[near], append=-1) != 0]  # the candidate with the greatest overlap; of equal ones the best
    np.maximum.at(best, (candidate[near], labels[box[near]]), scores[box[near]])
    best[np.arange(len(kept)), labels[kept]] = own
    means = (own + best.sum(axis=1).clip(max=1)) / 2
    order = np.lexsort((-means, photos[kept]))
    return kept[order], means[order]


class Evidence(NamedTuple):
    """Evidence that a number is right; more is better. `ReaderConfig.calibration` weighs it.

    Attributes:
        product: logit of the raw confidence. The raw confidence is the product of the scores of the boxes used, times 1
            - score of the best box of every other candidate of a similar size beside the number. For the main number a
            factor follows: its share in the weight of all numbers of the photo.
        least: logit of the lowest score of the boxes used.
        left_out: minus the sum of the scores of the confident candidates that the main number leaves out. A candidate
            counts less if it is smaller than the digits of the number. 0 for the other numbers of the photo.
        irregular: minus the irregularity of the spacing (`rules.irregularity`), at most 1.
        small: minus the halvings from SHARP pixels to the height of the digits; 0 for larger digits.
        single: -1 for a number of one digit, 0 for others.
        length: logarithm, base 2, of the number of digits.

    Logits are clipped to ± CERTAIN.
    """

    product: float
    least: float
    left_out: float
    irregular: float
    small: float
    single: float
    length: float


class NumberRead(NamedTuple):
    """One number of a photo: its digits, its confidence, and `used`, (D,) int64 indices in reading order."""

    number: str
    confidence: float
    used: np.ndarray
    evidence: Evidence


class Reading(NamedTuple):
    """Numbers read from one photo.

    Attributes:
        number: the digits of the main number in reading order, leading zeros kept; '' without any. The main number has
            the greatest weight: the sum of score times height over its digits, times its lowest score. A large number
            counts more than small text, a long register more than a short label, and sure digits more than guesses.
        confidence: probability that the answer is right, 0..1. Raw: see `Evidence.product`. A calibration weighs all
            evidence. Without a number: the product of 1 - score over all candidates, times `empty_right`.
        used: (D,) int64, indices of the boxes used, in reading order.
        numbers: all numbers of the photo in reading order, by row and from left to right.
        left_out: (L,) int64, indices of the confident boxes that are not in `number`, best first.
    """

    number: str
    confidence: float
    used: np.ndarray
    numbers: tuple[NumberRead, ...] = ()
    left_out: np.ndarray = np.zeros(0, dtype=np.int64)

    @property
    def evidence(self) -> Evidence | None:
        """Evidence for the main number; None without a number."""
        return next((one.evidence for one in self.numbers if one.used is self.used), None)


class Candidates(NamedTuple):
    """Candidates of one photo, best first: row, box xyxy in pixels, score of the best box, score, label."""

    rows: np.ndarray
    bboxes: np.ndarray
    own: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def number(self, config: ReaderConfig) -> str:
        """Return the main number, as `reading` does, in half of its time."""
        return self._text(self._choose(config)[1])

    def reading(self, config: ReaderConfig) -> Reading:
        """Read the numbers by the rules of `custom.reading.rules`."""
        found, main, confident = self._choose(config)
        if not found:
            return Reading('', float((1 - self.own).prod()) * config.empty_right, self.rows[:0])
        order = reading_order(np.array([self._extent(used) for used in found])) if len(found) > 1 else [0]
        left_out = sorted(set(range(confident)) - set(main))
        share = self._weight(main) / max(sum(map(self._weight, found)), 1e-9)
        rest = [(left_out, share) if used is main else ([], 1.0) for used in found]
        numbers = [self._number(found[i], *rest[i], config) for i in order]
        answer = next(one for one, i in zip(numbers, order, strict=True) if found[i] is main)
        return Reading(answer.number, answer.confidence, answer.used, tuple(numbers), self.rows[left_out])

    def _choose(self, config: ReaderConfig) -> tuple[list[list[int]], list[int], int]:
        """Return all numbers, the main one, and how many candidates are confident; no number if none is."""
        score_thr = next((step for step in config.steps if (self.scores[:1] >= step).any()), None)
        if score_thr is None:
            return [], [], 0
        found = find_numbers(self.bboxes, self.scores, score_thr, config)
        main = max(found, key=self._weight) if len(found) > 1 else found[0]
        if config.digits is not None and len(main) != config.digits:
            found, main = self._of_length(found, score_thr, config)
        return found, main, np.count_nonzero(self.scores >= score_thr)

    def _text(self, used: list[int]) -> str:
        return ''.join(map(str, self.labels[used].tolist()))

    def _weight(self, used: list[int]) -> float:
        heights = self.bboxes[used, 3] - self.bboxes[used, 1]
        return float((self.scores[used] * heights).sum() * self.own[used].min())

    def _extent(self, used: list[int]) -> np.ndarray:
        return np.concatenate([self.bboxes[used, :2].min(axis=0), self.bboxes[used, 2:].max(axis=0)])

    def _of_length(
        self, found: list[list[int]], score_thr: float, config: ReaderConfig
    ) -> tuple[list[list[int]], list[int]]:
        """Return numbers and the main one of `config.digits` digits, if candidates form one.

        Other numbers than the main one, then fewer weak candidates, then weaker ones are tried. Without success the
        numbers stay.
        """
        looser = [replace(config, weak_thr=weak_thr) for weak_thr in (1.0, WEAKEST)]
        for numbers in (found, *(find_numbers(self.bboxes, self.scores, score_thr, other) for other in looser)):
            if fitting := [used for used in numbers if len(used) == config.digits]:
                return numbers, max(fitting, key=self._weight)
        return found, max(found, key=self._weight)

    def _number(self, used: list[int], left_out: list[int], share: float, config: ReaderConfig) -> NumberRead:
        """Make a number that leaves out confident candidates, and has a share of all numbers."""
        raw = self._raw(used, config) * share
        evidence = self._evidence(used, left_out, raw)
        if config.digits is not None and len(used) != config.digits:
            confidence = 0.0
        else:
            confidence = config.calibration.confidence(evidence) if config.calibration else raw
        return NumberRead(self._text(used), confidence, self.rows[used], evidence)

    def _evidence(self, used: list[int], left_out: list[int], raw: float) -> Evidence:
        heights = self.bboxes[:, 3] - self.bboxes[:, 1]
        height = max(typical_height(self.bboxes[used], self.scores[used]), 1e-9)
        return Evidence(
            float(logit(raw).clip(-CERTAIN, CERTAIN)),
            float(logit(self.own[used].min()).clip(-CERTAIN, CERTAIN)),
            -float((self.scores[left_out] * (heights[left_out] / height).clip(max=1)).sum()),
            -min(irregularity(self.bboxes[used]), 1.0),
            -max(math.log2(SHARP / height), 0.0),
            -float(len(used) == 1),
            math.log2(len(used)),
        )

    def _raw(self, used: list[int], config: ReaderConfig) -> float:
        boxes, others = self.bboxes[used], np.ones(len(self.rows), dtype=bool)
        others[used] = False
        height = typical_height(boxes, self.scores[used])
        if others.any() and config.size_ratio is not None:
            others &= of_one_size(self.bboxes, height, config.size_ratio)
        if others.any() and config.max_gap is not None:
            gaps = np.maximum(
                boxes[:, :2].min(axis=0) - self.bboxes[:, 2:], self.bboxes[:, :2] - boxes[:, 2:].max(axis=0)
            )
            others &= (gaps <= config.max_gap * height).all(axis=1)
        return float(self.own[used].prod() * (1 - self.own[others]).prod())


def candidates_by_photo(
    bboxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, photos: np.ndarray, ids: list[int], config: ReaderConfig
) -> list[Candidates]:
    """Return the candidates of each photo of `ids`; bboxes (N, 4) xyxy in pixels, the photo of each in `photos` (N,).

    Of `config`, the IoU threshold is used, and the lowest score threshold if it is below NOISE.
    """
    kept = np.flatnonzero(scores >= min(NOISE, config.steps[-1]))
    rows, candidate_scores = find_candidates(bboxes[kept], scores[kept], labels[kept], config.iou_thr, photos[kept])
    rows = kept[rows]
    columns = rows, bboxes[rows], scores[rows].clip(max=1), candidate_scores, labels[rows]
    starts, stops = (np.searchsorted(photos[rows], ids, side).tolist() for side in ('left', 'right'))
    return [Candidates(*(column[start:stop] for column in columns)) for start, stop in zip(starts, stops, strict=True)]


def read_number(
    bboxes_xyxy: ArrayLike, scores: ArrayLike, labels: ArrayLike, config: ReaderConfig = DEFAULTS
) -> Reading:
    """Read the number on one photo; `used` indexes the arrays given.

    Args:
        bboxes_xyxy: (N, 4) xyxy in pixels.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        config: thresholds and rules. Defaults to DEFAULTS, as ReaderConfig().

    Raises:
        ValueError: the lengths of the arrays differ, or a label is no digit.

    Example:
        >>> read_number([[9, 0, 15, 9], [2, 0, 8, 9]], [0.8, 0.5], [5, 0]).number
        '05'
    """
    bboxes = np.asarray(bboxes_xyxy, dtype=np.float64).reshape(-1, 4)
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if scores.shape != (len(bboxes),) or labels.shape != (len(bboxes),):
        raise ValueError(f'{len(bboxes)} boxes, scores of shape {scores.shape}, labels of shape {labels.shape}')
    if not np.isin(labels, range(len(DIGITS))).all():
        raise ValueError(f'labels {sorted(set(labels.tolist()))}: must be 0 to 9')
    photos = np.zeros(len(bboxes), dtype=np.int64)
    return candidates_by_photo(bboxes, scores, labels, photos, [0], config)[0].reading(config)


def read_numbers(
    detections: Detections, image_ids: Iterable[int], config: ReaderConfig = DEFAULTS
) -> dict[int, Reading]:
    """Read the number on every photo; return image_id to reading, whose `used` indexes `detections`.

    Args:
        detections: the boxes of all photos, xywh in pixels, in any order.
        image_ids: the photos to read; the number of one without a box is ''. Boxes of other photos are ignored.
        config: thresholds and rules. Defaults to DEFAULTS, as ReaderConfig().
    """
    ids, xyxy = list(map(int, image_ids)), xywh_to_xyxy(detections.bboxes)
    photos = candidates_by_photo(xyxy, detections.scores, detections.labels, detections.image_ids, ids, config)
    return {image_id: photo.reading(config) for image_id, photo in zip(ids, photos, strict=True)}
