"""Shards, the units of work, output and resume: a few photos each, or a container of photos."""

import dataclasses
import errno
import gzip
import io
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import numpy as np

from ..structures.photos import MOST_BYTES, SUFFIXES, read_photo
from ..utils.errors import UserError
from ..utils.files import open_regular, read_to_end
from ..utils.messages import one_line
from ..utils.tar_files import tar_members

if TYPE_CHECKING:
    import pyarrow

TRIES, PAUSE = 3, 1.0  # of opening a remote file; seconds, which double
MOST_GROUP = 1_000_000_000  # bytes of the photos of a row group, decompressed: pyarrow may write them as one page
READ_AHEAD = 1 << 20  # bytes of each column of a Parquet file
PHOTO_COLUMNS = ('bytes', 'image', 'img', 'photo', 'content', 'data', 'jpg', 'jpeg', 'png', 'webp')
NAME_COLUMNS = ('file', 'file_name', 'filename', 'path', 'image_path', 'name', 'key', '__key__', 'id')


@dataclasses.dataclass(frozen=True)
class Shard:
    """Photos that are read, written and resumed together.

    Args:
        photos: paths or fsspec URLs of photos. Defaults to (): the photos are those of `container`.
        container: path or fsspec URL of a Parquet file or of a tar file. Defaults to ''.
        groups: row groups of a Parquet file. Defaults to None, all, or the container is a tar file.
        first_row: number of the first row of `groups` in the file. Defaults to 0.
        count: number of photos. Defaults to None, unknown until the container is read.
    """

    photos: tuple[str, ...] = ()
    container: str = ''
    groups: tuple[int, ...] | None = None
    first_row: int = 0
    count: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, for JSON."""
        fields = dataclasses.fields(self)
        return {one.name: getattr(self, one.name) for one in fields if getattr(self, one.name) != one.default}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> 'Shard':
        """Return the shard of `to_dict`. Raises TypeError for another content."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
        }
        return cls(**fields)


class Loaded(NamedTuple):
    """Photo of a shard: its name in the results, and its pixels (H, W, 3) uint8 RGB or why it has none."""

    name: str
    pixels: np.ndarray | UserError


def is_parquet(name: str) -> bool:
    """Return whether a name is that of a Parquet file."""
    return path_in(name).endswith(('.parquet', '.pq'))


def is_tar(name: str) -> bool:
    """Return whether a name is that of a tar file."""
    return path_in(name).endswith(('.tar', '.tar.gz', '.tgz'))


def is_remote(name: str) -> bool:
    """Return whether a name is an fsspec URL, as s3://bucket/7.png."""
    return '://' in name


def path_in(name: str) -> str:
    """Return a name in lower case; of a chain of fsspec, as zip://7.png::s3://bucket/photos.zip, its first part."""
    return (name.partition('::')[0] if is_remote(name) else name).lower()


def load_shard(shard: Shard) -> Iterator[Loaded]:
    """Read and decode the photos of a shard, at least one; what cannot be read has a reason instead of pixels.

    A container that cannot be opened is one such photo. One that is damaged has one after its readable photos.
    """
    if not shard.container:
        for name in shard.photos:
            yield Loaded(name, _decoded(name, name if not is_remote(name) else None))
        return
    count = 0
    photos = _parquet_photos if is_parquet(shard.container) else _tar_photos
    try:
        with open_file(shard.container) as file:
            for name, content in photos(file, shard):
                yield Loaded(name, _decoded(name, content))
                count += 1
    except UserError as error:
        yield Loaded(shard.container, error)
    except Exception as error:  # tarfile, zlib and pyarrow raise many kinds on damaged files
        after = f' after {count} photos' if count else ''
        fault = f'{shard.container}: is damaged{after} ({one_line(error)}); replace it'
        yield Loaded(shard.container, UserError(fault))
    else:
        if not count:
            yield Loaded(shard.container, UserError(f'{shard.container}: holds no photo'))


def open_file(name: str) -> BinaryIO:
    """Open a path or an fsspec URL to read it. Raises UserError if it cannot be opened."""
    return _retried(name, lambda: _open_url(name) if is_remote(name) else open_regular(name))


def read_bounded(name: str, most: int) -> bytes:
    """Read a path or an fsspec URL. Raises UserError if it cannot be read or has more than `most` bytes."""

    def read() -> bytes:
        with _open_url(name) if is_remote(name) else open_regular(name) as file:
            return read_to_end(file, most)

    return _retried(name, read)


def _open_url(url: str) -> BinaryIO:
    import fsspec

    return fsspec.open(url, 'rb').open()


def _retried(name: str, read: Callable[[], Any]) -> Any:
    """Return the result of `read`; a remote file has TRIES. Raises UserError."""
    for pause in (*(PAUSE * 2**i for i in range(TRIES - 1)), None):
        try:
            return read()
        except FileNotFoundError:
            raise UserError(f'{name}: no such file') from None
        except Exception as error:  # each of fsspec's file systems has its own kinds
            is_final = isinstance(error, (PermissionError, IsADirectoryError)) or _is_large(error)
            if pause is None or is_final or not is_remote(name):
                reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
                raise UserError(f'{name}: cannot be read ({reason}); replace or remove it') from None
            time.sleep(pause)
    raise AssertionError


