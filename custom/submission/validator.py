"""Validation of a submission, all problems at once."""

import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..structures.detections import value_faults
from ..structures.digits import NO_NUMBER
from ..utils.errors import UserError
from ..utils.files import finish_set, open_regular, read_file
from ..utils.messages import one_line
from .bundle import parse_pred_csv
from .pred_json import Columns, parse_pred_json

AnyPath = str | os.PathLike
Content = bytes | UserError | None  # of a file: None without one

EDGE = 0.5  # pixels that a box may extend beyond the edge of its photo
MOST_LISTED = 1_000_000  # bytes of the table of contents of a zip, which has two files
MOST_UNPACKED = 1_000_000, 50_000  # bytes of pred.json or pred.csv in a zip: in all, and for each photo (500 boxes)
XYXY_SHARE = 0.99  # of the boxes must be valid as corners before a message suggests so


class _BoundedFile(io.BufferedReader):
    """A zip of which `zipfile` reads no table of more than `most` bytes: the table tells its own size."""

    most: int | None = MOST_LISTED

    def read(self, size: int | None = -1) -> bytes:
        """Read up to `size` bytes."""
        if self.most is not None and size is not None and size > self.most:
            raise ValueError(f'its table of contents has {size} bytes')
        return super().read(size)


class SubmissionReport(NamedTuple):
    """Problems, a line each; numbers of boxes in pred.json and of numbers in pred.csv."""

    problems: list[str]
    boxes: int
    numbers: int


def check_submission(
    pred_json: AnyPath, pred_csv: AnyPath, zip_path: AnyPath, image_ids: ArrayLike, sizes: ArrayLike
) -> SubmissionReport:
    """Validate a submission. Each kind of problem is one line with its count and first examples.

    Rules:

    - pred.json is a list of {image_id, bbox, score, category_id}: each image_id one of `image_ids`, category_ids 1..10,
      scores finite and 0..1, boxes xywh in pixels, not negative in width or height, at most 0.5 px outside the photo.
    - pred.csv has the header image_id,pred_label and exactly one row for each of `image_ids`; a label is -1 or consists
      of the digits 0-9.
    - Both agree: for each digit, pred.json has at least as many boxes on the photo, of any score, as the label has such
      digits. A label on a photo without boxes is therefore wrong; -1 on a photo with boxes is not.
    - The zip holds exactly pred.json and pred.csv, at its root, with the same bytes as the files where those exist.

    Args:
        pred_json: the file. If the zip has pred.json, that is validated instead.
        pred_csv: likewise.
        zip_path: the zip.
        image_ids: (M,) the photos of the test set.
        sizes: (M, 2) their width and height in pixels.
    """
    for path in (pred_json, pred_csv, zip_path):
        finish_set(os.path.dirname(path))
    problems: list[str] = []
    counts = numbers = None
    boxes = 0
    order = np.argsort(image_ids)
    photos, limits = np.asarray(image_ids)[order], np.asarray(sizes)[order]
    with ThreadPoolExecutor(1) as pool:  # zlib unpacks on one core while another parses the files beside the zip
        unpacking = pool.submit(_unpack, zip_path, len(photos), problems)
        json_beside, csv_beside = _read(pred_json), _read(pred_csv)
        parsed = _parse(json_beside, pred_json) if isinstance(json_beside, bytes) else None
        packed = unpacking.result()
    name, text = _content(json_beside, pred_json, 'pred.json', packed, zip_path, problems)
    if text is not None:
        columns = parsed if parsed and text is json_beside else _parse(text, name)
        if isinstance(columns, UserError):
            problems.append(str(columns))
        else:
            boxes = len(columns[0])
            counts = _check_boxes(name, columns, photos, limits, problems)
    name, text = _content(csv_beside, pred_csv, 'pred.csv', packed, zip_path, problems)
    if text is not None:
        try:
            numbers = _check_rows(name, parse_pred_csv(text, name), photos, problems)
        except UserError as error:
            problems.append(str(error))
    if counts is not None and numbers:
        rows = np.searchsorted(photos, list(numbers))
        digits = np.frombuffer(''.join(numbers.values()).encode(), dtype=np.uint8) - ord('0')
        cells = np.repeat(rows, [len(number) for number in numbers.values()]) * 10 + digits
        needed = np.bincount(cells, minlength=counts.size).reshape(counts.shape)
        lacking = set(np.flatnonzero((needed > counts).any(axis=1)).tolist())
        wrong = [pair for pair, row in zip(numbers.items(), rows.tolist(), strict=True) if row in lacking]
        _add(problems, name, len(wrong), len(numbers), 'labels have digits that pred.json has no box for', wrong)
    return SubmissionReport(problems, boxes, len(numbers or {}))


def _add(problems: list[str], name: str, count: int, total: int, what: str, examples: Sequence | np.ndarray) -> None:
    if count:
        problems.append(f'{name}: {count} of {total} {what}; first: {", ".join(map(str, examples[:3]))}')


