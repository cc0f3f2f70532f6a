"""Progress notes on stderr, `--quiet`, and text for messages."""

import os
import sys

_SAID: set[str] = set()
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
        print(text, file=sys.stderr, flush=True)


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
