"""Reading and writing of pred.json."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..structures.detections import Detections, value_faults
from ..utils.errors import UserError
from ..utils.files import decode_utf8, finish_set, parse_json, read_file, replacing

try:
    from msgspec.json import decode, encode
except ImportError:  # the torch-free reader does without

    def encode(values: Any) -> bytes:  # type: ignore[misc]
        return json.dumps(values, separators=(',', ':')).encode()

    def decode(text: bytes) -> Any:  # type: ignore[no-redef]
        return json.loads(text)


KINDS: dict[str, set[type]] = {'image_id': {int}, 'bbox': {list}, 'score': {int, float}, 'category_id': {int}}
BEGIN, END = b'{"image_id":%d,"bbox":[', b'%b],"score":%b,"category_id":%b'  # of an entry, without the last }
SHORTEST = b'{"image_id":1,"bbox":[0,0,9,9],"score":1,"category_id":1}'
LIST = re.compile(rb'[ \t\n\r]*\[(.*)\][ \t\n\r]*', re.DOTALL)
BETWEEN = re.compile(rb'\}[ \t\n\r]*,[ \t\n\r]*(?=\{)')  # two entries; other white space is not JSON's
ROWS, PIECE = 2000, 1 << 15  # boxes encoded, and bytes parsed, at a time: the entries fit into the CPU's cache
MOST_PIECE = 1 << 20  # bytes between two ends of entries; an entry has about a hundred
CHUNK = 50_000  # boxes encoded at a time by write_pred_json: bounds the memory
Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def encode_runs(detections: Detections) -> list[tuple[int, bytes]]:
    """Encode each run of boxes of one photo: (image_id, entries of pred.json with commas between them)."""
    ends: list[bytes] = []
    for start in range(0, len(detections), ROWS):
        part = detections[start : start + ROWS]
        scores, categories = (encode(column.tolist())[1:-1].split(b',') for column in (part.scores, part.labels + 1))
        bboxes = encode(part.bboxes.tolist())[2:-2].split(b'],[')
        ends += map(END.__mod__, zip(bboxes, scores, categories, strict=True))
    ids = detections.image_ids
    cuts = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1, append=ids[-1:] + 1)).tolist()
    starts = [BEGIN % ids[cut] for cut in cuts[:-1]]
    return [
        (int(ids[cut]), begin + (b'},' + begin).join(ends[cut:next_cut]) + b'}')
        for begin, (cut, next_cut) in zip(starts, pairwise(cuts), strict=True)
    ]


def parse_pred_json(text: bytes, name: str | os.PathLike) -> Columns:
    """Parse pred.json; types are checked, values are not. Messages name the file `name`.

    Returns:
        image_ids (N,) int64, bboxes (N, 4) float64 xywh in pixels, scores (N,) float64, category_ids (N,) int64.

    Raises:
        UserError: not JSON in UTF-8 without a byte order mark, not a list of objects, a key is missing or
            has two values, or a value has the wrong type.
    """
    if not text.isascii():
        decode_utf8(text, name)
    most = len(text) // len(SHORTEST)
    columns = np.empty(most, np.int64), np.empty((most, 4)), np.empty(most), np.empty(most, np.int64)
    count = 0
    try:
        for piece in _pieces(text):
            part = _columns(decode(b'[%b]' % piece), name, count)
            end = count + len(part[0])
            for column, values in zip(columns, part, strict=True):
                column[count:end] = values
            count = end
    except (ValueError, RecursionError):  # no JSON, or a cut within a string
        count = 0
    is_once = b'\\' not in text and all(text.count(b'"%b"' % key.encode()) == count for key in KINDS)
    if count and is_once:  # msgspec takes the last value of a key
        ids, bboxes, scores, categories = (column[:count] for column in columns)
        return ids, bboxes, scores, categories
    try:  # accepts NaN and Infinity, so that a message can name the entry
        return _columns(parse_json(decode_utf8(text, name)), name)
    except ValueError as error:
        raise UserError(f'{name}: not JSON ({error})') from error


def _pieces(text: bytes) -> Iterator[bytes]:
    """Cut the content of a list between some of its objects; without a list, yield nothing."""
    if whole := LIST.fullmatch(text):
        start, stop = whole.span(1)
        while cut := BETWEEN.search(text, start + PIECE, stop):
            yield _bounded(text[start : cut.start() + 1])
            start = cut.end()
        yield _bounded(text[start:stop])


def _bounded(piece: bytes) -> bytes:
    if len(piece) > MOST_PIECE:  # parsed, it could take twenty times the memory
        raise ValueError
    return piece


def _columns(entries: object, name: str | os.PathLike, first: int = 0) -> Columns:
    """Convert entries to columns; the first one is number `first` of the file."""
    if not isinstance(entries, list):
        raise UserError(f'{name}: must be a list of detections, not {type(entries).__name__}')

    def where(i: int) -> str:
        return f'{name}: entry {first + i} (from 0)'

    def require(values: list | tuple, kinds: set[type], want: str, size: int = 1) -> None:
        if wrong := set(map(type, values)) - kinds:
            i = next(i for i, value in enumerate(values) if type(value) in wrong)
            raise UserError(f'{where(i // size)}: {want}, but it is {json.dumps(values[i])[:80]}')

    require(entries, {dict}, 'must be an object with ' + ', '.join(KINDS))
    try:
        rows = list(map(itemgetter(*KINDS), entries))
    except KeyError:
        i, key = next((i, key) for key in KINDS for i, entry in enumerate(entries) if key not in entry)
        raise UserError(f'{where(i)}: {key!r} is missing; it has {list(entries[i])}') from None
    columns = dict(zip(KINDS, zip(*rows, strict=True) if rows else [()] * len(KINDS), strict=True))
    for key, kinds in KINDS.items():
        want = {'bbox': 'a list [x, y, w, h]', 'score': 'a number'}.get(key, 'a whole number')
        require(columns[key], kinds, f'{key} must be {want}')
    boxes = columns['bbox']
    if set(map(len, boxes)) - {4}:
        i = next(i for i, box in enumerate(boxes) if len(box) != 4)
        raise UserError(f'{where(i)}: bbox must be [x, y, w, h], but it is {str(boxes[i])[:80]}')
    sides = list(chain.from_iterable(boxes))
    require(sides, {int, float}, 'bbox must hold 4 numbers', size=4)
    try:
        ids, categories = (np.array(columns[key], np.int64) for key in ('image_id', 'category_id'))
        return ids, np.array(sides, np.float64).reshape(-1, 4), np.array(columns['score'], np.float64), categories
    except OverflowError as error:
        raise UserError(f'{name}: holds a whole number that does not fit into 64 bits') from error


def encode_entries(detections: Detections) -> bytes:
    """Encode detections as entries of pred.json with commas between them."""
    return b','.join(entries for _, entries in encode_runs(detections))


def write_entries(path: str | os.PathLike, parts: Iterable[bytes]) -> None:
    """Write pred.json from results of `encode_entries`."""
    with replacing(path) as beside, beside.open('wb', buffering=1 << 20) as file:
        file.write(b'[')
        file.writelines((b',' if i else b'') + part for i, part in enumerate(filter(None, parts)))
        file.write(b']\n')


def write_pred_json(path: str | os.PathLike, detections: Detections) -> None:
    """Write pred.json: a list of {image_id, bbox (xywh in pixels), score, category_id (digit + 1)}."""
    parts = (detections[i : i + CHUNK] for i in range(0, len(detections), CHUNK))
    write_entries(path, map(encode_entries, parts))


def read_pred_json(path: str | os.PathLike, image_ids: ArrayLike | None = None) -> Detections:
    """Read any pred.json; values are not rounded.

    Args:
        path: the file.
        image_ids: (M,) the image ids allowed. Defaults to None, all.

    Raises:
        UserError: the file cannot be read, is refused by `parse_pred_json`, or has a number that is not finite, a
            negative width or height, a category_id outside 1..10, or an unknown image_id.
    """
    finish_set(os.path.dirname(path))
    try:
        text = read_file(path)
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror}); give a pred.json') from error
    ids, bboxes, scores, category_ids = parse_pred_json(text, path)
    for bad, what in value_faults(bboxes, scores, category_ids):
        raise UserError(f'{path}: entry {bad[0]} (from 0): {what(bad[0])}; {len(bad)} of {len(scores)} are like this')
    if image_ids is not None and (unknown := np.setdiff1d(ids, image_ids)).size:
        raise UserError(
            f'{path}: {unknown.size} of its image ids are none of the {np.size(image_ids)} photos, '
            f'first: {", ".join(map(str, unknown[:3]))}; give the photos it was made from'
        )
    return Detections(ids, bboxes, scores, category_ids - 1)


def read_sources(paths: Sequence[str | os.PathLike]) -> list[Detections]:
    """Read two or more pred.json of the same photos.

    Raises:
        UserError: fewer than two files, one that is no pred.json, has a score outside 0..1, or shares no photo with
            the others.
    """
    if len(paths) < 2:
        raise UserError(f'{paths[0]}: one file alone is nothing to fuse; give two or more of the same photos')
    sources = [read_pred_json(path) for path in paths]
    for i, (path, source) in enumerate(zip(paths, sources, strict=True)):
        outside = source.scores[(source.scores < 0) | (source.scores > 1)]
        if outside.size:
            raise UserError(f'{path}: {outside.size} scores are outside 0..1, first: {outside[0]:g}')
        others = np.concatenate([other.image_ids for other in sources[:i] + sources[i + 1 :]])
        if len(source) and len(others) and not np.isin(source.image_ids, others).any():
            raise UserError(f'{path}: none of its photos is in another file; give predictions of the same photos')
    return sources
