"""Range checks of settings."""

import math
from collections.abc import Sequence
from typing import Any

from .errors import UserError

LEAST_SCALE = 0.05  # smaller views show no digits


def require_number(name: str, value: Any, least: float, most: float = math.inf) -> None:
    """Check that a setting is a finite number from `least` to `most`; a bool is none.

    Raises:
        UserError: the value is anything else; the message begins with `name`.
    """
    if not _is_number(value) or not math.isfinite(value) or not least <= value <= most:
        ends = f'from {least} to {most}' if most < math.inf else f'of at least {least}'
        required = f'a number {ends}' if least > -math.inf else 'a finite number'
        raise UserError(f'{name}={value!r}: must be {required}')


def require_scales(name: str, value: Any, most: float) -> tuple[float, ...]:
    """Return a setting as a tuple; check that it is a sequence, perhaps empty, of numbers from LEAST_SCALE to `most`.

    Raises:
        UserError: the value is anything else; the message begins with `name`.
    """
    if not isinstance(value, Sequence) or not all(_is_number(x) and LEAST_SCALE <= x <= most for x in value):
        raise UserError(f'{name}={value!r}: must be shares of a size, from {LEAST_SCALE} to {most}, as in (0.5, 1)')
    return tuple(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
