"""Settings of the reader, and reader.json."""

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..structures.detections import Detections
from ..structures.geometry import nms, xywh_to_xyxy
from ..utils.errors import UserError
from ..utils.files import finish_set, parse_json, read_file, replacing
from ..utils.validation import require_number, require_scales
from .calibration import logistic


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Logistic regression from the evidence for a number (`numbers.Evidence`) to its confidence.

    Args:
        intercept: any number. Defaults to 0.
        product, least, left_out, irregular, small, single, length: weights of the evidence of these names, from 0:
            more evidence does not lower the confidence. `product` defaults to 1, the others to 0.

    Raises:
        UserError: a weight is out of range.
    """

    intercept: float = 0.0
    product: float = 1.0
    least: float = 0.0
    left_out: float = 0.0
    irregular: float = 0.0
    small: float = 0.0
    single: float = 0.0
    length: float = 0.0

    def __post_init__(self) -> None:
        require_number('calibration intercept', self.intercept, -math.inf)
        for field in dataclasses.fields(self)[1:]:
            require_number(f'calibration {field.name}', getattr(self, field.name), 0)

    @property
    def weights(self) -> np.ndarray:
        """(7,) the weights in the order of `numbers.Evidence`."""
        return np.array([getattr(self, field.name) for field in dataclasses.fields(self)[1:]])

    def confidence(self, evidence: Sequence[float]) -> float:
        """Return the confidence, 0..1, in a number with this evidence, (7,)."""
        return float(logistic(self.intercept + self.weights @ evidence))

    @classmethod
    def of(cls, value: Any) -> 'Calibration':
        """Convert the JSON of a calibration: an object, or a slope and an intercept of the raw confidence.

        Raises UserError if the value is neither.
        """
        match value:
            case Calibration():
                return value
            case [slope, intercept]:
                return cls(intercept, slope)
            case {} if set(value) <= {field.name for field in dataclasses.fields(cls)}:
                return cls(**value)
        raise UserError(f'calibration={value!r}: must be an object with the weights of the evidence')


@dataclasses.dataclass(frozen=True)
class ReaderConfig:
    """Settings from boxes to a number (`custom.reading.numbers`); `custom.tuning.reader` tunes them.

    Args:
        score_thr: minimum score, 0..1, of a candidate digit (`find_candidates`). Defaults to 0.6.
        iou_thr: IoU, 0..1, of the class-agnostic NMS. Defaults to 0.3: digits overlap by more in 0.3 % of SVHN's
            training photos, which lose one.
        fallback_thrs: lower score thresholds, tried in turn until a candidate passes. Defaults to (), none.
        weak_thr: minimum score, 0..1, of a candidate that continues or completes a line of confident ones. Defaults to
            0.3. A value from `score_thr` on turns these candidates off.
        max_gap: gap between two digits of a line, in digit heights, edge to edge, from 0; a wider gap needs a regular
            pitch (`rules.find_lines`). Defaults to 1.0. None is any gap.
        size_ratio: factor, from 1, by which the heights of neighbours in a line differ at most. Defaults to 1.5. None
            is any size.
        digits: number of digits of each number, from 1. Defaults to None, unknown.
        calibration: of the confidence in a number. Defaults to None, raw.
        empty_right: factor, 0..1, on the confidence that there is no number. Defaults to 1.0.

    Raises:
        UserError: a value is out of range or of the wrong type, or fallback_thrs do not descend from score_thr.
    """

    score_thr: float = 0.6
    iou_thr: float = 0.3
    fallback_thrs: tuple[float, ...] = ()
    weak_thr: float = 0.3
    max_gap: float | None = 1.0
    size_ratio: float | None = 1.5
    digits: int | None = None
    calibration: Calibration | None = None
    empty_right: float = 1.0

    def __post_init__(self) -> None:
        for name in ('score_thr', 'weak_thr', 'iou_thr', 'empty_right'):
            require_number(name, getattr(self, name), 0, 1)
        for name, least in (('max_gap', 0), ('size_ratio', 1), ('digits', 1)):
            if getattr(self, name) is not None:
                require_number(name, getattr(self, name), least)
        if isinstance(self.fallback_thrs, list):  # as JSON and configs have it
            object.__setattr__(self, 'fallback_thrs', tuple(self.fallback_thrs))
        elif not isinstance(self.fallback_thrs, tuple):
            raise UserError(f'fallback_thrs={self.fallback_thrs!r}: must be a list of numbers')
        for value in self.fallback_thrs:
            require_number('fallback_thrs', value, 0, 1)
        if any(lower >= higher for higher, lower in pairwise(self.steps)):
            raise UserError(f'fallback_thrs={self.fallback_thrs}: must fall, from below score_thr={self.score_thr}')
        if not isinstance(self.digits, int | None):
            raise UserError(f'digits={self.digits!r}: must be a whole number')
        if self.calibration is not None:
            object.__setattr__(self, 'calibration', Calibration.of(self.calibration))

    @property
    def steps(self) -> tuple[float, ...]:
        """All score thresholds, descending."""
        return (self.score_thr, *self.fallback_thrs)


DEFAULTS = ReaderConfig()
FORMER = ('layout', 'max_digits')  # keys of older files; the rules now follow from the digits seen


@dataclasses.dataclass(frozen=True)
class BoxConfig:
    """Selection of the boxes in pred.json. Raises UserError unless both thresholds are from 0 to 1.

    Args:
        score_thr: minimum score, 0..1. Defaults to 0.001: dropping low-scoring boxes never raises average precision.
        iou_thr: IoU, 0..1, of class-agnostic NMS. Defaults to 1.0, no NMS.
    """

    score_thr: float = 0.001
    iou_thr: float = 1.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            require_number(name, value, 0, 1)


def filter_boxes(detections: Detections, config: BoxConfig = BoxConfig()) -> Detections:
    """Select boxes, (N, 4) xywh in pixels, photo by photo; their order stays."""
    rows = np.flatnonzero(detections.scores >= config.score_thr)
    if config.iou_thr < 1:
        xyxy = xywh_to_xyxy(detections.bboxes)
        kept = nms(xyxy[rows], detections.scores[rows], config.iou_thr, detections.image_ids[rows])
        rows = np.sort(rows[kept])
    return detections[rows]


MOST = {'scales': 32, 'digits': 2}  # more is probably a size in pixels


@dataclasses.dataclass(frozen=True)
class Views:
    """Views of test-time augmentation (`custom.inference.multiview`).

    Args:
        scales: of the views of a whole photo, ascending, relative to the size of inference. The search in a photo may
            end before the last one. Defaults to (), one view at the size of inference.
        digits: heights of digits in crops (`crops`), in heights of a photo at inference. Defaults to (), no crops.

    Raises:
        UserError: scales are not from 0.05 to 32 or do not ascend, digits are not from 0.05 to 2, or there are digits
            without scales.
    """

    scales: tuple[float, ...] = ()
    digits: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            most = MOST[field.name]
            object.__setattr__(self, field.name, require_scales(field.name, getattr(self, field.name), most))
        if any(finer <= coarser for coarser, finer in pairwise(self.scales)):
            raise UserError(f'scales={self.scales!r}: must ascend, from the coarsest view to the finest')
        if self.digits and not self.scales:
            raise UserError(f'digits={self.digits!r}: crops need scales, too, as in (1,)')

    def __str__(self) -> str:
        """Describe the augmentation; '' without one.

        Example:
            >>> str(Views((0.8, 1.15), (0.45,)))
            'test-time augmentation: image scales 0.8, 1.15, crops with digits of 0.45 image heights'
        """
        scales, digits = (', '.join(f'{value:g}' for value in values) for values in (self.scales, self.digits))
        text = f'test-time augmentation: image scales {scales}' if scales else ''
        return text + (f', crops with digits of {digits} image heights' if digits else '')


@dataclasses.dataclass(frozen=True)
class ReaderSettings:
    """Content of reader.json, also stored in checkpoints; `tools/tune_reader.py` chooses it.

    Args:
        number: from boxes to a number. Defaults to ReaderConfig().
        boxes: selection of boxes for pred.json. Defaults to BoxConfig().
        fingerprint: hash of the weights that it was tuned for, and that made the pred.json beside it. Defaults to None,
            unknown.
        tuned_on: source and figures of the tuning, for information. Defaults to {}.
        views: test-time augmentation. Defaults to Views(), one view.
    """

    number: ReaderConfig = dataclasses.field(default_factory=ReaderConfig)
    boxes: BoxConfig = dataclasses.field(default_factory=BoxConfig)
    fingerprint: str | None = None
    tuned_on: dict[str, Any] = dataclasses.field(default_factory=dict)
    views: Views = dataclasses.field(default_factory=Views)

    def to_dict(self) -> dict[str, Any]:
        """Convert to values that JSON can hold."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, content: Any, name: str | os.PathLike = 'reader') -> 'ReaderSettings':
        """Check and convert the content of `to_dict`, of the file `name`; missing keys get their defaults.

        Raises UserError for an unknown key, a wrong type, or a value out of range.
        """
        fields = _object(content, cls, name)
        for key, config in (('number', ReaderConfig), ('boxes', BoxConfig), ('views', Views)):
            if key in fields:
                values = _object(fields[key], config, f'{name}: "{key}"', FORMER if config is ReaderConfig else ())
                try:
                    fields[key] = config(**values)
                except UserError as error:
                    raise UserError(f'{name}: "{key}": {error}') from error
        if not isinstance(fields.get('fingerprint'), str | None):
            raise UserError(f'{name}: "fingerprint" must be text or null, not {fields["fingerprint"]!r}')
        if not isinstance(fields.get('tuned_on', {}), dict):
            raise UserError(f'{name}: "tuned_on" must be an object, not {fields["tuned_on"]!r}')
        reader = cls(**fields)
        try:  # a checkpoint may hold anything
            reader.to_dict()
        except (RecursionError, TypeError, ValueError) as error:
            raise UserError(f'{name}: "tuned_on" holds what JSON cannot ({error})') from error
        return reader


