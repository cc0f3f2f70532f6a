"""Outputs are written beside their place and moved into it when they are whole."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from custom.errors import UserError


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
        mask = os.umask(0)
        os.umask(mask)
        beside.chmod(0o666 & ~mask)  # mkstemp gives 0600
        beside.replace(path)
    except OSError as error:
        raise UserError(f'{path}: could not be written ({error.strerror or error})') from error
    finally:
        beside.unlink(missing_ok=True)
