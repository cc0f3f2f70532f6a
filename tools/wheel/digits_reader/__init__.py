"""Number reading on photos, without torch."""

from typing import Any

__all__: list[str] = ['DigitReader']


def __getattr__(name: str) -> Any:
    if name == 'DigitReader':  # imported on use: the command line starts without it
        from .onnx_reader.digit_reader import DigitReader

        return DigitReader
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
