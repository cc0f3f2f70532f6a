"""The exceptions for bad input and for lost text."""


class UserError(Exception):
    """Bad input; the message names the file, the value and the way out.

    Tools print the message as `error: …` on stderr, without a traceback, and exit with code 2.
    """


class LostTextError(OSError):
    """Text that could not be written to stdout, which is no error of a file that is being written at the time."""
