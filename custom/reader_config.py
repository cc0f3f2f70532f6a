"""The settings by which boxes become a number."""

import dataclasses
import math
from itertools import pairwise
from typing import Literal

from custom.errors import UserError
from custom.ranges import require_number


@dataclasses.dataclass(frozen=True)
class ReaderConfig:
    """How boxes become a number. Only the two thresholds are on by default; the rest is for `custom.tuning` to try.

    Args:
        score_thr: a place where a digit may be is used when its score (`custom.places`) is at least this, 0..1.
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
