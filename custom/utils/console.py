"""Frame of a command line: its standard streams, which may be closed or full, and its errors, one line each."""

import argparse
import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeGuard

from .errors import LostTextError, UserError
from .messages import complain, escaped, one_line

# Control characters and marks of the writing direction, with which text from data could rewrite a terminal.
CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]')
WAYS_OUT = {
    errno.ENOSPC: 'free some room, or choose another place',
    errno.EDQUOT: 'free some room, or choose another place',
    errno.EROFS: 'choose another place',
    errno.EACCES: 'check its permissions, or choose another place',
    errno.EPERM: 'check its permissions, or choose another place',
    errno.ENAMETOOLONG: 'give a shorter name',
    errno.ELOOP: 'mend the link',
    errno.EMFILE: 'allow more open files by ulimit -n',
    errno.ENFILE: 'close other programs',
    errno.ENOENT: 'check the name',
}
SHORTAGE = re.compile(
    "out of memory|can(no|')t allocate|unable to allocate|failed to map|mmap failed|can't start new thread|"
    'resource temporarily unavailable|DataLoader worker .* killed by signal: Killed',
    re.IGNORECASE,
)
MORE_MEMORY = 'too little memory; end other programs, or allow more by ulimit -v'


class PlainParser(argparse.ArgumentParser):
    """Argument parser that takes no part of an option's name for it, and whose errors cannot rewrite a terminal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{'allow_abbrev': False, **kwargs})

    def error(self, message: str) -> NoReturn:
        """Print the usage and the error, with the control characters of arguments escaped, and exit with code 2."""
        super().error(escaped(message))


def run_command(
    main: Callable[[], int | None],
    report: Callable[..., None] = complain,
    fail: Callable[[Exception], int] | None = None,
) -> int:
    """Run the `main` of a command line and return its exit code.

    The code is 2 after a `UserError` or an error of the system, 130 after Ctrl-C, 1 if the reader of stdout has gone or
    the memory is short. These errors are one line.

    Args:
        main: returns the exit code; None is 0.
        report: prints an error, or the end by Ctrl-C, as `complain` does. Defaults to `complain`.
        fail: prints any other error and returns the exit code, or raises the error. Defaults to None: it is raised.
    """
    with _streams():
        code = _code_of(main, report, fail)
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        lost = getattr(sys.stdout, 'lost', None)
        if lost is None:
            return code
        _discard(1)
        if isinstance(lost, BrokenPipeError):
            return code or 1
        report(describe(OSError(lost.errno, lost.strerror, 'stdout')))
        return code or 2


def _code_of(
    main: Callable[[], int | None], report: Callable[..., None], fail: Callable[[Exception], int] | None
) -> int:
    try:
        return main() or 0
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            report(str(end.code))
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        report('stopped', is_error=False)
        return 130
    except UserError as error:
        if isinstance(error.__cause__, ImportError) and is_shortage(error):  # a library could not be loaded
            report(f'{MORE_MEMORY} ({first_line(error.__cause__)})')
            return 1
        # A data loader's worker process wraps the error in its traceback. The message follows the last name.
        report(re.split(r'\n\S*UserError: ', str(error))[-1].strip())
        return 2
    except LostTextError:  # `_Plain.lost` has the reason
        return 0
    except Exception as error:
        if fail is not None:
            return fail(error)
        if is_shortage(error):
            report(f'{MORE_MEMORY} ({first_line(error)})')
            return 1
        if is_of_system(error):
            report(describe(error))
            return 2
        raise


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if there is none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def is_shortage(error: BaseException | None) -> bool:
    """Return whether an error, or one that led to it, is due to little memory."""
    while error is not None:
        if isinstance(error, MemoryError) or (not isinstance(error, UserError) and SHORTAGE.search(str(error))):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def is_of_system(error: BaseException) -> TypeGuard[OSError]:
    """Return whether an error is that of a file, not of a connection."""
    return isinstance(error, OSError) and not isinstance(error, ConnectionError)


def describe(error: OSError) -> str:
    """Describe an error of the system: the file, the reason, and the way out.

    Example:
        >>> describe(OSError(errno.ENOSPC, 'No space left on device', 'a.png'))
        'a.png: No space left on device; free some room, or choose another place'
    """
    name = f'{one_line(os.fsdecode(error.filename))}: ' if isinstance(error.filename, (str, bytes)) else ''
    way = WAYS_OUT.get(error.errno or 0)
    return f'{name}{error.strerror or error}' + (f'; {way}' if way else '')


def _discard(number: int) -> None:
    """Lead a standard stream to the null device: Python flushes the stream once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)


class _Plain(io.TextIOWrapper):
    """Text stream that escapes CONTROLS; `lost` is the last error of the system, which a library may ignore."""

    lost: OSError | None = None

    def write(self, text: str) -> int:
        """Write text."""
        with self._remembering():
            return super().write(CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text))

    def flush(self) -> None:
        """Flush the buffer."""
        with self._remembering():
            super().flush()

    @contextlib.contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.lost = error
            raise LostTextError(*error.args) from None


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Open closed standard streams on the null device, and write to stdout through `_Plain`, until the block ends."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # otherwise the next file that is opened would get the number
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or open(1, 'w', closefd=False)  # noqa: SIM115 - open as long as the process
    sys.stderr = sys.stderr or open(2, 'w', closefd=False)  # noqa: SIM115
    before, plain = sys.stdout, None
    with contextlib.suppress(OSError):
        before.flush()
    if isinstance(before, io.TextIOWrapper):
        options: dict[str, Any] = {'line_buffering': before.line_buffering, 'write_through': before.write_through}
        sys.stdout = plain = _Plain(before.buffer, before.encoding, 'backslashreplace', **options)
        plain.isatty = before.isatty  # type: ignore[method-assign]
    try:
        yield
    finally:
        sys.stdout = before
        if plain is not None:  # it would close the stream
            with contextlib.suppress(OSError):
                plain.detach()
        try:
            sys.stderr.flush()
        except OSError:
            _discard(2)
