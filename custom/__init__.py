"""Digit detection and number reading with MMDetection.

`custom.register` registers the classes of the configs. `custom.DigitReader` reads photos.
"""

from typing import Any

__all__: list[str] = ['DigitReader']


def __getattr__(name: str) -> Any:
    if name == 'DigitReader':  # imported on use, since it needs torch
        from . import register  # noqa: F401 - first, since it imports torch sooner
        from .digit_reader import DigitReader

        return DigitReader
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
