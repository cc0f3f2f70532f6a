"""A setting is a number in its range, or one clear line says so."""

import math
from collections.abc import Sequence
from typing import Any

from .errors import UserError

LEAST_SCALE = 0.05  # what is smaller shows nothing


def require_number(name: str, value: Any, least: float, most: float = math.inf) -> None:
    """Refuse what is not a finite number in a range.

    Args:
        name: what the message calls it.
        value: the setting; a truth value is no number.
        least: the least that is allowed.
        most: the most that is allowed. Defaults to math.inf, any finite number.

    Raises:
        UserError: it is something else.

    Example:
        >>> require_number('score_thr', 0.5, 0, 1)
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not least <= value <= most:
        ends = f'from {least} to {most}' if most < math.inf else f'of at least {least}'
        wanted = f'a number {ends}' if least > -math.inf else 'a finite number'
        raise UserError(f'{name}={value!r}: must be {wanted}')


def require_scales(name: str, value: Any, most: float) -> tuple[float, ...]:
    """Multiples or shares of a size, as a tuple; there may be none.

    Args:
        name: what the message calls it.
        value: the setting.
        most: the most that is allowed.

    Raises:
        UserError: it is no sequence of numbers from LEAST_SCALE to `most`.

    Example:
        >>> require_scales('tta_scales', [0.75, 1], 8)
        (0.75, 1)
    """
    if not isinstance(value, Sequence) or not all(
        isinstance(scale, (int, float)) and not isinstance(scale, bool) and LEAST_SCALE <= scale <= most
        for scale in value
    ):
        raise UserError(f'{name}={value!r}: must be shares of a size, from {LEAST_SCALE} to {most}, as in (0.5, 1)')
    return tuple(value)
