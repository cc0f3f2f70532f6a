"""Boxes as a detector finds them on photos of house numbers, and the true ones; drawn from a seed, without photos."""

from typing import NamedTuple

import numpy as np

from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections

DIGITS = (0.15, 0.54, 0.26, 0.05)  # of SVHN's training photos show 1, 2, 3 and more digits: 2.2 in the mean
BOXES = 100  # found on each photo, the most that the configs allow


class Found(NamedTuple):
    """What a model gives for M photos, the best boxes first.

    Attributes:
        bboxes: (M, 100, 4) float32, xyxy in pixels, within the photo.
        scores: (M, 100) float32.
        labels: (M, 100) int64, the digit.
    """

    bboxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def detections(self, image_ids: np.ndarray) -> Detections:
        """All of them, with the ids (M,) of the photos."""
        return Detections.from_model(
            np.repeat(image_ids, BOXES), self.bboxes.reshape(-1, 4), self.scores.ravel(), self.labels.ravel()
        )


def draw(photos: int, seed: int = 0) -> tuple[DigitAnnotations, Found]:
    """The truth of photos 1.png, 2.png …, and what a model finds there.

    Each digit is found several times, close by and less so, mostly as what it is; each further box is a false alarm
    that scores little.
    """
    rng = np.random.default_rng(seed)
    counts = rng.choice([1, 2, 3, 4], photos, p=DIGITS)
    photo = np.repeat(np.arange(photos), counts)
    place = np.arange(len(photo)) - np.repeat(np.cumsum(counts) - counts, counts)  # 0 is the leftmost digit
    height = np.exp(rng.normal(np.log(29), 0.6, photos)).clip(8, 250).round()  # medians of SVHN: 29 and 14 px
    width = (height / rng.uniform(1.6, 2.6, photos)).clip(4).round()
    sizes = np.stack([(width * (counts + 2)), (height * 1.6)], axis=1).astype(np.int64) + 2
    left, top = width[photo] * (place + 1), (height * 0.3)[photo]
    true = np.stack([left, top, width[photo], height[photo]], axis=1).round()
    labels = rng.integers(0, 10, len(photo))
    truth = DigitAnnotations(
        image_ids=np.arange(1, photos + 1),
        file_names=[f'{i}.png' for i in range(1, photos + 1)],
        sizes=sizes,
        box_image_ids=photo + 1,
        bboxes=true,
        labels=labels,
        iscrowd=np.zeros(len(photo), dtype=bool),
    )
    return truth, _find(rng, truth, np.cumsum(counts) - counts, counts)


def _find(rng: np.random.Generator, truth: DigitAnnotations, first: np.ndarray, counts: np.ndarray) -> Found:
    """Look for the digits: `counts` (M,) of them on each photo, from the box `first` (M,) on."""
    shape = (len(counts), BOXES)
    nth = np.broadcast_to(np.arange(BOXES), shape)
    near = nth < 8 * counts[:, None]  # 8 boxes about each digit, the others anywhere
    best = nth < counts[:, None]
    box = first[:, None] + nth % counts[:, None]
    xy, wh = truth.bboxes[box, :2], truth.bboxes[box, 2:]
    spread = np.where(best, 0.04, np.where(near, 0.2, 1.5))[..., None] * wh
    xy, wh = xy + rng.normal(0, 1, (*shape, 2)) * spread, wh * np.exp(rng.normal(0, 0.1, (*shape, 2)))
    limits = np.tile(truth.sizes, 2)[:, None].astype(np.float64)
    bboxes = np.concatenate([xy, xy + wh], axis=2).clip(0, limits)
    right = rng.random(shape) < np.where(best, 0.93, np.where(near, 0.3, 0.1))
    labels = np.where(right, truth.labels[box], rng.integers(0, 10, shape))
    scores = rng.beta(1, np.where(best, 0.15, np.where(near, 12, 60))).clip(0.001, 0.999)
    order = np.argsort(-scores, axis=1, kind='stable')
    scores, labels = (np.take_along_axis(values, order, axis=1) for values in (scores, labels))
    bboxes = np.take_along_axis(bboxes, order[..., None], axis=1)
    return Found(bboxes.astype(np.float32), scores.astype(np.float32), labels)
