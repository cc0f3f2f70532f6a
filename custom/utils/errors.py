"""The exception for bad input."""


class UserError(Exception):
    """Bad input; the message names the file, the value and the way out.

    Tools print the message as `error: …` on stderr, without a traceback, and exit with code 2.
    """