def _is_large(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EFBIG


class _NamedBytes(io.BytesIO):
    """Content of a photo; messages name it."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def _decoded(name: str, photo: str | bytes | UserError | None) -> np.ndarray | UserError:
    """Decode a photo by its path or content; None is the content behind the URL `name`, an error is returned."""
    if isinstance(photo, UserError):
        return photo
    try:
        if photo is None:
            photo = read_bounded(name, MOST_BYTES)
        return read_photo(photo if isinstance(photo, str) else _NamedBytes(photo, name))
    except UserError as error:
        return error


def _tar_photos(file: BinaryIO, shard: Shard) -> Iterator[tuple[str, bytes | UserError]]:
    """Yield the photos of a tar file, packed by gzip or not, which is read once from its start to its end."""
    buffered = io.BufferedReader(cast(io.RawIOBase, file))
    is_packed = buffered.peek(2)[:2] == b'\x1f\x8b'
    for member, content in tar_members(gzip.GzipFile(fileobj=buffered) if is_packed else buffered):
        base = member.name.rpartition('/')[2].lower()
        if content is not None and base.endswith(SUFFIXES) and base[0] != '.':
            name = f'{shard.container}/{member.name}'
            if member.size > MOST_BYTES:
                fault = f'larger than {MOST_BYTES / 1e6:.0f} MB'
                yield name, UserError(f'{name}: cannot be read ({fault}); replace or remove it')
            else:
                yield name, content.read()


def _parquet_photos(file: BinaryIO, shard: Shard) -> Iterator[tuple[str, bytes | UserError]]:
    """Yield the photos of row groups, one at a time; a row group of more than MOST_GROUP bytes is one error.

    All rows of a page may refer to one large value, so several rows at a time would multiply the size of a page.
    """
    from pyarrow import parquet

    with parquet.ParquetFile(file, buffer_size=READ_AHEAD, pre_buffer=False) as table:
        photo, name = photo_columns(table.schema_arrow, shard.container)
        columns = [photo, *([name] if name else [])]
        row = shard.first_row
        for group in range(table.num_row_groups) if shard.groups is None else shard.groups:
            metadata = table.metadata.row_group(group)
            size = _size_of(metadata, columns)
            if size > MOST_GROUP:
                fault = f'row group {group} has {size / 1e6:,.0f} MB in {" and ".join(columns)}'
                fault = f'{shard.container}: {fault}, more than {MOST_GROUP / 1e6:,.0f}'
                way = 'write smaller row groups, as by row_group_size=1000 of pyarrow'
                yield shard.container, UserError(f'{fault}; {way}')
                row += metadata.num_rows
                continue
            for batch in table.iter_batches(1, [group], columns, use_threads=False):
                (values,) = batch.to_pylist()
                content, own = values[photo], values[name] if name else None
                if isinstance(content, dict):
                    content, own = content['bytes'], own or content.get('path')
                yield f'{shard.container}/{own if own is not None else row}', content or b''
                row += 1


def _size_of(group: Any, columns: list[str]) -> int:
    """Return the decompressed bytes of columns in the metadata of a row group."""
    chunks = [group.column(i) for i in range(group.num_columns)]
    own = [one for one in chunks if any(f'{one.path_in_schema}.'.startswith(f'{name}.') for name in columns)]
    return sum(one.total_uncompressed_size for one in own)


def photo_columns(schema: 'pyarrow.Schema', name: str) -> tuple[str, str | None]:
    """Return the columns of the photos and of their names; photos are bytes, or a struct of bytes and path.

    The only column of bytes holds the photos, or the first of PHOTO_COLUMNS. The first of NAME_COLUMNS with text or
    whole numbers holds the names; None if there is none. Raises UserError without such a column of photos.
    """
    from pyarrow import types

    def is_bytes(kind: Any) -> bool:
        return types.is_binary(kind) or types.is_large_binary(kind)

    def holds_bytes(kind: Any) -> bool:
        index = kind.get_field_index('bytes') if types.is_struct(kind) else -1
        return is_bytes(kind) or (index >= 0 and is_bytes(kind.field(index).type))

    def names_photos(kind: Any) -> bool:
        return types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind)

    found = [field.name for field in schema if holds_bytes(field.type)]
    known = [column for column in PHOTO_COLUMNS if column in found] if len(found) > 1 else found
    if not known:
        had = f'{len(found)} columns of bytes ({", ".join(found)})' if found else 'no column of bytes'
        way = f'name the column of the photos {PHOTO_COLUMNS[0]}'
        raise UserError(f'{name}: has {had} among {", ".join(schema.names)}; {way}')
    names = [one for one in NAME_COLUMNS if one in schema.names and names_photos(schema.field(one).type)]
    return known[0], names[0] if names else None
