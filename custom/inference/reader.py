"""From photos to numbers with any `Detector`."""

import dataclasses
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..reading.fusion import Boxes
from ..reading.numbers import read_numbers
from ..reading.settings import ReaderSettings, filter_boxes
from ..structures.detections import Detections
from ..structures.digits import NO_NUMBER, UNSURE
from ..structures.geometry import xywh_to_xyxy
from ..structures.photos import PhotoFile, photo_name, photos_in, read_photo, rgb_of
from ..utils.errors import UserError
from ..utils.messages import one_line
from ..utils.validation import require_number
from .multiview import Detector, MultiView, View, view_of_photo
from .options import AUTO, ReadingOptions, decimal_text, turned, turned_back

Photo = PhotoFile | np.ndarray
OTHER_TURNS = (180, 90, 270)  # tried by --rotate auto after the photo as given
SURE = 0.8  # score of the digits of an upright photo
ONE_WAY = (3, 4, 7)  # 0, 1, 2, 5 and 8 are alike upside down, 6 and 9 change places
NOTEBOOK = 800  # pixels: the longer side of a photo in a notebook
BETTER = 1.1  # another orientation is taken if its digits score better by this factor


class Digit(NamedTuple):
    """Digit of a number: label 0..9, score 0..1, box xyxy in pixels of the photo."""

    label: int
    score: float
    bbox: tuple[float, float, float, float]


class PhotoNumber(NamedTuple):
    """One number of a photo: its digits as text, box xyxy in pixels of the photo, confidence 0..1, and its digits."""

    number: str
    bbox: tuple[float, float, float, float]
    confidence: float
    digits: tuple[Digit, ...]


class PhotoReading(NamedTuple):
    """Result for one photo.

    Attributes:
        number: the main number: that of the largest, most and surest digits (`custom.reading.numbers.Reading`). ''
            without any; leading zeros are kept.
        confidence: probability that the number is right, 0..1; calibrated if the reader is tuned.
        digits: those of the number, in reading order.
        detections: all boxes, of any score; image_ids are 0.
        used: (D,) indices of the digits in `detections`.
        numbers: all numbers of the photo, the main one too, in reading order.
        left_out: the confident digits that are not in `number`, best first. They lower the confidence.
        rotate: degrees, clockwise, by which the photo was turned. Boxes are in pixels of the photo as given.
        decimals: number of digits behind the decimal point in `text`.
        photo: the photo as it was given, for `draw`; of an open file its pixels.
    """

    number: str
    confidence: float
    digits: tuple[Digit, ...]
    detections: Detections
    used: np.ndarray
    numbers: tuple[PhotoNumber, ...] = ()
    left_out: tuple[Digit, ...] = ()
    rotate: int = 0
    decimals: int = 0
    photo: Photo | None = None

    @property
    def text(self) -> str:
        """The number with its decimal point."""
        return decimal_text(self.number, self.decimals)

    def to_dict(self) -> dict[str, Any]:
        """Return the reading as a dict for JSON.

        Its keys are number (None without any), confidence, digits of the main number, digits that it leaves out, and
        all numbers of the photo. Boxes are xyxy in pixels of the upright photo, rounded to 0.1. Scores are rounded to
        4 digits.
        """
        numbers = [
            {
                'number': decimal_text(one.number, self.decimals),
                'confidence': round(one.confidence, 4),
                'digits': _digit_dicts(one.digits),
                'box': _rounded(one.bbox),
            }
            for one in self.numbers
        ]
        return {
            'number': self.text or None,
            'confidence': round(self.confidence, 4),
            'digits': _digit_dicts(self.digits),
            'left_out': _digit_dicts(self.left_out),
            'numbers': numbers,
        }

    def draw(self, remark: str | None = None, longest: int | None = None) -> Image.Image:
        """Draw the photo with its boxes, and the number and its confidence below.

        Args:
            remark: text instead of number and confidence. Defaults to None.
            longest: side in pixels to which a larger photo is reduced. Defaults to None, `pictures.LARGEST`.

        Raises:
            UserError: the photo has gone, or there is none.
        """
        from ..visualization.pictures import LARGEST, Shot, annotated_copy  # not needed to read

        if self.photo is None:
            raise UserError('this reading has no photo to draw')
        pixels = rgb_of(self.photo) if isinstance(self.photo, np.ndarray) else read_photo(self.photo)
        boxes = self.detections
        arrays = xywh_to_xyxy(boxes.bboxes), boxes.scores, boxes.labels, self.used
        shot = Shot(pixels, *arrays, self.text, self.confidence)
        return annotated_copy(
            shot if remark is None else shot._replace(number=UNSURE, remark=remark), longest or LARGEST
        )

    def __repr__(self) -> str:
        """Return the number, its confidence and the number of boxes."""
        name = f' {one_line(photo_name(self.photo))!r}' if isinstance(self.photo, (str, os.PathLike)) else ''
        return (
            f'<PhotoReading{name}: {self.text or NO_NUMBER!r}, confidence {self.confidence:.2f}, '
            f'{len(self.detections)} boxes>'
        )

    def _repr_html_(self) -> str:
        """Return the photo with its boxes, or the text without one, for notebooks."""
        import base64
        import html

        text = html.escape(repr(self))
        try:
            file = io.BytesIO()
            self.draw(longest=NOTEBOOK).save(file, 'JPEG', quality=85)
        except UserError as error:
            return f'{text}<br>{html.escape(one_line(error))}'
        return f'<img alt="{text}" src="data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}">'


