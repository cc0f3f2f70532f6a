"""Figures and curves of the HTML report."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from ..evaluation.average_precision import RECALLS, DigitMatches
from ..evaluation.number_accuracy import NumberResults, answers_taken
from ..structures.annotations import DigitAnnotations
from ..structures.geometry import xywh_to_xyxy
from ..structures.photos import photo_path, read_photo
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.estimates import Estimate, share, wilson

STEPS = 50  # points of the curve of accuracy against coverage
HEIGHT = 32  # pixels of a number scaled for its sharpness: blur is measured relative to the digits
HEIGHTS = (0, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)  # pixels: the same in each report, for comparisons
SHARPNESS = ('blurriest quarter', 'second quarter', 'third quarter', 'sharpest quarter')


def precision_at_recalls(digit: DigitMatches, threshold: int = 0) -> np.ndarray:
    """Compute COCO's precision (101,) of one digit at the recalls 0, 0.01 … 1; its mean is the average precision.

    Args:
        digit: matched detections.
        threshold: index of the IoU threshold, 0 for 0.50 to 9 for 0.95. Defaults to 0.
    """
    counted = ~digit.ignored[threshold]
    true_positives = digit.right[threshold][counted].cumsum()
    precision = true_positives / np.arange(1, len(true_positives) + 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
    return best[np.searchsorted(true_positives / digit.n_ground_truth.sum(), RECALLS)]


class AnswerCurve(NamedTuple):
    """Accuracy of the most confident answers against their share of the photos."""

    coverage: np.ndarray  # (N,), rising to 1
    accuracy: np.ndarray  # (N,)
    low: np.ndarray  # (N,), lower end of the 95 % interval (Wilson)
    high: np.ndarray  # (N,), upper end


def answer_curve(numbers: NumberResults) -> AnswerCurve:
    """Compute accuracy at up to 50 coverages, by falling confidence; equal confidences are taken together."""
    taken, hits = answers_taken(numbers.confidences, numbers.right)
    chosen = np.unique(np.searchsorted(taken, np.linspace(0, taken[-1], STEPS + 1)[1:]))
    taken, hits = taken[chosen], hits[chosen]
    return AnswerCurve(taken / taken[-1], hits / taken, *wilson(hits, taken))


def sharpness(photo: np.ndarray, bbox: np.ndarray) -> float:
    """Measure the sharpness of a number: the contrast of neighbouring pixels at 32 pixels height, by all contrast.

    It is the standard deviation of the Laplacian, divided by the standard deviation of the brightness, without a unit.
    It ranks the photos of one set; noise counts as sharp.

    Args:
        photo: (H, W, 3) uint8 RGB.
        bbox: (4,) xyxy in pixels, around all digits.

    Returns:
        From 0, a uniform area or a box outside of the photo.
    """
    height, width = photo.shape[:2]
    left, top = np.floor(np.clip(bbox[:2], 0, [width, height])).astype(int)
    right, bottom = np.ceil(np.clip(bbox[2:], 0, [width, height])).astype(int)
    if right <= left or bottom <= top:
        return 0.0
    size = max(round((right - left) * HEIGHT / (bottom - top)), 3), HEIGHT
    crop = Image.fromarray(photo[top:bottom, left:right]).convert('L').resize(size, Image.Resampling.BICUBIC)
    grey = np.asarray(crop, dtype=np.float64)
    centre = grey[1:-1, 1:-1]
    laplacian = 4 * centre - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    contrast = float(centre.std())
    return float(laplacian.std()) / contrast if contrast else 0.0


class ScoreCurve(NamedTuple):
    """Precision, recall and F1 of the boxes at an IoU of 0.50, over the digits together, by score threshold."""

    thresholds: np.ndarray  # (101,), 0 to 1
    precision: np.ndarray  # (101,); nan where no box has such a score
    recall: np.ndarray  # (101,)
    f1: np.ndarray  # (101,); 0 where no box has such a score

    def at(self, threshold: float) -> float:
        """Return F1 at the nearest of the thresholds."""
        return float(self.f1[np.abs(self.thresholds - threshold).argmin()])


def score_curve(digits: Sequence[DigitMatches]) -> ScoreCurve:
    """Compute the curve of the matches of all digits, from 1 digit."""
    thresholds = np.linspace(0, 1, 101)
    scores = np.concatenate([digit.scores[~digit.ignored[0]] for digit in digits])
    right = np.concatenate([digit.right[0][~digit.ignored[0]] for digit in digits])
    truth = sum(int(digit.n_ground_truth.sum()) for digit in digits)
    order = np.argsort(-scores, kind='stable')
    boxes = np.searchsorted(-scores[order], -thresholds, side='right')  # with a score of the threshold or more
    hits = np.append(0, right[order].cumsum())[boxes]
    with np.errstate(invalid='ignore'):
        precision = hits / boxes
    return ScoreCurve(thresholds, precision, hits / truth, 2 * hits / (boxes + truth))


class Group(NamedTuple):
    """Some of the photos: their common property, their number, and how many are read correctly."""

    name: str
    photos: int
    right: int

    @property
    def accuracy(self) -> Estimate:
        """Share of the photos whose number is right, with Wilson's interval."""
        return share(self.right, self.photos)


