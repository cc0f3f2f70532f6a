"""Options of reading a photo: rotation, crop, number of digits, decimals."""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..utils.errors import UserError

AUTO = 'auto'
TURNS = (0, 90, 180, 270)
Rotation = int | Literal['auto']


@dataclasses.dataclass(frozen=True)
class ReadingOptions:
    """What is known about the photos, beside the reader's settings.

    Args:
        rotate: degrees, clockwise, by which a photo is turned before it is read: 0, 90, 180, 270, or 'auto', which
            takes the orientation with the best digits. Defaults to 0.
        crop: xywh, in whole pixels of the photo; the rest is not read. Defaults to None, the whole photo.
        digits: number of digits of each number, from 1. Defaults to None, unknown.
        decimals: number of digits behind the decimal point, from 0; less than `digits`. Defaults to 0.

    Raises:
        UserError: a value is out of range.
    """

    rotate: Rotation = 0
    crop: tuple[int, int, int, int] | None = None
    digits: int | None = None
    decimals: int = 0

    def __post_init__(self) -> None:
        if self.rotate not in (*TURNS, AUTO) or isinstance(self.rotate, bool):
            raise UserError(f'rotate={self.rotate!r}: must be 0, 90, 180, 270 or auto')
        for name, least in (('digits', 1), ('decimals', 0)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                raise UserError(f'{name}={value!r}: must be a whole number from {least}')
        if self.digits is not None and self.decimals >= self.digits:
            raise UserError(f'decimals={self.decimals}: must be less than digits={self.digits}')
        if self.crop is not None:
            object.__setattr__(self, 'crop', _checked_crop(self.crop))

    def cut(self, photo: np.ndarray) -> np.ndarray:
        """Return the crop of a photo (H, W, 3), a view. Raises UserError if the crop is not inside the photo."""
        if self.crop is None:
            return photo
        (x, y, width, height), (rows, columns) = self.crop, photo.shape[:2]
        if x + width > columns or y + height > rows:
            text = ','.join(map(str, self.crop))
            raise UserError(f'crop={text}: is not inside the photo of {columns}x{rows} pixels')
        return photo[y : y + height, x : x + width]


def _checked_crop(crop: Any) -> tuple[int, int, int, int]:
    if not isinstance(crop, Sequence) or len(crop) != 4 or not all(type(side) is int for side in crop):
        raise UserError(f'crop={crop!r}: must be x, y, width and height in whole pixels')
    x, y, width, height = crop
    if min(x, y) < 0 or min(width, height) < 1:
        raise UserError(f'crop={",".join(map(str, crop))}: x and y must be from 0, width and height from 1')
    return x, y, width, height


def turned(photo: np.ndarray, degrees: int) -> np.ndarray:
    """Turn a photo (H, W, 3) clockwise by 0, 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(photo, -degrees // 90)) if degrees else photo


def turned_back(bboxes: np.ndarray, degrees: int, size: tuple[int, int]) -> np.ndarray:
    """Return the boxes (N, 4) xyxy of a turned photo in pixels of the photo before; `size` is its width and height.

    Example:
        >>> turned_back(np.array([[0, 0, 2, 4.0]]), 90, (20, 10)).tolist()  # left upper corner after the turn
        [[0.0, 8.0, 4.0, 10.0]]
    """
    left, top, right, bottom = bboxes.T
    width, height = size
    sides = {
        0: (left, top, right, bottom),
        90: (top, height - right, bottom, height - left),
        180: (width - right, height - bottom, width - left, height - top),
        270: (width - bottom, left, width - top, right),
    }
    return np.stack(sides[degrees], axis=1)


def decimal_text(number: str, decimals: int) -> str:
    """Put the decimal point before the last `decimals` digits; no digit is added.

    Example:
        >>> decimal_text('42713', 2), decimal_text('13', 2), decimal_text('', 2)
        ('427.13', '.13', '')
    """
    return f'{number[:-decimals]}.{number[-decimals:]}' if number and decimals else number


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ReadingOptions` to a parser."""
    rotations = [str(turn) for turn in TURNS] + [AUTO]
    parser.add_argument(
        '--rotate', choices=rotations, default='0', help='turn photos clockwise first; auto: up to 4 times the time'
    )
    parser.add_argument('--crop', metavar='X,Y,W,H', help='read this part of each photo, in pixels')
    parser.add_argument('--digits', type=int, metavar='N', help='each number has N digits; others are "unsure"')
    parser.add_argument('--decimals', type=int, metavar='N', default=0, help='the last N digits are decimals: 427.13')


def options_of(args: argparse.Namespace) -> ReadingOptions:
    """Return the options of the arguments of `add_options`. Raises UserError if a value is out of range."""
    crop: Any = None
    if args.crop is not None:
        try:
            crop = tuple(map(int, args.crop.split(',')))
        except ValueError:
            crop = args.crop
    rotate: Any = args.rotate if args.rotate == AUTO else int(args.rotate)
    return ReadingOptions(rotate, crop, args.digits, args.decimals)
