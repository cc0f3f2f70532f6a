"""Digits in photos, as an MMDetection project.

Importing this package is light. `custom.register` is the index of what MMDetection's registries gain;
`custom.DigitReader` reads photos from Python.
"""

from typing import Any

__all__: list[str] = ['DigitReader']


def __getattr__(name: str) -> Any:
    if name == 'DigitReader':  # needs torch, which most of the package does without
        from .digit_reader import DigitReader

        return DigitReader
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
