"""Outputs are written beside their place and moved into it when they are whole."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from .errors import UserError

DEEPEST = 50  # arrays and objects within one another that JSON may have


def _beside(path: Path) -> Path:
    """Return an unused, hidden path in the folder of `path`, which is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f'.{path.name[:50]}.{secrets.token_hex(8)}')


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it replaces `path` on success.

    Missing parent folders are made. A replaced file keeps its permissions. When the block raises, `path` is left as it
    was and the temporary file is removed.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.

    Example:
        >>> with replacing('out/pred.json') as beside:  # doctest: +SKIP
        ...     beside.write_text('[]')
    """
    path = Path(path)
    try:
        beside = _beside(path)
        beside.touch(exist_ok=False)  # the kernel applies the umask
    except OSError as error:
        raise UserError(f'{path}: cannot write here ({error.strerror}); choose another place') from error
    try:
        mode = (path if path.is_file() else beside).stat().st_mode
        beside.chmod(mode | 0o600)  # before there is content that others may not read
        yield beside
        beside.chmod(mode)
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

    An empty folder at `out` passes its permissions on to the new one.

    Raises:
        UserError: `out` cannot be written to, the disk is full, or something lies there.
    """
    try:
        beside = _beside(out)
        beside.mkdir()  # the kernel applies the umask
    except OSError as error:
        raise UserError(f'{out}: cannot write here ({error.strerror}); choose another place') from error
    try:
        yield beside
        beside.chmod((out if out.is_dir() else beside).stat().st_mode)
        beside.rename(out)
    except OSError as error:
        raise UserError(f'{out}: could not be written ({error.strerror or error})') from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON of limited depth: `repr` of deeper content, in a message say, would exceed the recursion limit.

    Raises:
        ValueError: no JSON, or arrays and objects nested more than DEEPEST deep.
    """
    with contextlib.suppress(RecursionError):
        content = json.loads(text)
        level = [content]
        for _ in range(DEEPEST + 1):
            nodes = [
                node.values() if isinstance(node, dict) else node for node in level if isinstance(node, (dict, list))
            ]
            if not nodes:
                return content
            level = list(chain.from_iterable(nodes))
    raise ValueError(f'nested more than {DEEPEST} deep')
