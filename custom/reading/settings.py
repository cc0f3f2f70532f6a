"""The settings by which boxes become a number."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..structures.geometry import nms, xywh_to_xyxy
from ..utils.errors import UserError
from ..utils.files import parse_json, replacing
from ..utils.validation import require_number, require_scales

if TYPE_CHECKING:
    from ..structures.detections import Detections


@dataclasses.dataclass(frozen=True)
class ReaderConfig:
    """How boxes become a number. Only the two thresholds are on by default; `custom.tuning.reader` tries the rest.

    Args:
        score_thr: a place where a digit may be is used when its score (`find_candidates`) is at least this, 0..1.
            Defaults to 0.6.
        iou_thr: of two boxes whose IoU is above this, 0..1, only the better one is used. Defaults to 0.3.
            In 0.3 % of SVHN's training photos two digits overlap by more than that; one of them is then lost.
        fallback_thrs: lower and lower score thresholds, each tried only where none before it finds a place, rather than
            answering that there is no number. Defaults to (), none.
        max_gap: boxes further than this from the group with the best summed score are left out; in median heights of
            the boxes, edge to edge, from 0. Defaults to None, any gap.
        size_ratio: boxes whose height differs by more than this factor, from 1, from the score-weighted median height
            are left out. Defaults to None, any size.
        layout: 'line' reads from left to right; 'rows' reads rows from top to bottom, each from left to right.
            Defaults to 'line'.
        max_digits: of more places only the best are used, from 1. Defaults to None, any number.
        calibration: slope (from 0) and intercept on the logit of the confidence in a number. Defaults to None, raw.
        empty_right: factor, 0..1, on the confidence that there is no number. Defaults to 1.0.

    Raises:
        UserError: a value is out of its range or of the wrong kind, or fallback_thrs do not fall from score_thr on.

    Example:
        >>> ReaderConfig(score_thr=0.8, fallback_thrs=[0.6, 0.3]).fallback_thrs
        (0.6, 0.3)
    """

    score_thr: float = 0.6
    iou_thr: float = 0.3
    fallback_thrs: tuple[float, ...] = ()
    max_gap: float | None = None
    size_ratio: float | None = None
    layout: Literal['line', 'rows'] = 'line'
    max_digits: int | None = None
    calibration: tuple[float, float] | None = None
    empty_right: float = 1.0

    def __post_init__(self) -> None:
        for name in ('score_thr', 'iou_thr', 'empty_right'):
            require_number(name, getattr(self, name), 0, 1)
        for name, least in (('max_gap', 0), ('size_ratio', 1), ('max_digits', 1)):
            if getattr(self, name) is not None:
                require_number(name, getattr(self, name), least)
        for name in ('fallback_thrs', 'calibration'):
            value = getattr(self, name)
            if isinstance(value, list):  # as JSON and configs have it
                object.__setattr__(self, name, tuple(value))
            elif not isinstance(value, tuple) and not (name == 'calibration' and value is None):
                raise UserError(f'{name}={value!r}: must be a list of numbers')
        for value in self.fallback_thrs:
            require_number('fallback_thrs', value, 0, 1)
        if any(lower >= higher for higher, lower in pairwise(self.steps)):
            raise UserError(f'fallback_thrs={self.fallback_thrs}: must fall, from below score_thr={self.score_thr}')
        if self.layout not in ('line', 'rows'):
            raise UserError(f"layout={self.layout!r}: must be 'line' or 'rows'")
        if not isinstance(self.max_digits, (int, type(None))):
            raise UserError(f'max_digits={self.max_digits!r}: must be a whole number')
        if self.calibration is not None:
            if len(self.calibration) != 2:
                raise UserError(f'calibration={self.calibration!r}: must be a slope and an intercept')
            require_number('calibration slope', self.calibration[0], 0)
            require_number('calibration intercept', self.calibration[1], -math.inf)

    @property
    def steps(self) -> tuple[float, ...]:
        """All score thresholds, in the order in which they are tried."""
        return (self.score_thr, *self.fallback_thrs)


DEFAULTS = ReaderConfig()


@dataclasses.dataclass(frozen=True)
class BoxConfig:
    """Which boxes are kept.

    Args:
        score_thr: a box is kept when its score is at least this, 0..1. Defaults to 0.001: average precision counts
            boxes of every score, and never grows when the worst are left out.
        iou_thr: of two boxes whose IoU is above this, 0..1, only the better one is kept, whatever their digits.
            Defaults to 1.0, all are kept.

    Raises:
        UserError: a threshold is not a number from 0 to 1.
    """

    score_thr: float = 0.001
    iou_thr: float = 1.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            require_number(name, value, 0, 1)


def filter_boxes(detections: Detections, config: BoxConfig = BoxConfig()) -> Detections:
    """The boxes that are kept, photo by photo, in the order given.

    Args:
        detections: the boxes of all photos, xywh in pixels, in any order.
        config: the thresholds. Defaults to BoxConfig().
    """
    rows = np.flatnonzero(detections.scores >= config.score_thr)
    if config.iou_thr < 1:
        xyxy = xywh_to_xyxy(detections.bboxes)
        kept = nms(xyxy[rows], detections.scores[rows], config.iou_thr, detections.image_ids[rows])
        rows = np.sort(rows[kept])
    return detections[rows]


MOST = {'scales': 8, 'digits': 2}  # more takes gigabytes, and is a size in pixels by mistake


@dataclasses.dataclass(frozen=True)
class Views:
    """At which sizes a photo is seen; what is found is fused (`custom.inference.multiview`).

    Args:
        scales: multiples of the usual size. Defaults to (), once, at the usual size.
        digits: then the number that was found is seen again, alone (`second_look`), its digits at these shares
            of the usual height of a photo. Defaults to (), no second look.

    Raises:
        UserError: they are not numbers from 0.05 to 8, or to 2 for digits; or there is a second look without a first.
    """

    scales: tuple[float, ...] = ()
    digits: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            most = MOST[field.name]
            object.__setattr__(self, field.name, require_scales(field.name, getattr(self, field.name), most))
        if self.digits and not self.scales:
            raise UserError(f'digits={self.digits!r}: a second look needs a first one; give scales, as in (1,)')

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
    """What `tools/tune_reader.py` chooses, beside a checkpoint and inside it.

    Args:
        number: how boxes become the number on a photo. Defaults to ReaderConfig().
        boxes: which boxes go into pred.json. Defaults to BoxConfig().
        fingerprint: of the weights it was tuned for. Defaults to None, tuned from a pred.json alone.
        tuned_on: the files and the figures measured on them, by name; for people. Defaults to nothing.
        views: how photos are seen before the reader gets the boxes. Defaults to Views(), once, at the usual size.
    """

    number: ReaderConfig = dataclasses.field(default_factory=ReaderConfig)
    boxes: BoxConfig = dataclasses.field(default_factory=BoxConfig)
    fingerprint: str | None = None
    tuned_on: dict[str, Any] = dataclasses.field(default_factory=dict)
    views: Views = dataclasses.field(default_factory=Views)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold, and `from_dict` takes."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, content: Any, name: str | os.PathLike = 'reader') -> ReaderSettings:
        """Take a reader apart; what it leaves out has its default.

        Args:
            content: as `to_dict` gives it.
            name: what messages call it. Defaults to 'reader'.

        Raises:
            UserError: an unknown key, a value of the wrong kind, or a threshold out of range.
        """
        fields = _object(content, cls, name)
        for key, config in (('number', ReaderConfig), ('boxes', BoxConfig), ('views', Views)):
            if key in fields:
                try:
                    fields[key] = config(**_object(fields[key], config, f'{name}: "{key}"'))
                except UserError as error:
                    where = '' if str(error).startswith(str(name)) else f'{name}: "{key}": '
                    raise UserError(f'{where}{error}') from error
        if not isinstance(fields.get('fingerprint'), (str, type(None))):
            raise UserError(f'{name}: "fingerprint" must be text or null, not {fields["fingerprint"]!r}')
        if not isinstance(fields.get('tuned_on', {}), dict):
            raise UserError(f'{name}: "tuned_on" must be an object, not {fields["tuned_on"]!r}')
        reader = cls(**fields)
        try:  # a checkpoint may hold anything
            reader.to_dict()
        except (RecursionError, TypeError, ValueError) as error:
            raise UserError(f'{name}: "tuned_on" holds what JSON cannot ({error})') from error
        return reader


def _object(content: Any, kind: type, name: str | os.PathLike) -> dict[str, Any]:
    known = [field.name for field in dataclasses.fields(kind)]
    if not isinstance(content, dict):
        raise UserError(f'{name}: must be an object with {", ".join(known)}, not {type(content).__name__}')
    if unknown := [key for key in content if key not in known]:
        raise UserError(f'{name}: unknown key {unknown[0]!r}; the keys are {", ".join(known)}')
    return dict(content)


def read_reader(path: str | os.PathLike) -> ReaderSettings:
    """Read a reader.json.

    Raises:
        UserError: the file cannot be read, is not JSON, or `ReaderSettings.from_dict` refuses it.
    """
    try:
        content = parse_json(Path(path).read_text(encoding='utf-8'))
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror}); make one with tools/tune_reader.py') from error
    except ValueError as error:
        raise UserError(f'{path}: not JSON ({error}); make one with tools/tune_reader.py') from error
    return ReaderSettings.from_dict(content, path)


def write_reader(path: str | os.PathLike, reader: ReaderSettings) -> None:
    """Write a reader.json, one key a line.

    Raises:
        UserError: the file cannot be written.
    """
    with replacing(path) as beside:
        beside.write_text(json.dumps(reader.to_dict(), indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
