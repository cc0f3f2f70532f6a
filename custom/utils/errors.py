"""The one exception that stands for a mistake the user can mend."""


class UserError(Exception):
    """Bad input: the message names the file, the value and the way out.

    Tools print it as `error: …` on stderr and exit with 2, without a traceback.
    """
