"""Outputs are written beside their place and moved into it when they are whole."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from custom.errors import UserError


def usual_mode(path: Path, most: int) -> None:
    """Give a temporary file or folder the permissions that a plain one would have had: `most` less the umask."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(most & ~mask)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it replaces `path` on success.

    Missing parent folders are made. When the block raises, `path` is left as it was and the temporary file is removed.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.

    Example:
        >>> with replacing('out/pred.json') as beside:  # doctest: +SKIP
        ...     beside.write_text('[]')
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f'.{path.name[:50]}.', dir=path.parent)
    except OSError as error:
        raise UserError(f'{path}: cannot write here ({error.strerror}); choose another place') from error
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        usual_mode(beside, 0o666)  # mkstemp gives 0600
        beside.replace(path)
    except OSError as error:
        raise UserError(f'{path}: could not be written ({error.strerror or error})') from error
    finally:
        beside.unlink(missing_ok=True)
