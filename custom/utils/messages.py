"""What tools say beside their results: on stderr, and with --quiet not at all."""

import os
import sys

_QUIET = 'DIGITS_QUIET'  # in the environment, so that the processes which a tool starts are quiet, too


def be_quiet() -> None:
    """Say nothing from now on, and show no bar. tqdm looks at its variable when it is imported: call this before."""
    os.environ[_QUIET] = os.environ['TQDM_DISABLE'] = '1'


def is_quiet() -> bool:
    """Whether `be_quiet` was called."""
    return _QUIET in os.environ


def say(text: str) -> None:
    """Print a line to stderr: what goes on, or what is to be noted. Errors are raised, results go to stdout."""
    if not is_quiet():
        print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Seconds as a person says them: `48 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    if whole < 3600:
        return f'{whole // 60} min {whole % 60:02d} s'
    return f'{whole // 3600} h {whole % 3600 // 60:02d} min'


def one_line(text: object) -> str:
    """Text for a message, where a file's name may hold line breaks or what is no letter in any encoding."""
    return ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
