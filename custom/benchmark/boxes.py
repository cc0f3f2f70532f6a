"""Simulated predictions of a detector for photos of house numbers, and their ground truth; there are no photos."""

from typing import NamedTuple

import numpy as np

from ..structures.annotations import DigitAnnotations
from ..structures.detections import Detections

TEST_PHOTOS = 13_068  # photos in SVHN's test set
DIGITS = (0.15, 0.54, 0.26, 0.05)  # share of SVHN's training photos with 1, 2, 3 and more digits; mean 2.2
BOXES = 100  # boxes per photo, the most that the configs allow


class Predictions(NamedTuple):
    """Output of a model for M photos, by falling score."""

    bboxes: np.ndarray  # (M, 100, 4) float32, xyxy in pixels, within the photo
    scores: np.ndarray  # (M, 100) float32
    labels: np.ndarray  # (M, 100) int64, the digit

    def detections(self, image_ids: np.ndarray) -> Detections:
        """Return all boxes, with the ids (M,) of the photos."""
        return Detections.from_model(
            np.repeat(image_ids, BOXES), self.bboxes.reshape(-1, 4), self.scores.ravel(), self.labels.ravel()
        )


def draw(photos: int, seed: int = 0) -> tuple[DigitAnnotations, Predictions]:
    """Draw the ground truth of photos 1.png, 2.png …, and a model's predictions there.

    Each digit has several boxes, near and less near, mostly with its label. All others are false positives with low
    scores.
    """
    rng = np.random.default_rng(seed)
    counts = rng.choice([1, 2, 3, 4], photos, p=DIGITS)
    photo, first = np.repeat(np.arange(photos), counts), np.cumsum(counts) - counts
    column = np.arange(len(photo)) - np.repeat(first, counts)  # 0 is the leftmost digit
    height = np.exp(rng.normal(np.log(29), 0.6, photos)).clip(8, 250).round()  # medians of SVHN: 29 and 14 px
    width = (height / rng.uniform(1.6, 2.6, photos)).clip(4).round()
    left, top = width[photo] * (column + 1), (height * 0.3)[photo]
    truth = DigitAnnotations(
        image_ids=np.arange(1, photos + 1),
        file_names=[f'{i}.png' for i in range(1, photos + 1)],
        sizes=np.stack([(width * (counts + 2)), (height * 1.6)], axis=1).astype(np.int64) + 2,
        box_image_ids=photo + 1,
        bboxes=np.stack([left, top, width[photo], height[photo]], axis=1).round(),
        labels=rng.integers(0, 10, len(photo)),
        iscrowd=np.zeros(len(photo), dtype=bool),
    )
    return truth, _predict(rng, truth, first, counts)


def _predict(rng: np.random.Generator, truth: DigitAnnotations, first: np.ndarray, counts: np.ndarray) -> Predictions:
    """Draw predictions for `counts` (M,) digits on each photo, from the ground-truth box `first` (M,) on."""
    shape = (len(counts), BOXES)
    rank = np.broadcast_to(np.arange(BOXES), shape)
    near = rank < 8 * counts[:, None]  # 8 boxes about each digit, the others anywhere
    best = rank < counts[:, None]
    box = first[:, None] + rank % counts[:, None]
    xy, wh = truth.bboxes[box, :2], truth.bboxes[box, 2:]
    sigma = np.where(best, 0.04, np.where(near, 0.2, 1.5))[..., None] * wh
    xy, wh = xy + rng.normal(0, 1, (*shape, 2)) * sigma, wh * np.exp(rng.normal(0, 0.1, (*shape, 2)))
    limits = np.tile(truth.sizes, 2)[:, None].astype(np.float64)
    bboxes = np.concatenate([xy, xy + wh], axis=2).clip(0, limits)
    right = rng.random(shape) < np.where(best, 0.93, np.where(near, 0.3, 0.1))
    labels = np.where(right, truth.labels[box], rng.integers(0, 10, shape))
    scores = rng.beta(1, np.where(best, 0.15, np.where(near, 12, 60))).clip(0.001, 0.999)
    order = np.argsort(-scores, axis=1, kind='stable')
    scores, labels = (np.take_along_axis(values, order, axis=1) for values in (scores, labels))
    bboxes = np.take_along_axis(bboxes, order[..., None], axis=1)
    return Predictions(bboxes.astype(np.float32), scores.astype(np.float32), labels)
