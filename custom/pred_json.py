"""The text of pred.json: boxes to bytes and back."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterator
from itertools import chain, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import orjson

from custom.errors import UserError

if TYPE_CHECKING:
    from custom.predictions import Detections

KINDS: dict[str, set[type]] = {'image_id': {int}, 'bbox': {list}, 'score': {int, float}, 'category_id': {int}}
BEGIN, END = b'{"image_id":%d,"bbox":[', b'%b],"score":%b,"category_id":%b'  # of an entry, but for the last }
FIXED = (b'{"image_id":', b',"bbox":[', b'],"score":', b',"category_id":')  # the same in every plain entry
VALUES, PLAIN = b'0123456789.+-', FIXED[0] + FIXED[1] + b',,,' + FIXED[2] + FIXED[3] + b'},'
MOST = 2**63 - 1
LIST = re.compile(rb'[ \t\n\r]*\[(.*)\][ \t\n\r]*', re.DOTALL)
BETWEEN = re.compile(rb'\}\s*,\s*(?=\{)')  # two entries
# Boxes encoded, and bytes parsed, at a time: the entries then fit into the processor's cache.
ROWS = 2000
PIECE = 1 << 15
Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def encode_runs(detections: Detections) -> list[tuple[int, bytes]]:
    """The entries of pred.json, with commas between them, of each run of boxes of one photo: (image_id, entries)."""
    ends: list[bytes] = []
    for start in range(0, len(detections), ROWS):
        part = detections[start : start + ROWS]
        scores, categories = (_dumped(column)[1:-1].split(b',') for column in (part.scores, part.labels + 1))
        ends += map(END.__mod__, zip(_dumped(part.bboxes)[2:-2].split(b'],['), scores, categories, strict=True))
    ids = detections.image_ids
    cuts = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1, append=ids[-1:] + 1)).tolist()
    starts = [BEGIN % ids[cut] for cut in cuts[:-1]]
    return [
        (int(ids[cut]), begin + (b'},' + begin).join(ends[cut:next_cut]) + b'}')
        for begin, (cut, next_cut) in zip(starts, pairwise(cuts), strict=True)
    ]


def _dumped(values: np.ndarray) -> bytes:
    return orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)


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
    parts: list[Columns] = []
    count = 0
    try:
        for piece in _pieces(text):
            parts.append(_plain_columns(piece) or _columns(orjson.loads(b'[%b]' % piece), name, count))
            count += len(parts[-1][0])
    except orjson.JSONDecodeError:  # it is none, or what looks like the end of an entry is within a string
        parts = []
    if not parts:
        parts = [_columns(_load(text, name), name)]
    ids, bboxes, scores, categories = (np.concatenate(columns) for columns in zip(*parts, strict=True))
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


def _plain_columns(piece: bytes) -> Columns | None:
    """The columns of entries that are written as they are written here, faster; None where one is written otherwise.

    Without the signs of its values each entry must be `PLAIN`, and none of these signs may be within `FIXED`: then all
    that is left without the other signs are the values, with commas between.
    """
    signs = piece.translate(None, VALUES)
    count = len(signs) // len(PLAIN) + 1
    if signs != (PLAIN * count)[:-1] or not (piece.startswith(FIXED[0]) and piece.endswith(b'}')):
        return None
    if piece.count(b'},' + FIXED[0]) != count - 1 or any(piece.count(part) != count for part in FIXED[1:]):
        return None
    values = orjson.loads(b'[%b]' % piece.translate(None, PLAIN.replace(b',', b'')))
    ids, categories = values[0::7], values[6::7]
    if set(map(type, ids + categories)) != {int} or max(ids) > MOST:
        return None
    table = np.frombuffer(struct.pack(f'{len(values)}d', *values)).reshape(-1, 7)  # twice as fast as np.array
    return np.array(ids, dtype=np.int64), table[:, 1:5], table[:, 5], np.array(categories, dtype=np.int64)


def _load(text: bytes, name: str | os.PathLike) -> object:
    try:
        return json.loads(text)  # knows NaN and Infinity, so that the message can name the entry
    except (ValueError, RecursionError) as error:
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