def group_by(kinds: np.ndarray, names: Sequence[str], right: np.ndarray) -> list[Group]:
    """Group photos by kind, int64 (M,), an index into `names`; `right`, bool (M,), marks correctly read ones."""
    photos = np.bincount(kinds, minlength=len(names)).tolist()
    hits = np.bincount(kinds, weights=right, minlength=len(names)).astype(np.int64).tolist()
    return [Group(*group) for group in zip(names, photos, hits, strict=True) if group[1]]


def by_length(lengths: np.ndarray, right: np.ndarray) -> list[Group]:
    """Group photos by the digits (M,) of the true number."""
    names = ['no number', '1 digit', *(f'{n} digits' for n in range(2, int(lengths.max(initial=0)) + 1))]
    return group_by(lengths, names, right)


def by_height(truth: DigitAnnotations, right: np.ndarray) -> list[Group]:
    """Group the photos that have digits by their median height in pixels."""
    ids, heights = truth.box_image_ids[~truth.iscrowd], truth.bboxes[~truth.iscrowd, 3]
    medians = np.array([np.median(heights[own]) if (own := ids == i).any() else np.nan for i in truth.image_ids])
    some = ~np.isnan(medians)
    ends = [f'under {HEIGHTS[1]} px', *(f'{low}–{high - 1} px' for low, high in pairwise(HEIGHTS[1:]))]
    kinds = np.searchsorted(HEIGHTS, np.round(medians[some]), side='right') - 1
    return group_by(kinds, [*ends, f'{HEIGHTS[-1]} px and more'], right[some])


def by_sharpness(measured: Mapping[int, float], truth: DigitAnnotations, right: np.ndarray) -> list[Group]:
    """Group photos by quarters of their sharpness from `measure_sharpness`; equal values are kept together."""
    known = np.array([i in measured for i in truth.image_ids.tolist()], dtype=bool)
    values = np.array([measured[i] for i in truth.image_ids[known].tolist()])
    if not len(values):
        return []
    return group_by(np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values), SHARPNESS, right[known])


def measure_sharpness(truth: DigitAnnotations, images: Path) -> dict[int, float]:
    """Measure the sharpness of each number; returns image_id to sharpness, without unlabelled and unreadable photos.

    A terminal shows a progress bar after 2 s.
    """
    xyxy = xywh_to_xyxy(truth.bboxes)

    def measure(image_id: int, name: str) -> float | None:
        boxes = xyxy[(truth.box_image_ids == image_id) & ~truth.iscrowd]
        if not len(boxes):
            return None
        try:
            photo = read_photo(photo_path(images, name))
        except UserError:
            return None
        return sharpness(photo, np.append(boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)))

    ids = truth.image_ids.tolist()
    with ThreadPoolExecutor(usable_cores()) as pool:
        results = pool.map(measure, ids, truth.file_names)
        bar = tqdm(results, 'measuring sharpness', len(ids), unit=' photos', delay=2, leave=False, disable=None)
        return {image_id: value for image_id, value in zip(ids, bar, strict=True) if value is not None}
