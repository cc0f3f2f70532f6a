"""The package `custom` under a name of its own, for projects that have another package called custom."""

from pathlib import Path
from typing import Any

__all__: list[str] = ['DigitReader']
__path__ = [str(Path(__file__).resolve().parents[1] / 'custom')]  # its modules, imported as digits_frcnn.…


def __getattr__(name: str) -> Any:
    if name == 'DigitReader':  # needs torch, which `import digits_frcnn` does without
        from .digit_reader import DigitReader

        return DigitReader
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
