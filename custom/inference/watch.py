"""Photos that are read as they arrive in a folder, with a journal of those that were read."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..structures.photos import image_id_of, passed_over, photos_among
from ..utils.errors import UserError
from ..utils.files import is_regular, parse_json
from ..utils.messages import one_line, say, say_once
from .answers import Answer
from .reader import PhotoReader, PhotoReading
from .records import answer_record

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HIDDEN, JOURNAL = '.digits-reader.jsonl', 'readings.jsonl'  # in the watched folder, and in another one


class Version(NamedTuple):
    """Size in bytes and time of the last change, in ns; a file that is written again has another one."""

    size: int
    mtime_ns: int


class Arrival(NamedTuple):
    """A photo that was read: its line of the journal, and its answer or its error."""

    record: dict[str, Any]
    result: Answer | UserError


def require_folder(folder: Path) -> None:
    """Raise UserError if a folder to be watched is missing or cannot be read."""
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise UserError(f'{folder}: cannot be watched ({error.strerror}); give a folder') from None


class Journal:
    """JSON lines of the photos that were read, each with `file`, `size` and `mtime_ns`.

    A line is written at once and reaches the disk before `append` returns. A line that a crash cut is removed, so that
    its photo is read again.

    Args:
        path: of the file; a missing one is made, with its folders.

    Raises:
        UserError: the file cannot be written, is no journal, or belongs to another process that watches.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Version] = {}
        if os.path.lexists(path) and not is_regular(path):
            raise UserError(f'{path}: is no regular file; remove it, or choose another place with --out')
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Without a buffer, a line is one call of the kernel.
            self._file: BinaryIO = path.open('ab+', buffering=0)
        except OSError as error:
            raise UserError(f'{path}: cannot write here ({error.strerror}); choose another place with --out') from None
        try:
            if fcntl:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._load()
        except BlockingIOError:
            self._file.close()
            raise UserError(f'{path}: another process watches this folder; end it, or choose another --out') from None
        except BaseException:
            self._file.close()
            raise

    def _load(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b'\n'):
                say(f'note: {self.path}: the last line is cut; its photo is read again')
                self._file.truncate(whole)
                break
            whole += len(line)
            try:
                record = parse_json(line)
                self.known[str(record['file'])] = Version(int(record['size']), int(record['mtime_ns']))
            except (ValueError, TypeError, KeyError, OverflowError):
                way = 'move the file away, then all photos are read again'
                raise UserError(f'{self.path}: line {number} is no line of a journal; {way}') from None

    def append(self, record: dict[str, Any]) -> None:
        """Add a line. Raises UserError if it cannot be written."""
        line = json.dumps(record).encode() + b'\n'
        try:
            if self._file.write(line) != len(line):
                raise OSError(None, 'No space left on device')
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UserError(f'{self.path}: could not be written ({error.strerror}); free some room') from None
        self.known[record['file']] = Version(record['size'], record['mtime_ns'])

    def close(self) -> None:
        """Close the file, which frees it for other processes."""
        self._file.close()


class Watch:
    """A folder whose new photos are read, each version of a file once.

    Args:
        folder: subfolders are not watched.
        reader: reads the photos.
        journal: knows the photos that were read.
        answer: makes the answer of an image id, a path and a reading.
    """

    def __init__(
        self,
        folder: Path,
        reader: PhotoReader,
        journal: Journal,
        answer: Callable[[int, Path, PhotoReading], Answer],
    ) -> None:
        self.folder, self.reader, self.journal, self.answer = folder, reader, journal, answer
        self._waiting: dict[str, Version] = {}

    def complete(self) -> dict[str, Version]:
        """Return the photos that are new and were of this version at the last call, too, oldest first.

        A photo that another program still writes changes between two calls.
        """
        new = {name: version for name, version in self._present().items() if self.journal.known.get(name) != version}
        complete = {name: version for name, version in new.items() if self._waiting.get(name) == version}
        self._waiting = new
        return dict(sorted(complete.items(), key=lambda item: item[1].mtime_ns))

    def _present(self) -> dict[str, Version]:
        try:
            with os.scandir(self.folder) as entries:
                photos, others = photos_among(entries)
        except OSError as error:  # a disk of the network may come back
            say_once(f'note: {self.folder}: cannot be read now ({error.strerror}); it is watched further')
            return {}
        if others:
            say_once(f'note: {one_line(self.folder)}: {passed_over(others)}', str(self.folder))
        versions = {photo.name: _version(photo.path) for photo in photos}
        return {name: version for name, version in versions.items() if version}

    def read(self, is_stopped: Callable[[], bool]) -> Iterator[Arrival]:
        """Read the photos that are complete, and yield each when it is in the journal.

        A photo that changed while it was read is left for the next call, as are all once `is_stopped` returns True.
        """
        versions = self.complete()
        paths = [self.folder / name for name in versions]
        for (name, version), path, reading in zip(versions.items(), paths, self.reader.read_many(paths), strict=True):
            now = _version(path)
            if now is None and isinstance(reading, UserError):
                say(f'note: {one_line(path)}: was removed before it was read')
            elif now in (version, None):
                if isinstance(reading, UserError):
                    result: Answer | UserError = reading
                    record: dict[str, Any] = {'error': one_line(reading)}
                else:
                    result = self.answer(image_id_of(name), path, reading)
                    record = answer_record(result)
                time = datetime.now(timezone.utc).isoformat(timespec='seconds')
                record |= {'file': name, 'size': version.size, 'mtime_ns': version.mtime_ns, 'time': time}
                self.journal.append(record)
                yield Arrival(record, result)
            if is_stopped():
                return


def _version(path: str | os.PathLike) -> Version | None:
    """Return the version of a file, None if it has gone."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return Version(stat.st_size, stat.st_mtime_ns)
