"""Errors and progress notes on stderr, `--quiet`, and text for messages."""

import contextlib
import os
import re
import sys

_SAID: set[str] = set()
LONGEST = 8000  # characters of a line; names in data may have millions
_QUIET = 'DIGITS_QUIET'  # an environment variable, which the child processes of a tool inherit


def be_quiet() -> None:
    """Suppress notes and progress bars from now on. Call this before tqdm is imported."""
    os.environ[_QUIET] = os.environ['TQDM_DISABLE'] = '1'


def is_quiet() -> bool:
    """Return whether `be_quiet` was called."""
    return _QUIET in os.environ


def say(text: str) -> None:
    """Print a note to stderr, unless quiet. Errors are raised instead; results go to stdout."""
    if not is_quiet():
        _print(text)


def complain(text: str, is_error: bool = True) -> None:
    """Print a line to stderr that `--quiet` does not suppress: an error, after `error:`, or the end by Ctrl-C."""
    _print(f'error: {text}' if is_error else text)


def _print(text: str) -> None:
    lines = (line[:LONGEST] + ' …' * (len(line) > LONGEST) for line in escaped(text).split('\n'))
    with contextlib.suppress(OSError):  # a full disk takes no message
        print(*lines, sep='\n', file=sys.stderr, flush=True)


def say_once(text: str, key: str | None = None) -> None:
    """Print a note as `say` does, unless this process printed one of this key (default: this text) before."""
    if (key or text) not in _SAID:
        _SAID.add(key or text)
        say(text)


def say_notes(*notes: str) -> None:
    """Print each note to stderr in a line that begins with `note:`, unless quiet."""
    for note in notes:
        say(f'note: {note}')


def duration(seconds: float) -> str:
    """Format seconds as `48 s`, `3 min 20 s` or `2 h 05 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f'{minutes} min {rest:02d} s' if minutes else f'{rest} s'
    return f'{minutes // 60} h {minutes % 60:02d} min'


def one_line(text: object) -> str:
    """Escape line breaks and unprintable characters, which names of files may have."""
    return ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def escaped(text: object) -> str:
    """Escape unprintable characters; a line break remains before two blanks, which begin an item of a list.

    Example:
        >>> escaped('two faults:\\n  - a\\x1b[2J\\n  - b\\nc')
        'two faults:\\n  - a\\\\x1b[2J\\n  - b\\\\nc'
    """
    return '\n'.join(map(one_line, re.split(r'\n(?=  )', str(text))))