class _Loaded(NamedTuple):
    """Photo ready for the detector: its view, and what other orientations need.

    `size` is the width and height of the crop before the turn, `corner` its left upper corner in the photo. `photo` is
    the photo as given, or the pixels of an open file. `upright` is the crop, reduced if it is large, or None if the
    orientation is known.
    """

    photo: Photo
    view: View
    size: tuple[int, int]
    corner: tuple[int, int]
    upright: View | None


@dataclasses.dataclass(eq=False)
class PhotoReader:
    """A detector with reader settings.

    Args:
        detector: the model.
        view: resizes a photo (H, W, 3), uint8 RGB, for the detector, or for `multiview` as `view_of_photo` does; called
            by several threads. Raises UserError, without the photo's name, if the photo cannot be resized.
        settings: tuned for the detector and its views.
        multiview: searches a photo at several scales. Defaults to None: one view per photo.
        batch_size: photos per call of the detector. Defaults to 16.
        options: what is known about the photos. Defaults to ReadingOptions(): upright, whole, any number.

    Raises:
        UserError: the batch size is less than 1.
    """

    detector: Detector
    view: Callable[[np.ndarray], View]
    settings: ReaderSettings
    multiview: MultiView | None = None
    batch_size: int = 16
    options: ReadingOptions = dataclasses.field(default_factory=ReadingOptions)

    def __post_init__(self) -> None:
        require_number('batch_size', self.batch_size, 1)

    def __repr__(self) -> str:
        """Return the class, the score threshold and the views."""
        views = 'search over scale' if self.multiview else 'one view'
        return f'<{type(self).__name__}: score threshold {self.settings.number.score_thr:g}, {views}>'

    def read(self, photo: Photo, name: str | None = None) -> PhotoReading:
        """Read one photo.

        Args:
            photo: a path, the bytes of a file, an open binary file, an image of Pillow, or an array of uint8: (H, W)
                grey, (H, W, 3) RGB or (H, W, 4) RGBA. OpenCV reads BGR, not RGB: pass `pixels[..., ::-1]`.
            name: of the photo, in messages. Defaults to None, that of its file.

        Raises:
            UserError: the file cannot be read, or the array has another shape or type.
        """
        item = self._load(photo, name)
        if isinstance(item, UserError):
            raise item
        return next(self._detect([item]))

    def read_many(self, photos: Iterable[Photo]) -> Iterator[PhotoReading | UserError]:
        """Read photos in batches, while the next ones are loaded; yield the result or the error of each, in order.

        Args:
            photos: photos as in `read`, or a folder, whose photos are read in natural order; `photo` of a reading is
                its path.

        Raises:
            UserError: `photos` is one photo, or a folder without photos.
        """
        if isinstance(photos, (str, os.PathLike)) and os.path.isdir(photos):
            photos = photos_in(photos)
        is_array = isinstance(photos, np.ndarray) and photos.ndim < 4
        if is_array or isinstance(photos, (str, os.PathLike, bytes, Image.Image)) or hasattr(photos, 'read'):
            name = one_line(photo_name(photos))
            raise UserError(f'{name}: pass a list of photos or a folder to read_many, or one photo to read')
        photos = iter(photos)
        with ThreadPoolExecutor(max_workers=2) as pool:  # decoding and resizing release the interpreter's lock
            loading = list(pool.map(self._load, islice(photos, self.batch_size)))
            while loading:
                coming = pool.map(self._load, list(islice(photos, self.batch_size)))
                readings = self._detect([item for item in loading if not isinstance(item, UserError)])
                for item in loading:
                    yield item if isinstance(item, UserError) else next(readings)
                loading = list(coming)

    def _load(self, photo: Photo, name: str | None = None) -> _Loaded | UserError:
        if not isinstance(photo, (str, os.PathLike, bytes, np.ndarray, Image.Image)) and not hasattr(photo, 'read'):
            return UserError(
                f'{type(photo).__name__}: pass a path, bytes, an open file, an image of Pillow, or an array'
            )
        name = name or ('pixels' if isinstance(photo, np.ndarray) else one_line(photo_name(photo)))
        if isinstance(photo, (str, os.PathLike)) and os.path.isdir(photo):
            return UserError(f'{name}: is a folder; read_many reads its photos')
        try:
            pixels = rgb_of(photo) if isinstance(photo, np.ndarray) else read_photo(photo)
        except UserError as error:
            return error
        try:
            part = self.options.cut(pixels)
            part = part.copy() if self.options.crop else part  # the photo may be large
            auto = self.options.rotate == AUTO
            view = self.view(turned(part, 0 if auto else int(self.options.rotate)))
            corner = self.options.crop[:2] if self.options.crop else (0, 0)
            given = pixels if hasattr(photo, 'read') else photo
            return _Loaded(given, view, (part.shape[1], part.shape[0]), corner, view_of_photo(part) if auto else None)
        except UserError as error:
            return UserError(f'{name}: {error}')

    def _detect(self, items: Sequence[_Loaded]) -> Iterator[PhotoReading]:
        if not items:
            return
        auto = self.options.rotate == AUTO
        first = 0 if auto else int(self.options.rotate)
        readings = self._read_views([item.view for item in items], items, first)
        for degrees in OTHER_TURNS if auto else ():
            rows = [i for i, reading in enumerate(readings) if not _is_upright(reading)]
            if not rows:
                break
            own = [items[i] for i in rows]
            views = [self._turned_view(item.upright, degrees) for item in own if item.upright is not None]
            for i, reading in zip(rows, self._read_views(views, own, degrees), strict=True):
                if _value(reading) > _value(readings[i]) * (BETTER if readings[i].rotate == 0 else 1):
                    readings[i] = reading
        yield from readings

    def _turned_view(self, upright: View, degrees: int) -> View:
        view = self.view(turned(upright.pixels, degrees))
        return View(view.pixels, (view.scale[0] * upright.scale[0], view.scale[1] * upright.scale[1]))

    def _read_views(self, views: Sequence[View], items: Sequence[_Loaded], degrees: int) -> list[PhotoReading]:
        """Read photos that are turned by `degrees`."""
        detect = partial(self.multiview.detect, self.detector) if self.multiview else self.detector.detect
        return [self._reading(boxes, item, degrees) for boxes, item in zip(detect(views), items, strict=True)]

    def _reading(self, boxes: Boxes, item: _Loaded, degrees: int) -> PhotoReading:
        detections = filter_boxes(Detections.from_model([0] * len(boxes[1]), *boxes), self.settings.boxes)
        config = self.settings.number
        if self.options.digits is not None:
            config = dataclasses.replace(config, digits=self.options.digits)
        reading = read_numbers(detections, [0], config)[0]  # in the turned photo, where lines are level
        if degrees or any(item.corner):
            xyxy = turned_back(xywh_to_xyxy(detections.bboxes), degrees, item.size) + np.tile(item.corner, 2)
            detections = Detections.from_model(detections.image_ids, xyxy, detections.scores, detections.labels)
        numbers = []
        for one in reading.numbers:
            digits = _digits_of(detections, one.used)
            sides = list(zip(*(digit.bbox for digit in digits), strict=True))
            bbox = min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])
            numbers.append(PhotoNumber(one.number, bbox, one.confidence, digits))
        return PhotoReading(
            reading.number,
            reading.confidence,
            _digits_of(detections, reading.used),
            detections,
            reading.used,
            tuple(numbers),
            _digits_of(detections, reading.left_out),
            degrees,
            self.options.decimals,
            item.photo,
        )


def _digits_of(detections: Detections, rows: np.ndarray) -> tuple[Digit, ...]:
    own = detections[rows]
    return tuple(map(Digit, own.labels.tolist(), own.scores.tolist(), map(tuple, xywh_to_xyxy(own.bboxes).tolist())))


def _digit_dicts(digits: Sequence[Digit]) -> list[dict[str, Any]]:
    return [{'digit': digit.label, 'score': round(digit.score, 4), 'box': _rounded(digit.bbox)} for digit in digits]


def _rounded(box: Sequence[float]) -> list[float]:
    return [round(side, 1) for side in box]


def _value(reading: PhotoReading) -> float:
    return sum(digit.score for digit in reading.digits)


def _is_upright(reading: PhotoReading) -> bool:
    """Return whether all digits are sure, and one of them is not also a digit upside down."""
    sure = min((digit.score for digit in reading.digits), default=0) >= SURE
    return sure and any(digit.label in ONE_WAY for digit in reading.digits)
