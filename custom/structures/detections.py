"""Detected digits of a set of photos."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from ..utils.errors import UserError

CATEGORY_IDS = 'categories start at 1 (digit 0) and end at 10 (digit 9)'


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """Detected boxes of many photos, as in pred.json.

    Args:
        image_ids: (N,) int64.
        bboxes: (N, 4) float64, xywh in pixels. `from_model` rounds them to 3 decimals.
        scores: (N,) float64. `from_model` rounds them to 6 decimals.
        labels: (N,) int64, the digit, 0..9.

    Raises:
        ValueError: the shapes do not match.
        UserError: a value is not finite, a width or height is negative, or a label is no digit.
    """

    image_ids: np.ndarray
    bboxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.image_ids)
        shapes = [column.shape for column in vars(self).values()]
        if shapes != [(n,), (n, 4), (n,), (n,)]:
            raise ValueError(f'shapes of image_ids, bboxes, scores, labels do not match: {shapes}')
        for bad, what in value_faults(self.bboxes, self.scores, self.labels + 1):
            i = int(bad[0])
            raise UserError(f'image {self.image_ids[i]}: {what(i)}; {len(bad)} of {n} detections are like this')

    def __len__(self) -> int:
        return len(self.image_ids)

    def __repr__(self) -> str:
        """Return the number of boxes and of photos."""
        return f'<Detections: {len(self)} boxes on {len(np.unique(self.image_ids))} photos>'

    def __getitem__(self, rows: slice | np.ndarray) -> 'Detections':
        """Select boxes by a slice or an array of indices, without a second check."""
        part = object.__new__(Detections)
        part.__dict__.update({name: column[rows] for name, column in vars(self).items()})
        return part

    @classmethod
    def from_model(
        cls, image_ids: ArrayLike, bboxes_xyxy: ArrayLike, scores: ArrayLike, labels: ArrayLike
    ) -> 'Detections':
        """Convert a model's boxes, (N, 4) xyxy in pixels, rounded as in pred.json: memory and file are then equal."""
        xyxy = np.asarray(bboxes_xyxy, dtype=np.float64).reshape(-1, 4)
        return cls(
            np.asarray(image_ids, dtype=np.int64),
            np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]]).round(3),
            np.asarray(scores, dtype=np.float64).round(6),
            np.asarray(labels, dtype=np.int64),
        )

    @classmethod
    def concatenate(cls, parts: 'Iterable[Detections]') -> 'Detections':
        """Join detections in their order."""
        parts = [cls.from_model([], [], [], []), *parts]
        return cls(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))


def value_faults(
    bboxes: np.ndarray, scores: np.ndarray, category_ids: np.ndarray
) -> Iterator[tuple[np.ndarray, Callable[[int], str]]]:
    """Yield the faulty boxes of each kind of fault: their indices, and a function from an index to a description.

    Boxes (N, 4) are xywh in pixels, scores (N,), category_ids (N,) as in the file, 1..10.
    """
    checks = (
        (~np.isfinite(bboxes).all(axis=1), lambda i: f'bbox {bboxes[i].tolist()} is not finite'),
        (~np.isfinite(scores), lambda i: f'score {scores[i]} is not finite'),
        ((bboxes[:, 2:] < 0).any(axis=1), lambda i: f'bbox {bboxes[i].tolist()} has a negative width or height'),
        ((category_ids < 1) | (category_ids > 10), lambda i: f'category_id {category_ids[i]}: {CATEGORY_IDS}'),
    )
    for bad, what in checks:
        if bad.any():
            yield np.flatnonzero(bad), what
