"""Atomic outputs and JSON of limited depth."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import Any

from .errors import UserError

DEEPEST = 50  # levels of nested arrays and objects that JSON may have


def replacing(path: str | os.PathLike) -> AbstractContextManager[Path]:
    """Yield an empty temporary file in the folder of `path`, which replaces `path` on success.

    Missing parent folders are made. A replaced file keeps its permissions. When the block raises, `path` stays as it
    was and the temporary file is removed.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    return _beside(Path(path), is_folder=False)


def building(out: Path) -> AbstractContextManager[Path]:
    """Yield an empty folder beside `out`, which becomes `out` on success and is removed on failure.

    An empty folder at `out` is replaced; the new folder gets its permissions.

    Raises:
        UserError: `out` cannot be written to or is not empty, or the disk is full.
    """
    return _beside(out, is_folder=True)


@contextlib.contextmanager
def _beside(out: Path, is_folder: bool) -> Iterator[Path]:
    beside = out.with_name(f'.{out.name[:50]}.{secrets.token_hex(8)}')
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir() if is_folder else beside.touch(exist_ok=False)  # the kernel applies the umask
    except OSError as error:
        raise UserError(f'{out}: cannot write here ({error.strerror}); choose another place') from error
    try:
        is_replaced = out.is_dir() if is_folder else out.is_file()
        mode = (out if is_replaced else beside).stat().st_mode
        beside.chmod(mode | 0o700 if is_folder else mode | 0o600)  # before there is content that others may not read
        yield beside
        beside.chmod(mode)
        beside.replace(out)
    except OSError as error:
        raise UserError(f'{out}: could not be written ({error.strerror or error})') from error
    finally:
        if is_folder:
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)


def is_free(folder: Path) -> bool:
    """Return whether a folder is missing or empty; False for a file.

    Raises:
        UserError: the folder cannot be read.
    """
    try:
        return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise UserError(f'{folder}: cannot be read ({error.strerror}); choose another place') from error


def decode_utf8(text: bytes, name: str | os.PathLike) -> str:
    """Decode a file called `name`.

    Raises:
        UserError: no UTF-8, or there is a byte order mark, which json.load refuses.
    """
    with contextlib.suppress(UnicodeDecodeError):
        if not (decoded := text.decode()).startswith('\ufeff'):
            return decoded
    raise UserError(f'{name}: must be UTF-8 without a byte order mark; save it as such')


def _one_value(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        for key, value in pairs:
            if content[key] != value:
                raise ValueError(f'{key!r} is there twice in one object, as {value!r:.80} and {content[key]!r:.80}')
    return content


def parse_json(text: str | bytes) -> Any:
    """Parse JSON of limited depth: the `repr` of deeper content, in a message say, exceeds the recursion limit.

    Raises:
        ValueError: no JSON, a key of an object has two values, or arrays and objects are nested more than DEEPEST deep.
    """
    with contextlib.suppress(RecursionError):
        content = json.loads(text, object_pairs_hook=_one_value)
        level = [content]
        for _ in range(DEEPEST + 1):
            nodes = [node for node in level if isinstance(node, (dict, list))]
            if not nodes:
                return content
            level = list(chain.from_iterable(node.values() if isinstance(node, dict) else node for node in nodes))
    raise ValueError(f'nested more than {DEEPEST} deep')
