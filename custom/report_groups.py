"""Accuracy of groups of photos: by how long the number is, how large its digits are, how sharp they are."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from custom.annotations import DigitAnnotations
from custom.cores import usable_cores
from custom.errors import UserError
from custom.geometry import xywh_to_xyxy
from custom.photos import photo_path, read_photo
from custom.sharpness import sharpness

HEIGHTS = (0, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)  # pixels: the same in each report, so that two can be compared
SHARPNESS = ('blurriest quarter', 'second quarter', 'third quarter', 'sharpest quarter')
Z = 1.959964  # of the normal distribution: 95 % lie within so many standard deviations


class Group(NamedTuple):
    """Some of the photos: what they have in common, how many there are, on how many the number is right."""

    name: str
    photos: int
    right: int

    @property
    def accuracy(self) -> float:
        """Share of the photos whose number is right."""
        return self.right / self.photos

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval: unlike a bootstrap it is not of length 0 where a handful are all right.

        Example:
            >>> [round(end, 2) for end in Group('2 digits', 4, 4).interval]
            [0.51, 1.0]
        """
        n, square = self.photos, Z * Z
        middle = (self.right + square / 2) / (n + square)
        half = Z / (n + square) * (self.right * (n - self.right) / n + square / 4) ** 0.5
        return max(middle - half, 0.0), min(middle + half, 1.0)


def group_by(kinds: np.ndarray, names: Sequence[str], right: np.ndarray) -> list[Group]:
    """A group for each kind that has a photo.

    Args:
        kinds: (M,) int64, index of each photo's kind.
        names: of the kinds.
        right: (M,) bool, whether the number is right.
    """
    photos = np.bincount(kinds, minlength=len(names)).tolist()
    hits = np.bincount(kinds, weights=right, minlength=len(names)).astype(np.int64).tolist()
    return [Group(*group) for group in zip(names, photos, hits, strict=True) if group[1]]


def by_length(lengths: np.ndarray, right: np.ndarray) -> list[Group]:
    """Groups of photos by the digits (M,) of the true number."""
    names = ['no number', '1 digit', *(f'{n} digits' for n in range(2, int(lengths.max(initial=0)) + 1))]
    return group_by(lengths, names, right)


def by_height(truth: DigitAnnotations, right: np.ndarray) -> list[Group]:
    """Groups of the photos that have digits by their median height in pixels."""
    ids, heights = truth.box_image_ids[~truth.iscrowd], truth.bboxes[~truth.iscrowd, 3]
    medians = np.array([np.median(heights[own]) if (own := ids == i).any() else np.nan for i in truth.image_ids])
    some = ~np.isnan(medians)
    ends = [f'under {HEIGHTS[1]} px', *(f'{low}–{high - 1} px' for low, high in pairwise(HEIGHTS[1:]))]
    kinds = np.searchsorted(HEIGHTS, np.round(medians[some]), side='right') - 1
    return group_by(kinds, [*ends, f'{HEIGHTS[-1]} px and more'], right[some])


def by_sharpness(measured: Mapping[int, float], truth: DigitAnnotations, right: np.ndarray) -> list[Group]:
    """Quarters of the photos that were measured, see `measure_sharpness`; equally sharp ones are kept together."""
    known = np.array([i in measured for i in truth.image_ids.tolist()], dtype=bool)
    values = np.array([measured[i] for i in truth.image_ids[known].tolist()])
    if not len(values):
        return []
    kinds = np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values)
    return group_by(kinds, SHARPNESS, right[known])


def measure_sharpness(truth: DigitAnnotations, images: Path) -> dict[int, float]:
    """How sharp the digits of each photo are, by image_id; without photos that have no digit or cannot be read.

    A terminal shows a bar when that takes over 2 s.
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
