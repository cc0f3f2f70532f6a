"""What tools/predict.py does: find the photos that are meant, read them, write down what was read."""

import csv
import glob
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..structures.detections import Detections
from ..structures.digits import NO_NUMBER
from ..structures.geometry import xywh_to_xyxy
from ..structures.photos import SUFFIXES, free_names, image_id_of, natural_key, read_photo
from ..submission.pred_json import encode_entries, write_entries
from ..utils.errors import UserError
from ..utils.files import replacing
from ..utils.messages import one_line
from ..visualization.pictures import Shot, annotated_copy
from .reader import PhotoReading

UNSURE = 'unsure'
COLUMNS = ('image_id', 'file', 'number', 'confidence')


class Answer(NamedTuple):
    """A line of the table.

    Attributes:
        image_id: in pred.json.
        path: of the photo, as it was given.
        number: the number, NO_NUMBER or UNSURE.
        reading: what was read.
    """

    image_id: int
    path: Path
    number: str
    reading: PhotoReading


def find_photos(wanted: Sequence[str]) -> list[Path]:
    """The photos that paths, folders and patterns mean, each once; those of a folder in natural order.

    Args:
        wanted: a file is taken as it is; of a folder the photos that lie in it; else a pattern as of the shell, where
            `**` goes through folders.

    Raises:
        UserError: nothing is there, or no photo in a folder.
    """
    found: dict[str, Path] = {}
    for name in wanted:
        path = Path(name)
        try:
            if path.is_dir():
                paths = list(path.iterdir())
            elif os.path.lexists(path):
                found.setdefault(os.path.realpath(path), path)
                continue
            else:
                paths = [Path(match) for match in glob.glob(name, recursive=True)]
        except OSError as error:
            raise UserError(f'{name}: cannot be read ({error.strerror}); check its permissions') from None
        photos = [
            path for path in paths if path.name[0] != '.' and path.suffix.lower() in SUFFIXES and not path.is_dir()
        ]
        if not photos:
            kinds = ', '.join(suffix[1:] for suffix in SUFFIXES)
            raise UserError(f'{one_line(name)}: no photo there; give a photo, a folder or a pattern of {kinds} files')
        for photo in sorted(photos, key=lambda path: natural_key(str(path))):
            found.setdefault(os.path.realpath(photo), photo)
    return list(found.values())


def ids_of(paths: Iterable[Path]) -> list[int]:
    """An image id for each photo: that of its name, or where another one has that, of its whole path.

    Raises:
        UserError: two photos share both.
    """
    taken: dict[int, Path] = {}
    for path in paths:
        ids = [
            image_id_of(path.name),
            image_id_of(str(path.resolve()).replace(os.sep, '|')),
        ]  # never taken for a number
        free = [image_id for image_id in ids if image_id not in taken]
        if not free:
            raise UserError(f'{path} and {taken[ids[1]]} would share one image id; rename one of them')
        taken[free[0]] = path
    return list(taken)


def table_line(answer: Answer, boxes: bool, width: int = 0) -> str:
    """A line: file, number, confidence, each digit with its score.

    Args:
        answer: the photo and what was read.
        boxes: show the digits' boxes, too, xyxy in pixels.
        width: of the column of files, in characters. Defaults to 0: columns are parted by tabs, for other programs.
    """
    digits = [
        f'{digit.label} {digit.score:.2f}' + (f' [{", ".join(f"{x:.0f}" for x in digit.bbox)}]' if boxes else '')
        for digit in answer.reading.digits
    ]
    columns = [one_line(answer.path), answer.number, f'{answer.reading.confidence:.3f}', '; '.join(digits)]
    if width:
        return f'{columns[0]:{width}}  {columns[1]:>8}  {columns[2]:>10}  {columns[3]}'.rstrip()
    return '\t'.join(columns)


def write_answers(folder: Path, answers: Sequence[Answer]) -> None:
    """Write numbers.csv and pred.json.

    Raises:
        UserError: a file cannot be written.
    """

    def entries() -> Iterator[bytes]:
        for answer in answers:
            found = answer.reading.detections
            ids = np.full(len(found), answer.image_id)
            yield encode_entries(Detections(ids, found.bboxes, found.scores, found.labels))

    write_entries(folder / 'pred.json', entries())
    text = io.StringIO()
    table = csv.writer(text, lineterminator='\n')
    table.writerow(COLUMNS)
    for answer in answers:
        table.writerow([answer.image_id, answer.path, answer.number, f'{answer.reading.confidence:.4f}'])
    with replacing(folder / 'numbers.csv') as beside:
        beside.write_text(text.getvalue(), encoding='utf-8', errors='surrogateescape')


def answer_of(image_id: int, path: Path, reading: PhotoReading, min_confidence: float) -> Answer:
    """The answer for a photo: UNSURE where the confidence is below `min_confidence`, 0..1."""
    number = UNSURE if reading.confidence < min_confidence else reading.number or NO_NUMBER
    return Answer(image_id, path, number, reading)


FOLDER = 'annotated'


class Copies:
    """A folder of annotated copies.

    Args:
        out: the folder that FOLDER is put in.
        paths: all photos that there will be copies of; each copy gets a name that no other one has.

    Raises:
        UserError: the folder cannot be made, or a photo lies in it.
    """

    def __init__(self, out: Path, paths: Sequence[Path]) -> None:
        self.folder = out / FOLDER
        inside = [path for path in paths if path.resolve().parent == self.folder.resolve()]
        if inside:
            raise UserError(f'{one_line(inside[0])}: lies where its copy would; choose another --out, or other photos')
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f'{out}: cannot write here ({error.strerror}); choose another place with --out') from error
        self.names = dict(zip(paths, free_names([path.with_suffix('.png') for path in paths]), strict=True))

    def write(self, answer: Answer) -> Path:
        """Write the copy of a photo; returns its path.

        Raises:
            UserError: the photo has gone, or the copy cannot be written.
        """
        copy = self.folder / self.names[answer.path]
        reading, found = answer.reading, answer.reading.detections
        unsure = f'{reading.number or NO_NUMBER}: {100 * reading.confidence:.0f} %'
        shot = Shot(
            read_photo(answer.path),
            xywh_to_xyxy(found.bboxes),
            found.scores,
            found.labels,
            reading.used,
            '' if answer.number == NO_NUMBER else answer.number,
            reading.confidence,
            remark=unsure if answer.number == UNSURE else None,
        )
        with replacing(copy) as beside:
            annotated_copy(shot).save(beside, 'PNG')
        return copy
