"""pred.csv, the zip of pred.json and pred.csv, and images.csv."""

import csv
import io
import os
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..structures.digits import NO_NUMBER
from ..utils.errors import UserError
from ..utils.files import decode_utf8, replacing
from ..utils.tables import write_csv

SUBMISSION = ('pred.json', 'pred.csv', 'submission.zip', 'images.csv')  # images.csv if ids are not file stems
CSV_HEADER = ['image_id', 'pred_label']
LEVEL = 1  # of compression: a quarter of the time of level 6, and a zip a sixth larger


def write_pred_csv(path: str | os.PathLike, numbers: Mapping[int, str] | Iterable[tuple[int, str]]) -> None:
    """Write pred.csv: image_id and number of every photo, '' as -1, leading zeros kept.

    Raises:
        ValueError: a number has other characters than the digits 0-9.
        UserError: the file cannot be written.
    """
    pairs = list(numbers.items() if isinstance(numbers, Mapping) else numbers)
    if (wrong := next((pair for pair in pairs if not re.fullmatch('[0-9]*', pair[1])), None)) is not None:
        raise ValueError(f'image {wrong[0]}: {wrong[1]!r} is not a number of digits 0-9')
    rows = [','.join(CSV_HEADER), *(f'{image_id},{number or NO_NUMBER}' for image_id, number in pairs)]
    with replacing(path) as beside:
        beside.write_text('\n'.join([*rows, '']), encoding='utf-8', newline='\n')


def parse_pred_csv(text: bytes, name: str | os.PathLike) -> list[tuple[int, str]]:
    """Parse pred.csv: (image_id, pred_label) of each row, the label as text. Messages name the file `name`.

    Raises:
        UserError: not a CSV file in UTF-8 without a byte order mark, other columns than image_id,pred_label, or an
            image_id that is not a whole number.
    """
    try:
        rows = list(csv.reader(io.StringIO(decode_utf8(text, name), newline='')))
    except csv.Error as error:
        raise UserError(f'{name}: not a CSV file ({error})') from error
    if rows[:1] != [CSV_HEADER]:
        first = ','.join(rows[0][:5] if rows else [])
        raise UserError(f'{name}: the first line must be {",".join(CSV_HEADER)}, not {first!r}')
    pairs = []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) == 2 and re.fullmatch('-?[0-9]{1,18}', row[0]):
            pairs.append((int(row[0]), row[1]))
        elif row:
            raise UserError(f'{name}: row {line}: must be a whole number and a label, but it is {",".join(row)[:80]!r}')
    return pairs


def write_zip(path: str | os.PathLike, pred_json: str | os.PathLike, pred_csv: str | os.PathLike) -> None:
    """Pack both files at the root of a zip, as pred.json and pred.csv; the same content gives the same bytes.

    Raises:
        UserError: a file cannot be read, or the zip cannot be written.
    """
    with replacing(path) as beside, zipfile.ZipFile(beside, 'w', zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, source in (('pred.json', Path(pred_json)), ('pred.csv', Path(pred_csv))):
            large = source.stat().st_size > zipfile.ZIP64_LIMIT // 2
            with source.open('rb') as file, archive.open(name, 'w', force_zip64=large) as member:
                shutil.copyfileobj(file, member, 1 << 20)
            info = archive.getinfo(name)
            info.create_system, info.external_attr = 3, 0o644 << 16  # as on Linux, on every system


def write_image_map(path: str | os.PathLike, image_ids: Iterable[int], file_names: Iterable[str]) -> None:
    """Write images.csv (image_id,file_name) by `write_csv`."""
    write_csv(path, ('image_id', 'file_name'), zip(image_ids, file_names, strict=True))


def to_be_copied(source: str | os.PathLike, target: str | os.PathLike, overwrite: bool) -> bool:
    """Return whether a pred.json is to be copied to another place: False if source and target are the same file.

    Raises UserError if the target exists and may not be overwritten.
    """
    if os.path.exists(target):
        if os.path.samefile(source, target):
            return False
        if not overwrite:
            raise UserError(f'{target}: would be overwritten by {Path(source).name}; choose a place with --out')
    return True


def complete_submission(
    folder: str | os.PathLike,
    numbers: Mapping[int, str],
    file_names: Iterable[str],
    pred_json: str | os.PathLike | None = None,
) -> None:
    """Write pred.csv and submission.zip of a pred.json, and images.csv if ids are not file stems.

    Args:
        folder: the folder to write to, made by `custom.utils.files.replacing_set`.
        numbers: image_id and number of every photo, '' for none.
        file_names: of the same photos, in the same order.
        pred_json: defaults to None, the one in the folder.

    Raises:
        UserError: a file cannot be read or written.
    """
    folder, file_names = Path(folder), list(file_names)
    write_pred_csv(folder / 'pred.csv', numbers)
    write_zip(folder / 'submission.zip', pred_json or folder / 'pred.json', folder / 'pred.csv')
    if [Path(name).stem for name in file_names] != [str(image_id) for image_id in numbers]:
        write_image_map(folder / 'images.csv', numbers, file_names)
