"""Download and unpacking of the SVHN archives of full numbers."""

import gzip
import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from tqdm import tqdm

from ...utils.errors import UserError
from ...utils.files import open_regular
from ...utils.messages import say
from ...utils.tar_files import tar_members

SITE = 'http://ufldl.stanford.edu/housenumbers'
MAT = 'digitStruct.mat'
PIECE = 1 << 18  # bytes downloaded or hashed at a time
TIMEOUT = 30.0  # seconds without a byte
MOST_UNPACKED, ROOM = 20, 10**7  # times the size of an archive, and bytes: PNG hardly shrinks when it is packed


class Archive(NamedTuple):
    """Bytes and SHA-256 of an archive, as recorded by Hugging Face's `datasets` and Mindee's `doctr`."""

    size: int
    sha256: str


ARCHIVES = {
    'train': Archive(404141560, '4b17bb33b6cd8f963493168f80143da956f28ec406cc12f8e5745a9f91a51898'),
    'test': Archive(276555967, '57ac9ceb530e4aa85b55d991be8fc49c695b3d71c6f6a88afea86549efde7fb5'),
    'extra': Archive(1955489752, 'e857e27d1e65bd1e7d3959b094061777f6506bbc39889a0df3bba6a729d60f9c'),
}


def fetch(folder: Path, parts: Iterable[str]) -> None:
    """Download the archives that are not in a folder, packed or unpacked; a terminal shows a bar.

    An interrupted download stays there as `train.tar.gz.part`; the next call resumes it.

    Raises:
        UserError: the download fails, a checksum differs, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in parts:
            target = folder / f'{part}.tar.gz'
            if not target.exists() and not (folder / part / MAT).exists():
                _fetch_one(f'{SITE}/{target.name}', target, ARCHIVES[part])
                say(f'{target}: downloaded, its checksum is right')
    except OSError as error:
        raise UserError(f'{folder}: could not be written ({error.strerror or error})') from error


def _fetch_one(url: str, target: Path, archive: Archive) -> None:
    beside = target.with_name(f'{target.name}.part')
    size = beside.stat().st_size if beside.exists() else 0
    if size < archive.size:
        try:
            request = urllib.request.Request(url, headers={'Range': f'bytes={size}-'} if size else {})
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT  # else the site sends the whole archive
                bar = _bar(answer, beside.stem, archive.size, initial=size if resumed else 0)
                with beside.open('ab' if resumed else 'wb') as file, bar as content:
                    shutil.copyfileobj(content, file, PIECE)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = error.reason if type(error) is urllib.error.URLError else error
            raise UserError(
                f'{url}: cannot be downloaded ({reason}); try again later: the part on disk is kept; '
                f'or put {target.name} into {target.parent} by hand'
            ) from error
    size = beside.stat().st_size
    if size < archive.size:
        raise UserError(f'{url}: broke off after {size} of {archive.size} bytes; repeat the command to resume')
    digest = hashlib.sha256()
    with beside.open('rb') as downloaded, _bar(downloaded, 'checksum', size) as content:
        while piece := content.read(PIECE):
            digest.update(piece)
    if digest.hexdigest() != archive.sha256:
        beside.unlink()
        raise UserError(f'{url}: is not the official archive (its SHA-256 differs); download it again')
    beside.rename(target)


def _bar(file: Any, title: str, total: int, initial: int = 0) -> AbstractContextManager[Any]:
    """Wrap a file so that a terminal shows the bytes read, after 2 s."""
    return tqdm.wrapattr(file, 'read', total, desc=title, initial=initial, delay=2, leave=False, disable=None)


class _BoundedStream:
    """Stream of at most `most` bytes: a small archive may unpack to any size."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, most: int) -> None:
        self.stream, self.most = stream, most

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes. Raises ValueError after `most` bytes."""
        piece = self.stream.read(size)
        self.most -= len(piece)
        if self.most < 0:
            raise ValueError('it unpacks to an unlikely size')
        return piece


def unpack(archive: Path, part: str, unpacked: Path) -> Path:
    """Unpack photos and digitStruct.mat of an archive, no other file, into the folder `unpacked`/`part`; return it.

    Raises:
        UserError: the archive cannot be read, is damaged, or lacks digitStruct.mat.
        OSError: the photos cannot be written.
    """
    folder = unpacked / part
    folder.mkdir()
    try:
        packed = open_regular(archive)
    except OSError as error:
        raise UserError(f'{archive}: cannot be read ({error.strerror}); check its permissions') from None
    size = archive.stat().st_size
    with packed, _bar(packed, f'unpacking {archive.name}', size) as stream:
        try:
            content: Any = _BoundedStream(gzip.GzipFile(fileobj=stream), MOST_UNPACKED * size + ROOM)
            for member, photo in tar_members(content):
                name = Path(member.name)
                if photo and name.parent.name == part and (name.suffix == '.png' or name.name == MAT):
                    with (folder / name.name).open('wb') as file:
                        shutil.copyfileobj(photo, file)
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, ValueError, zlib.error) as error:
            raise UserError(
                f'{archive}: is damaged or incomplete ({error}); remove it and download it again'
            ) from error
    if not (folder / MAT).exists():
        raise UserError(f'{archive}: has no {part}/{MAT}; give the archive of full numbers')
    return folder
