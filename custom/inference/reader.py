"""From photos to numbers with any `Detector`."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..reading.numbers import read_numbers
from ..reading.settings import ReaderSettings, filter_boxes
from ..structures.detections import Detections
from ..structures.geometry import xywh_to_xyxy
from ..structures.photos import PhotoFile, photo_name, read_photo
from ..utils.errors import UserError
from ..utils.messages import one_line
from ..utils.validation import require_number
from .multiview import Detector, MultiView, View

Photo = PhotoFile | np.ndarray


class Digit(NamedTuple):
    """Digit of a number: label 0..9, score 0..1, box xyxy in pixels of the photo."""

    label: int
    score: float
    bbox: tuple[float, float, float, float]


class PhotoReading(NamedTuple):
    """Result for one photo.

    Attributes:
        number: '' without any; leading zeros are kept.
        confidence: probability that the number is right, 0..1; calibrated if the reader is tuned.
        digits: those of the number, in reading order.
        detections: all boxes, of any score; image_ids are 0.
        used: (D,) indices of the digits in `detections`.
    """

    number: str
    confidence: float
    digits: tuple[Digit, ...]
    detections: Detections
    used: np.ndarray


@dataclasses.dataclass(eq=False)
class PhotoReader:
    """A detector with reader settings.

    Args:
        detector: the model.
        views: resizes a photo (H, W, 3), uint8 RGB, to its views; called by several threads. Raises UserError, without
            the photo's name, if the photo cannot be resized.
        settings: tuned for the detector and these views.
        multiview: fuses the views of a photo. Defaults to None: one view per photo.
        batch_size: photos per call of the detector. Defaults to 16.

    Raises:
        UserError: the batch size is less than 1.
    """

    detector: Detector
    views: Callable[[np.ndarray], list[View]]
    settings: ReaderSettings
    multiview: MultiView | None = None
    batch_size: int = 16

    def __post_init__(self) -> None:
        require_number('batch_size', self.batch_size, 1)

    def read(self, photo: Photo) -> PhotoReading:
        """Read one photo: a path, the bytes of a file, an open binary file, an image of Pillow, or (H, W, 3) uint8 RGB.

        Raises:
            UserError: the file cannot be read, or the array has another shape or type.
        """
        item = self._load(photo)
        if isinstance(item, UserError):
            raise item
        return next(self._detect([item]))

    def read_many(self, photos: Iterable[Photo]) -> Iterator[PhotoReading | UserError]:
        """Read photos in batches, while the next ones are loaded; yield the result or the error of each, in order.

        Raises:
            UserError: `photos` is one photo.
        """
        if isinstance(photos, (str, os.PathLike, bytes, Image.Image)) or hasattr(photos, 'read'):
            raise UserError(f'{one_line(photo_name(photos))}: pass a list of photos to read_many, or one photo to read')
        photos = iter(photos)
        with ThreadPoolExecutor(max_workers=2) as pool:  # decoding and resizing release the interpreter's lock
            loading = list(pool.map(self._load, islice(photos, self.batch_size)))
            while loading:
                coming = pool.map(self._load, list(islice(photos, self.batch_size)))
                readings = self._detect([item for item in loading if not isinstance(item, UserError)])
                for item in loading:
                    yield item if isinstance(item, UserError) else next(readings)
                loading = list(coming)

    def _load(self, photo: Photo) -> list[View] | UserError:
        if not isinstance(photo, (str, os.PathLike, bytes, np.ndarray, Image.Image)) and not hasattr(photo, 'read'):
            return UserError(f'{type(photo).__name__}: pass a path, bytes, an open file, or (H, W, 3) uint8, RGB')
        name = 'pixels' if isinstance(photo, np.ndarray) else one_line(photo_name(photo))
        try:
            pixels = photo if isinstance(photo, np.ndarray) else read_photo(photo)
            if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size or pixels.dtype != np.uint8:
                raise UserError(f'pixels of shape {pixels.shape} and type {pixels.dtype}: pass (H, W, 3) uint8, RGB')
        except UserError as error:
            return error
        try:
            return self.views(pixels)
        except UserError as error:
            return UserError(f'{name}: {error}')

    def _detect(self, items: Sequence[list[View]]) -> Iterator[PhotoReading]:
        if not items:
            return
        if self.multiview:
            batch = self.multiview.detect(self.detector, items)
        else:
            batch = self.detector.detect([view for (view,) in items])
        for boxes in batch:
            detections = filter_boxes(Detections.from_model([0] * len(boxes[1]), *boxes), self.settings.boxes)
            number, confidence, rows = read_numbers(detections, [0], self.settings.number)[0]
            used = detections[rows]
            xyxy = map(tuple, xywh_to_xyxy(used.bboxes).tolist())
            digits = tuple(map(Digit, used.labels.tolist(), used.scores.tolist(), xyxy))
            yield PhotoReading(number, confidence, digits, detections, rows)
