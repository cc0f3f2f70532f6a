"""Atomic outputs, and bounded inputs: regular files, and JSON of limited size and depth.

An output is made under a hidden name beside its place, `.NAME.` with 16 hexadecimal digits, and renamed. Its process
holds a lock on it (flock), which the system releases however the process ends. The next process that makes an output
of the same name removes what is not locked.

Files that belong together replace their former ones together (`replacing_set`): all are complete before the first one
is moved, and what a killed process has not moved, the next one moves (`finish_set`).
"""

import contextlib
import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from .errors import LostTextError, UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

READY, REMOVED = '.new-set', '.removed'  # folder of a complete set; in it, names of files that it no longer has
DEEPEST = 50  # levels of nested arrays and objects that JSON may have
MOST_BYTES = 1 << 30  # of a file that is read as a whole
MOST_TEXT = 100_000_000  # bytes of a list or of a label file
MOST_VALUES = 20_000_000  # of JSON; they take about 2 GB of memory
PIECE = 1 << 20  # bytes that are read at a time from a file of unknown size
LONGEST_NUMBER = 308  # digits of a whole number that a float can hold
NOT_REGULAR = 'named pipe, socket, device or broken link'
SPECIAL = {
    stat.S_IFIFO: 'a named pipe',
    stat.S_IFSOCK: 'a socket',
    stat.S_IFCHR: 'a device',
    stat.S_IFBLK: 'a device',
}


def replacing(path: str | os.PathLike, clean: bool = True) -> AbstractContextManager[Path]:
    """Yield an empty temporary file in the folder of `path`, which replaces `path` on success.

    Missing parent folders are made. A replaced file keeps its permissions. When the block raises, `path` stays as it
    was and the temporary file is removed.

    Args:
        path: of the file.
        clean: whether to look for what killed processes left of the same file, which lists the folder. Defaults to
            True; a folder of many files can be cleaned once, by `remove_leftovers`.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    return _beside(Path(path), is_folder=False, clean=clean)


def building(out: Path) -> AbstractContextManager[Path]:
    """Yield an empty folder beside `out`, which becomes `out` on success and is removed on failure.

    An empty folder at `out` is replaced; the new folder gets its permissions.

    Raises:
        UserError: `out` cannot be written to or is not empty, or the disk is full.
    """
    return _beside(out, is_folder=True)


@contextlib.contextmanager
def replacing_set(folder: Path, names: Iterable[str] = ()) -> Iterator[Path]:
    """Yield an empty folder, whose files replace those of the same names in `folder` together, on success.

    Files of a subfolder go to the subfolder of the same name. An empty folder changes nothing. When the block raises,
    `folder` stays as it was.

    Args:
        folder: made if it is missing.
        names: all files that a set of this kind may have. Those that the new set lacks are removed from `folder`.

    Raises:
        UserError: the folder cannot be written to, the disk is full, or a file would replace a folder.
    """
    with _unfinished(folder / READY, folder, is_folder=True) as new:
        new.chmod(0o700)  # it may replace files that others may not read
        yield new
        files = _files_below(new)
        for name in files:
            target = _place(folder, name)
            if target.is_file():
                (new / name).chmod(target.stat().st_mode)
        if files:
            (new / REMOVED).write_text('\n'.join(set(names) - set(files)))
            finish_set(folder)  # of another process
            new.replace(folder / READY)
    finish_set(folder)


def _files_below(folder: Path) -> list[str]:
    paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sorted(str(path.relative_to(folder)) for path in paths)


def _place(folder: Path, name: str) -> Path:
    """Return the place of a file of a set; a link in its path could lead out of the folder."""
    target = folder / name
    if target.is_dir() or (target.parent != folder and target.parent.is_symlink()):
        raise UserError(f'{target}: is a folder, or in a linked one; choose another place')
    return target


def finish_set(folder: str | os.PathLike) -> None:
    """Move the files of a complete set, which a killed process left in READY, to their places in `folder`.

    Whoever reads one of several files that belong together calls this first.

    Raises:
        UserError: the files cannot be moved.
    """
    folder = Path(folder)
    ready = folder / READY
    if ready.is_symlink() or not os.path.isdir(ready):
        return
    try:
        removed = ready / REMOVED
        for name in removed.read_text().split('\n') if removed.is_file() else ():
            if name and '/' not in name:
                (folder / name).unlink(missing_ok=True)
        for name in _files_below(ready):
            target = _place(folder, name)
            if name != REMOVED:
                target.parent.mkdir(exist_ok=True)
                with contextlib.suppress(FileNotFoundError):  # another process has moved it
                    (ready / name).replace(target)
        shutil.rmtree(ready, ignore_errors=True)
    except OSError as error:
        way = 'make the folder writable, and read it again'
        raise UserError(f'{ready}: its files could not be moved to {folder} ({error.strerror}); {way}') from None


@contextlib.contextmanager
def _beside(out: Path, is_folder: bool, clean: bool = True) -> Iterator[Path]:
    with _unfinished(out, out, is_folder, clean) as beside:
        is_replaced = out.is_dir() if is_folder else out.is_file()
        mode = (out if is_replaced else beside).stat().st_mode
        beside.chmod(mode | 0o700 if is_folder else mode | 0o600)  # before there is content that others may not read
        yield beside
        beside.chmod(mode)
        beside.replace(out)


@contextlib.contextmanager
def _unfinished(out: Path, shown: Path, is_folder: bool, clean: bool = True) -> Iterator[Path]:
    """Yield an empty file or folder beside `out`, removed at the end unless it was renamed; messages name `shown`.

    Parent folders that are made here are removed if they are empty at the end.
    """
    missing = [folder for folder in out.parents if not os.path.lexists(folder)]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        finish_set(out.parent)
        if clean:
            remove_leftovers(out.parent, out.name)
        beside, lock = _make_locked(out, is_folder)
    except OSError as error:
        _remove_empty(missing)
        raise UserError(f'{shown}: cannot write here ({error.strerror}); choose another place') from error
    try:
        yield beside
    except LostTextError:
        raise
    except OSError as error:
        raise UserError(f'{shown}: could not be written ({error.strerror or error})') from error
    finally:
        _remove(beside)
        if lock is not None:
            os.close(lock)
        _remove_empty(missing)


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, the inner ones first, up to the first one that has a file."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _make_locked(out: Path, is_folder: bool) -> tuple[Path, int | None]:
    """Make an empty file or folder beside `out`; return its path and its lock, None where none can be had."""
    while True:
        beside = out.with_name(f'.{out.name[:50]}.{os.urandom(8).hex()}')
        beside.mkdir() if is_folder else beside.touch(exist_ok=False)  # the kernel applies the umask
        with contextlib.suppress(FileNotFoundError):  # another process has taken it for a leftover
            lock = _lock(beside)
            if lock is None or os.path.samestat(os.fstat(lock), beside.stat()):
                return beside, lock
            os.close(lock)


def _lock(path: Path) -> int | None:
    """Lock a file or folder; return the descriptor, or None if another process has the lock or it cannot be locked."""
    if fcntl is None:
        return None
    lock = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # some network file systems lock no folders
        os.close(lock)
        return None
    return lock


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left of unfinished outputs called `name`, by default of all in a folder.

    Outputs that a running process is making stay.
    """
    start = re.escape(name[:50]) if name else '.+'
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if re.fullmatch(rf'\.{start}\.[0-9a-f]{{16}}', path.name, re.DOTALL):
                with contextlib.suppress(OSError):
                    lock = _lock(path)
                    if lock is not None:
                        _remove(path)
                        os.close(lock)