def _unpack(path: AnyPath, photos: int, problems: list[str]) -> dict[str, bytes]:
    unpacked: dict[str, bytes] = {}
    most = MOST_UNPACKED[0] + MOST_UNPACKED[1] * photos
    try:
        with _BoundedFile(open_regular(path).detach()) as file, zipfile.ZipFile(file) as archive:
            file.most = None
            names = archive.namelist()
            if sorted(names) != ['pred.csv', 'pred.json']:
                held = [name[:80] for name in names[:5]]
                problems.append(f'{path}: must hold exactly pred.json and pred.csv at its root, but holds {held}')
            for name in sorted({'pred.json', 'pred.csv'}.intersection(names)):
                info = archive.getinfo(name)
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack unbounded
                    problems.append(f'{path}: {name} is not stored or deflated; make the zip again')
                elif info.file_size > most:
                    size = f'{info.file_size} bytes, more than {most} for {photos} photos'
                    problems.append(f'{path}: {name} unpacks to {size}; leave out boxes of low scores')
                else:
                    with archive.open(info) as member:
                        unpacked[name] = member.read(info.file_size)  # not more, whatever the stream holds
    except FileNotFoundError:
        problems.append(f'{path}: no such file')
    except Exception as error:  # zipfile raises many types on damage
        problems.append(f'{path}: not a zip that can be read ({one_line(error)})')
    return unpacked


def _read(path: AnyPath) -> Content:
    try:
        return read_file(path) if Path(path).exists() else None
    except OSError as error:
        return UserError(f'{path}: cannot be read ({error.strerror})')


def _parse(text: bytes, name: AnyPath) -> Columns | UserError:
    try:
        return parse_pred_json(text, name)
    except UserError as error:
        return error


def _content(
    beside: Content, path: AnyPath, member: str, packed: dict[str, bytes], zip_path: AnyPath, problems: list[str]
) -> tuple[str, bytes | None]:
    """Return the name and the content to validate: of the zip, or of the file beside it if the zip has none."""
    if isinstance(beside, UserError):
        problems.append(str(beside))
        return str(path), None
    inside = packed.get(member)
    if inside is None or inside == beside:
        if beside is None:
            problems.append(f'{path}: no such file')
        return str(path), beside
    if beside is not None:
        problems.append(f'{zip_path}: its {member} is not the same as {path}; make the zip again')
    return f'{zip_path}:{member}', inside


def _check_boxes(
    name: str, columns: Columns, image_ids: np.ndarray, sizes: np.ndarray, problems: list[str]
) -> np.ndarray:
    """Return (M, 10), the number of boxes of each digit on each photo of pred.json; `image_ids` (M,) are sorted."""
    ids, bboxes, scores, category_ids = columns
    total = len(ids)
    for bad, what in value_faults(bboxes, scores, category_ids):
        _add(problems, name, len(bad), total, 'entries are wrong', [f'entry {i} (from 0): {what(i)}' for i in bad[:3]])
    known = np.isin(ids, image_ids)
    unknown = np.unique(ids[~known])
    _add(problems, name, len(ids[~known]), total, 'boxes have an image_id that is none of the photos', unknown)
    odd = np.flatnonzero((scores < 0) | (scores > 1))
    _add(problems, name, len(odd), total, 'scores are not from 0 to 1', scores[odd])
    rows = np.searchsorted(image_ids, ids[known])
    boxes, limit = bboxes[known], sizes[rows] + EDGE
    near, far = boxes[:, :2], boxes[:, 2:]
    outside = np.flatnonzero(((near < -EDGE) | (near + far > limit)).any(axis=1))
    outside = outside[np.isfinite(boxes[outside]).all(axis=1)]
    hint = ''
    if outside.size and ((far >= near) & (far <= limit)).all(axis=1).mean() >= XYXY_SHARE:
        hint = ' (perhaps x_min y_min x_max y_max; expected: x_min y_min width height)'
    shown = [
        f'{boxes[i].tolist()} on image {ids[known][i]} of {"x".join(map(str, sizes[rows[i]]))} px' for i in outside[:3]
    ]
    _add(problems, name, len(outside), total, f'boxes reach outside their photo{hint}', shown)
    labels = category_ids[known] - 1
    proper = (labels >= 0) & (labels < 10)
    counts = np.bincount(rows[proper] * 10 + labels[proper], minlength=len(image_ids) * 10)
    return counts.reshape(-1, 10)


def _check_rows(name: str, pairs: list[tuple[int, str]], image_ids: np.ndarray, problems: list[str]) -> dict[int, str]:
    """Return the numbers of the known photos, without -1."""
    photos, rows = image_ids.tolist(), Counter(image_id for image_id, _ in pairs)
    known = set(photos)
    missing = [image_id for image_id in photos if image_id not in rows]
    _add(problems, name, len(missing), len(photos), 'photos have no row', missing)
    twice = [image_id for image_id, count in rows.items() if count > 1]
    _add(problems, name, len(twice), len(rows), 'images have more than one row', twice)
    unknown = [image_id for image_id in rows if image_id not in known]
    _add(problems, name, len(unknown), len(rows), 'images are none of the photos', unknown)
    wrong = [(image_id, label) for image_id, label in pairs if not re.fullmatch('-1|[0-9]+', label)]
    _add(problems, name, len(wrong), len(pairs), 'labels are neither -1 nor made of digits 0-9', wrong)
    return {i: label for i, label in pairs if i in known and label != NO_NUMBER and re.fullmatch('[0-9]+', label)}