def _object(content: Any, kind: type, name: str | os.PathLike, former: Sequence[str] = ()) -> dict[str, Any]:
    known = [field.name for field in dataclasses.fields(kind)]
    if not isinstance(content, dict):
        raise UserError(f'{name}: must be an object with {", ".join(known)}, not {type(content).__name__}')
    if unknown := [key for key in content if key not in (*known, *former)]:
        raise UserError(f'{name}: unknown key {unknown[0]!r}; the keys are {", ".join(known)}')
    return {key: value for key, value in content.items() if key in known}


def read_reader(path: str | os.PathLike) -> ReaderSettings:
    """Read a reader.json. Raises UserError if it cannot be read or is refused by `ReaderSettings.from_dict`."""
    finish_set(os.path.dirname(path))
    try:
        content = parse_json(read_file(path))
    except (OSError, ValueError) as error:
        fault = f'cannot be read ({error.strerror})' if isinstance(error, OSError) else f'not JSON ({error})'
        raise UserError(f'{path}: {fault}; make one with tools/tune_reader.py') from error
    return ReaderSettings.from_dict(content, path)


def write_reader(path: str | os.PathLike, reader: ReaderSettings) -> None:
    """Write a reader.json. Raises UserError if the file cannot be written."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(reader.to_dict(), indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
