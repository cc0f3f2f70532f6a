"""Detected digits of a set of photos."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from ..utils.errors import UserError

Fault = tuple[np.ndarray, Callable[[int], str]]


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """The boxes found on all photos, in the form of pred.json.

    Args:
        image_ids: (N,) int64.
        bboxes: (N, 4) float64, xywh in pixels. `from_model` rounds them to 3 decimals.
        scores: (N,) float64. `from_model` rounds them to 6 decimals.
        labels: (N,) int64, the digit, 0..9.

    Raises:
        ValueError: the shapes do not belong together.
        UserError: a value that pred.json cannot hold: not finite, a negative width or height, not a digit.
    """

    image_ids: np.ndarray
    bboxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.image_ids)
        shapes = [getattr(self, field.name).shape for field in dataclasses.fields(self)]
        if shapes != [(n,), (n, 4), (n,), (n,)]:
            raise ValueError(f'shapes of image_ids, bboxes, scores, labels do not belong together: {shapes}')
        for bad, what in value_faults(self.bboxes, self.scores, self.labels + 1):
            i = int(bad[0])
            raise UserError(f'image {self.image_ids[i]}: {what(i)}; {len(bad)} of {n} detections are like this')

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, rows: slice | np.ndarray) -> 'Detections':
        """Some of the boxes, by a slice or by an array of indices; what was checked is not checked again."""
        part = object.__new__(Detections)
        for field in dataclasses.fields(self):
            object.__setattr__(part, field.name, getattr(self, field.name)[rows])
        return part

    @classmethod
    def from_model(
        cls, image_ids: ArrayLike, bboxes_xyxy: ArrayLike, scores: ArrayLike, labels: ArrayLike
    ) -> 'Detections':
        """Take a model's output, rounded as in the file: figures from memory and from pred.json are then the same.

        Args:
            image_ids: (N,) the photo of each box.
            bboxes_xyxy: (N, 4) xyxy in pixels.
            scores: (N,) in 0..1.
            labels: (N,) the digit, 0..9.
        """
        xyxy = np.asarray(bboxes_xyxy, dtype=np.float64).reshape(-1, 4)
        return cls(
            np.asarray(image_ids, dtype=np.int64),
            np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]]).round(3),
            np.asarray(scores, dtype=np.float64).round(6),
            np.asarray(labels, dtype=np.int64),
        )

    @classmethod
    def concatenate(cls, parts: 'Iterable[Detections]') -> 'Detections':
        """All detections of `parts`, in their order; no part at all gives none."""
        parts = [cls.from_model([], [], [], []), *parts]
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def value_faults(bboxes: np.ndarray, scores: np.ndarray, category_ids: np.ndarray) -> Iterator[Fault]:
    """Yield (indices of the boxes at fault, function from such an index to a description), one for each kind of fault.

    Args:
        bboxes: (N, 4) xywh in pixels.
        scores: (N,).
        category_ids: (N,) as in the file, 1..10.
    """
    checks = (
        (~np.isfinite(bboxes).all(axis=1), lambda i: f'bbox {bboxes[i].tolist()} is not finite'),
        (~np.isfinite(scores), lambda i: f'score {scores[i]} is not finite'),
        ((bboxes[:, 2:] < 0).any(axis=1), lambda i: f'bbox {bboxes[i].tolist()} has a negative width or height'),
        (
            (category_ids < 1) | (category_ids > 10),
            lambda i: f'category_id {category_ids[i]}: categories start at 1 (digit 0) and end at 10 (digit 9)',
        ),
    )
    for bad, what in checks:
        if bad.any():
            yield np.flatnonzero(bad), what
