"""Sources of photos, split into shards: folders, patterns, lists, Parquet files and tar files, local or by fsspec."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from ..inference.answers import find_photos, matches
from ..structures.photos import FORMAT_NAMES, SUFFIXES, natural_key, passed_over, photos_among
from ..utils.errors import UserError
from ..utils.files import MOST_BYTES, decode_utf8
from ..utils.messages import one_line, say, say_once
from .shards import Shard, is_parquet, is_remote, is_tar, open_file, path_in, photo_columns, read_bounded

MOST, PARTS, LEAST = 1000, 32, 8  # photos of a shard at most; shards of a small source; photos of such a shard
FOOTERS = 16  # Parquet files whose footers are read at a time


def plan_shards(sources: Sequence[str]) -> list[Shard]:
    """Split the photos of sources into shards, in the order of the sources.

    A source is a photo, a folder or a glob pattern of photos, Parquet files and tar files, or a list: a .txt file with
    a photo, a Parquet file or a tar file a line. A shard has MOST photos, or fewer of a small source. A tar file is a
    shard. A row group of a Parquet file is one, with the following ones up to MOST photos.

    Raises:
        UserError: a source is missing, cannot be listed or has no photo.
    """
    names: dict[str, None] = {}
    for source in sources:
        names.update(dict.fromkeys(_names_of(source)))
    photos = [name for name in names if not is_container(name)]
    size = max(LEAST, min(MOST, math.ceil(len(photos) / PARTS)))
    shards: list[Shard] = []
    waiting: list[str] = []

    def end() -> None:
        if waiting:
            shards.append(Shard(photos=tuple(waiting), count=len(waiting)))
            waiting.clear()

    with ThreadPoolExecutor(FOOTERS) as pool:
        tables = iter(pool.map(_parquet_shards, filter(is_parquet, names)))
        for name in names:
            if not is_container(name):
                waiting.append(name)
                if len(waiting) == size:
                    end()
                continue
            end()
            shards += next(tables) if is_parquet(name) else [Shard(container=name)]
    end()
    return shards


def is_container(name: str) -> bool:
    """Return whether a file of this name holds photos, as a Parquet file or a tar file."""
    return is_parquet(name) or is_tar(name)


def _names_of(source: str) -> Iterable[str]:
    if source.lower().endswith('.txt'):
        return _names_in_list(source)
    if is_remote(source):
        return _names_at(source)
    return _names_in_folder(source)


def _names_in_folder(source: str) -> Iterable[str]:
    """List the photos and containers of a file, folder or pattern, in natural order.

    Raises:
        UserError: as `find_photos`.
    """
    path = Path(source)
    if os.path.lexists(path) and not path.is_dir():
        return [str(path)]
    try:
        entries = list(path.iterdir()) if path.is_dir() else matches(path)
        containers = {entry for entry in entries if is_container(entry.name) and entry.is_file()}
        if not containers:
            return map(str, find_photos([source]))
        photos, others = photos_among(entry for entry in entries if entry not in containers)
    except OSError as error:
        raise UserError(f'{source}: cannot be read ({error.strerror}); check its permissions') from None
    if others:
        say_once(f'note: {one_line(source)}: {passed_over(others)}')
    return sorted(map(str, [*photos, *containers]), key=natural_key)


def _names_in_list(source: str) -> Iterator[str]:
    """Yield the lines of a list; a relative path is relative to the folder of the list.

    Raises:
        UserError: the list cannot be read, is no text, or is empty.
    """
    lines = decode_utf8(read_bounded(source, MOST_BYTES), source).splitlines()
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(f'{source}: is empty; write the path of a photo into each line')
    folder = source.rpartition('/')[0]
    for name in names:
        if is_remote(name) or os.path.isabs(name) or not folder:
            yield name
        else:
            yield f'{folder}/{name}' if is_remote(source) else str(Path(folder, name))


def _names_at(url: str) -> list[str]:
    """List the photos and containers of a file, folder or pattern behind an fsspec URL, in natural order.

    Raises:
        UserError: fsspec does not know the protocol, its package is missing, or there is no such file.
    """
    import fsspec

    outer = url.partition('::')[2]  # of a chain, as zip://*.png::s3://bucket/photos.zip
    try:
        system, path = fsspec.core.url_to_fs(url)
        if any(c in path for c in '*?['):
            paths = system.glob(path)
        else:
            paths = system.ls(path, detail=False) if system.isdir(path) else [path] if system.exists(path) else []
        names = [_url(system.unstrip_protocol(one), outer) for one in paths]
    except FileNotFoundError:
        names = []
    except Exception as error:  # each of fsspec's file systems has its own kinds; ImportError, too
        raise UserError(f'{one_line(url)}: cannot be listed ({one_line(error)})') from None
    if len(names) == 1 and names[0].partition('::')[0].rstrip('/') == url.partition('::')[0].rstrip('/'):
        return names  # a file, whatever its suffix
    files = [name for name in names if not PurePosixPath(path_in(name)).name.startswith('.')]
    found = [name for name in files if path_in(name).endswith(SUFFIXES) or is_container(name)]
    if not found:
        way = f'give photos ({FORMAT_NAMES}), Parquet files, tar files, a folder or a pattern'
        raise UserError(f'{one_line(url)}: no photo found; {way}')
    if others := sorted(set(files) - set(found), key=natural_key):
        say(f'note: {one_line(url)}: {len(others)} × file or folder that is no photo, passed over; first: {others[0]}')
    return sorted(found, key=natural_key)


def _url(name: str, outer: str) -> str:
    return f'{name}::{outer}' if outer else name


def _parquet_shards(name: str) -> list[Shard]:
    """Split a Parquet file by its footer; a damaged file is one shard, which has an error when it is loaded.

    Raises:
        UserError: there is no such file, or it has no column of photos.
    """
    from pyarrow import parquet

    try:
        with open_file(name) as file, parquet.ParquetFile(file) as table:
            photo_columns(table.schema_arrow, name)
            rows = [table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)]
    except UserError:
        raise
    except Exception:  # pyarrow raises many kinds on damaged files
        return [Shard(container=name)]
    shards, groups, first, count = list[Shard](), list[int](), 0, 0
    for group, own in enumerate(rows):
        if groups and count + own > MOST:
            shards.append(Shard(container=name, groups=tuple(groups), first_row=first, count=count))
            groups, first, count = [], first + count, 0
        groups.append(group)
        count += own
    shards.append(Shard(container=name, groups=tuple(groups), first_row=first, count=max(count, 1)))
    return shards
