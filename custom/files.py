"""Outputs are written beside their place and moved into it when they are whole."""

import contextlib
import os
import shutil
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


def is_free(folder: Path) -> bool:
    """Whether a folder is not there yet, or is empty; a file is in the way.

    Raises:
        UserError: it may not be looked into.
    """
    try:
        return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise UserError(f'{folder}: cannot be read ({error.strerror}); choose another place') from error


@contextlib.contextmanager
def building(out: Path) -> Iterator[Path]:
    """Yield a new folder beside `out` that takes its place when the block is done, and vanishes when it fails.

    Raises:
        UserError: `out` cannot be written to, the disk is full, or something lies there.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f'.{out.name[:50]}.', dir=out.parent))
    except OSError as error:
        raise UserError(f'{out}: cannot write here ({error.strerror}); choose another place') from error
    try:
        yield beside
        usual_mode(beside, 0o777)  # mkdtemp gives 0700
        beside.rename(out)
    except OSError as error:
        raise UserError(f'{out}: could not be written ({error.strerror or error})') from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