def real_path(path: str | os.PathLike) -> Path:
    """Return the absolute path without links. A link to itself stays, where `Path.resolve` fails."""
    return Path(os.path.realpath(path))


def is_free(folder: Path) -> bool:
    """Return whether a folder is missing or empty; False for a file.

    Raises:
        UserError: the folder cannot be read.
    """
    try:
        return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise UserError(f'{folder}: cannot be read ({error.strerror}); choose another place') from error


def is_regular(path: str | os.PathLike) -> bool:
    """Return whether a path is a regular file or a link to one; a link to itself and a missing file are none."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # ValueError: a null character
        return False


def open_regular(path: str | os.PathLike) -> BufferedReader:
    """Open a regular file for reading. To open a named pipe would block, and a device may never end.

    Raises:
        OSError: the file cannot be opened, or is not a regular file.
    """
    _require_regular(os.stat(path).st_mode, path)  # to open a device may start something
    file = open(path, 'rb', opener=_open_at_once)  # noqa: SIM115 - the caller closes the file
    try:
        _require_regular(os.fstat(file.fileno()).st_mode, path)
    except BaseException:
        file.close()
        raise
    return file


def _require_regular(mode: int, path: str | os.PathLike) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        kind = SPECIAL.get(stat.S_IFMT(mode), 'something else')
        raise OSError(errno.EINVAL, f'{kind}, not a regular file', os.fspath(path))


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, 'O_NONBLOCK', 0))  # Windows has no such flag


def read_file(path: str | os.PathLike, most: int = MOST_BYTES) -> bytes:
    """Read a regular file of at most `most` bytes.

    Raises:
        OSError: the file cannot be read, is not a regular file, or is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f'larger than {most / 1e6:.0f} MB', os.fspath(path))
        return file.read(size)  # not more, even if the file grows


def read_to_end(file: BinaryIO, most: int = MOST_BYTES) -> bytes:
    """Read an open file of unknown size to its end.

    Raises:
        OSError: the file cannot be read, or has more than `most` bytes.
    """
    pieces, left = list[bytes](), most
    while piece := file.read(PIECE):
        left -= len(piece)
        if left < 0:
            raise OSError(errno.EFBIG, f'larger than {most / 1e6:.0f} MB')
        pieces.append(piece)
    return b''.join(pieces)


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


def _whole(text: str) -> int | float:
    """Convert a whole number; one beyond the range of floats is infinite, as such a number with an exponent is."""
    return int(text) if len(text) <= LONGEST_NUMBER else float(text)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON of limited size and depth: the `repr` of deeper content, in a message say, fails.

    Raises:
        ValueError: no JSON, a key of an object has two values, arrays and objects are nested more than DEEPEST deep, or
            there may be more than MOST_VALUES values.
    """
    marks: Any = ',[{' if isinstance(text, str) else (b',', b'[', b'{')
    if sum(map(text.count, marks)) > MOST_VALUES:
        raise ValueError(f'holds more than {MOST_VALUES // 10**6} million values')
    with contextlib.suppress(RecursionError):
        content = json.loads(text, object_pairs_hook=_one_value, parse_int=_whole)
        level = [content]
        for _ in range(DEEPEST + 1):
            nodes = [node for node in level if isinstance(node, (dict, list))]
            if not nodes:
                return content
            level = list(chain.from_iterable(node.values() if isinstance(node, dict) else node for node in nodes))
    raise ValueError(f'nested more than {DEEPEST} deep')
