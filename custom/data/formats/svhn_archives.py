"""SVHN's archives of full numbers: fetched with a checksum, gone on with where a fetch stopped, and unpacked."""

import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from ...utils.errors import UserError
from ...utils.messages import say

SITE = 'http://ufldl.stanford.edu/housenumbers'
MAT = 'digitStruct.mat'
PIECE = 1 << 18  # bytes fetched or hashed at a time
SILENCE = 30.0  # seconds without a byte after which a fetch has failed


class Archive(NamedTuple):
    """Bytes and SHA-256 of an archive, as Hugging Face's `datasets` and Mindee's `doctr` have recorded them."""

    size: int
    sha256: str


ARCHIVES = {
    'train': Archive(404141560, '4b17bb33b6cd8f963493168f80143da956f28ec406cc12f8e5745a9f91a51898'),
    'test': Archive(276555967, '57ac9ceb530e4aa85b55d991be8fc49c695b3d71c6f6a88afea86549efde7fb5'),
    'extra': Archive(1955489752, 'e857e27d1e65bd1e7d3959b094061777f6506bbc39889a0df3bba6a729d60f9c'),
}


def fetch(folder: Path, parts: Iterable[str]) -> None:
    """Bring archives into a folder, unless they are there, packed or unpacked; shows progress on a terminal.

    What was fetched stays beside, as `train.tar.gz.part`, when it stops; the next call goes on from there.

    Raises:
        UserError: there is no network, the site does not answer as it should, a checksum differs, or the folder cannot
            be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in parts:
            target = folder / f'{part}.tar.gz'
            if not target.exists() and not (folder / part / MAT).exists():
                _fetch_one(f'{SITE}/{target.name}', target, ARCHIVES[part])
                say(f'{target}: fetched, its checksum is right')
    except OSError as error:
        raise UserError(f'{folder}: could not be written ({error.strerror or error})') from error


def _fetch_one(url: str, target: Path, archive: Archive) -> None:
    beside = target.with_name(f'{target.name}.part')
    there = beside.stat().st_size if beside.exists() else 0
    if there < archive.size:
        try:
            request = urllib.request.Request(url, headers={'Range': f'bytes={there}-'} if there else {})
            with urllib.request.urlopen(request, timeout=SILENCE) as answer:
                _store(answer, beside, there, archive.size)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = error.reason if type(error) is urllib.error.URLError else error
            raise UserError(
                f'{url}: cannot be fetched ({reason}); try again later: what is there is kept; '
                f'or put {target.name} into {target.parent} by hand'
            ) from error
    there = beside.stat().st_size
    if there < archive.size:
        raise UserError(f'{url}: broke off after {there} of {archive.size} bytes; the same command goes on from there')
    if _sha256(beside) != archive.sha256:
        beside.unlink()
        raise UserError(f'{url}: is not the archive that is known (its SHA-256 differs); fetch it again')
    beside.rename(target)


def _store(answer: http.client.HTTPResponse, beside: Path, there: int, size: int) -> None:
    """Append what comes; start anew where the site does not go on from the middle."""
    goes_on = answer.status == http.HTTPStatus.PARTIAL_CONTENT
    with (
        beside.open('ab' if goes_on else 'wb') as file,
        tqdm(
            total=size,
            initial=there if goes_on else 0,
            desc=beside.stem,
            unit='B',
            unit_scale=True,
            leave=False,
            disable=None,
        ) as bar,
    ):
        while piece := answer.read(PIECE):
            file.write(piece)
            bar.update(len(piece))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with (
        path.open('rb') as file,
        tqdm(
            total=path.stat().st_size, desc='checksum', unit='B', unit_scale=True, delay=2, leave=False, disable=None
        ) as bar,
    ):
        while piece := file.read(PIECE):
            digest.update(piece)
            bar.update(len(piece))
    return digest.hexdigest()


def unpack(archive: Path, part: str, room: Path) -> Path:
    """Unpack the photos and digitStruct.mat of an archive, nothing else; returns their folder, `room`/`part`.

    Raises:
        UserError: the archive cannot be read, is damaged, or lacks its digitStruct.mat.
        OSError: the photos cannot be written.
    """
    folder = room / part
    folder.mkdir()
    try:
        packed = archive.open('rb')
    except OSError as error:
        raise UserError(f'{archive}: cannot be read ({error.strerror}); check its permissions') from None
    with (
        packed,
        tqdm(
            total=archive.stat().st_size,
            desc=f'unpacking {archive.name}',
            unit='B',
            unit_scale=True,
            delay=2,
            leave=False,
            disable=None,
        ) as bar,
    ):
        try:
            with tarfile.open(fileobj=packed, mode='r|gz') as members:
                for member in members:
                    name = Path(member.name)
                    content = members.extractfile(member) if member.isfile() else None
                    if content and name.parent.name == part and (name.suffix == '.png' or name.name == MAT):
                        with (folder / name.name).open('wb') as file:
                            shutil.copyfileobj(content, file)
                    bar.update(packed.tell() - bar.n)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise UserError(f'{archive}: is damaged or cut off ({error}); remove it and fetch it again') from error
    if not (folder / MAT).exists():
        raise UserError(f'{archive}: has no {part}/{MAT}; give the archive of full numbers')
    return folder
