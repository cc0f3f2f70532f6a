"""The text of pred.json: boxes to bytes and back."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from itertools import chain, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from custom.errors import UserError
from custom.files import parse_json

try:
    from msgspec.json import decode, encode
except ImportError:  # the reader without torch needs no msgspec

    def encode(values: Any) -> bytes:  # type: ignore[misc]
        return json.dumps(values, separators=(',', ':')).encode()

    def decode(text: bytes) -> Any:  # type: ignore[no-redef]
        return json.loads(text)


if TYPE_CHECKING:
    from custom.predictions import Detections

KINDS: dict[str, set[type]] = {'image_id': {int}, 'bbox': {list}, 'score': {int, float}, 'category_id': {int}}
BEGIN, END = b'{"image_id":%d,"bbox":[', b'%b],"score":%b,"category_id":%b'  # of an entry, but for the last }
SHORTEST = b'{"image_id":1,"bbox":[0,0,9,9],"score":1,"category_id":1}'
LIST = re.compile(rb'[ \t\n\r]*\[(.*)\][ \t\n\r]*', re.DOTALL)
BETWEEN = re.compile(rb'\}\s*,\s*(?=\{)')  # two entries
# Boxes encoded, and bytes parsed, at a time: the entries then fit into the CPU's cache.
ROWS = 2000
PIECE = 1 << 15
Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def encode_runs(detections: Detections) -> list[tuple[int, bytes]]:
    """The entries of pred.json, with commas between them, of each run of boxes of one photo: (image_id, entries)."""
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
    """Take pred.json apart; the types are checked, the values are not.

    Args:
        text: the content of the file.
        name: what messages call it.

    Returns:
        image_ids (N,) int64, bboxes (N, 4) float64 xywh in pixels, scores (N,) float64, category_ids (N,) int64.

    Raises:
        UserError: not JSON, not a list of objects, a key is missing, or a value has the wrong type.
    """
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
    except (ValueError, RecursionError):  # no JSON, or what looks like the end of an entry is within a string
        count = 0
    if not count:
        return _columns(_load(text, name), name)
    ids, bboxes, scores, categories = (column[:count] for column in columns)
    return ids, bboxes, scores, categories


def _pieces(text: bytes) -> Iterator[bytes]:
    """Cut what is in a list between some of its objects: where all pieces are right, so is the whole.

    What is no list has no piece.
    """
    if found := LIST.fullmatch(text):
        start, stop = found.span(1)
        while cut := BETWEEN.search(text, start + PIECE, stop):
            yield text[start : cut.start() + 1]
            start = cut.end()
        yield text[start:stop]


def _load(text: bytes, name: str | os.PathLike) -> object:
    try:
        return parse_json(text)  # knows NaN and Infinity, so that the message can name the entry
    except ValueError as error:
        raise UserError(f'{name}: not JSON ({error})') from error


def _columns(entries: object, name: str | os.PathLike, first: int = 0) -> Columns:
    """The columns of a list of entries, of which the first one is number `first` of the file."""
    if not isinstance(entries, list):
        raise UserError(f'{name}: must be a list of detections, not {type(entries).__name__}')

    def where(i: int) -> str:
        return f'{name}: entry {first + i} (from 0)'

    def same_kind(values: list | tuple, kinds: set[type], want: str, size: int = 1) -> None:
        if wrong := set(map(type, values)) - kinds:
            i = next(i for i, value in enumerate(values) if type(value) in wrong)
            raise UserError(f'{where(i // size)}: {want}, but it is {json.dumps(values[i])[:80]}')

    same_kind(entries, {dict}, 'must be an object with ' + ', '.join(KINDS))
    try:
        rows = list(map(itemgetter(*KINDS), entries))
    except KeyError:
        i, key = next((i, key) for key in KINDS for i, entry in enumerate(entries) if key not in entry)
        raise UserError(f'{where(i)}: {key!r} is missing; it has {list(entries[i])}') from None
    columns = dict(zip(KINDS, zip(*rows, strict=True) if rows else [()] * len(KINDS), strict=True))
    for key, kinds in KINDS.items():
        wanted = {'bbox': 'a list [x, y, w, h]', 'score': 'a number'}.get(key, 'a whole number')
        same_kind(columns[key], kinds, f'{key} must be {wanted}')
    boxes = columns['bbox']
    if set(map(len, boxes)) - {4}:
        i = next(i for i, box in enumerate(boxes) if len(box) != 4)
        raise UserError(f'{where(i)}: bbox must be [x, y, w, h], but it is {str(boxes[i])[:80]}')
    sides = list(chain.from_iterable(boxes))
    same_kind(sides, {int, float}, 'bbox must hold 4 numbers', size=4)
    try:
        ids, categories = (np.array(columns[key], np.int64) for key in ('image_id', 'category_id'))
        return ids, np.array(sides, np.float64).reshape(-1, 4), np.array(columns['score'], np.float64), categories
    except OverflowError as error:
        raise UserError(f'{name}: holds a whole number that does not fit into 64 bits') from error
