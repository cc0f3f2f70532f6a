"""Input photos and output files of tools/predict.py."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..structures.detections import Detections
from ..structures.digits import NO_NUMBER, UNSURE
from ..structures.photos import FORMAT_NAMES, free_names, image_id_of, natural_key, passed_over, photos_among
from ..submission.pred_json import encode_entries, write_entries
from ..utils.errors import UserError
from ..utils.files import real_path
from ..utils.messages import one_line, say_once
from ..utils.tables import write_csv
from .reader import Digit, PhotoReading

ANSWERS = ('numbers.csv', 'pred.json')
COLUMNS = ('file', 'number', 'confidence', 'answer', 'image_id')
JPEG = ('.jpg', '.jpeg', '.jpe', '.jfif', '.mpo')  # photos whose copies are JPEG, too
FOLDER = 'annotated'


class Answer(NamedTuple):
    """Row of the table: image id in pred.json, path as given, number (or NO_NUMBER or UNSURE), and the reading."""

    image_id: int
    path: Path
    number: str
    reading: PhotoReading

    @property
    def kind(self) -> str:
        """'read', UNSURE, or 'nothing found'."""
        return {UNSURE: UNSURE, NO_NUMBER: 'nothing found'}.get(self.number, 'read')


def find_photos(wanted: Sequence[str], others: list[str] | None = None) -> list[Path]:
    """List the photos of files, folders and glob patterns, each once; those of a folder or pattern in natural order.

    Existing files are taken as they are. `**` in a pattern matches folders. The names of files that are no photos are
    added to `others`, if it is given. Raises UserError if a file is missing, or a folder or pattern has no photo.
    """
    photos: dict[str, Path] = {}
    for name in wanted:
        path = Path(name)
        try:
            if path.is_dir():
                paths = list(path.iterdir())
            elif os.path.lexists(path):
                photos.setdefault(os.path.abspath(path), path)
                continue
            else:
                paths = matches(path)
            paths, own = photos_among(paths)
        except OSError as error:
            raise UserError(f'{name}: cannot be read ({error.strerror}); check its permissions') from None
        if own:
            say_once(f'note: {one_line(name)}: {passed_over(own)}')
            others = [] if others is None else others
            others += own
        if not paths:
            missing = 'no photo in this folder' if path.is_dir() else 'file not found'
            brackets = '; [ ] are part of a pattern, write [[] for a bracket' * ('[' in name and not path.is_dir())
            raise UserError(
                f'{one_line(name)}: {missing}; pass an image ({FORMAT_NAMES}), a folder or a pattern{brackets}'
            )
        for photo in sorted(paths, key=lambda path: natural_key(str(path))):
            photos.setdefault(os.path.abspath(photo), photo)
    return list(photos.values())


def matches(pattern: Path) -> list[Path]:
    """List the files of a pattern; folders at its start that exist are taken as they are, brackets too."""
    start = next(parent for parent in pattern.parents if os.path.lexists(parent))
    return [
        Path(name) for name in glob.glob(str(Path(glob.escape(str(start)), pattern.relative_to(start))), recursive=True)
    ]


def ids_of(photos: Iterable[str | os.PathLike]) -> list[int]:
    """Return an image id for each photo: by its name or, if that id is taken, by its absolute path or URL.

    Raises UserError if two photos share both ids.
    """
    taken: dict[int, str] = {}
    for photo in photos:
        path = os.fspath(photo)
        whole_path = path if '://' in path else os.path.abspath(path)
        # With | instead of slashes it is no whole number.
        ids = image_id_of(os.path.basename(path)), image_id_of(whole_path.replace(os.sep, '|').replace('/', '|'))
        free = [image_id for image_id in ids if image_id not in taken]
        if not free:
            raise UserError(f'{path} and {taken[ids[1]]} would share one image id; rename one of them')
        taken[free[0]] = path
    return list(taken)


def header_line(width: int) -> str:
    """Return the names of the columns above the lines of `table_line`, for a file column of `width` characters."""
    return f'{"file":{width}}  {"number":>8}  {"confidence":>10}  digits and their scores'


def table_line(answer: Answer, boxes: bool, width: int = 0) -> str:
    """Format an answer: file, number, confidence, each digit with its score and, with `boxes`, xyxy in pixels.

    Digits that the number leaves out follow. Columns are separated by tabs, or by spaces if the file column has a
    `width` in characters.
    """

    def listed(digits: Sequence[Digit]) -> str:
        return '; '.join(
            f'{digit.label} {digit.score:.2f}' + (f' [{", ".join(f"{x:.0f}" for x in digit.bbox)}]' if boxes else '')
            for digit in digits
        )

    reading = answer.reading
    columns = [one_line(answer.path), answer.number, f'{reading.confidence:.3f}', listed(reading.digits)]
    if reading.left_out:
        columns.append(f'left out: {listed(reading.left_out)}')
    if width:
        return f'{columns[0]:{width}}  {columns[1]:>8}  {columns[2]:>10}  {"  ".join(columns[3:])}'.rstrip()
    return '\t'.join(columns)


def write_answers(folder: Path, answers: Sequence[Answer]) -> None:
    """Write ANSWERS, numbers.csv and pred.json. Raises UserError if a file cannot be written.

    numbers.csv keeps the number that was read where the answer is UNSURE.
    """

    def entries() -> Iterator[bytes]:
        for answer in answers:
            boxes = answer.reading.detections
            ids = np.full(len(boxes), answer.image_id)
            yield encode_entries(Detections(ids, boxes.bboxes, boxes.scores, boxes.labels))

    write_entries(folder / 'pred.json', entries())
    write_csv(
        folder / 'numbers.csv',
        COLUMNS,
        ((str(a.path), a.reading.text, round(a.reading.confidence, 4), a.kind, a.image_id) for a in answers),
    )


def answer_of(
    image_id: int, path: Path, reading: PhotoReading, min_confidence: float, digits: int | None = None
) -> Answer:
    """Return the answer for a photo, with its decimal point.

    UNSURE if the confidence is below `min_confidence`, 0..1, or the number has another number of `digits`. A photo
    without a number is never unsure.
    """
    other_length = digits is not None and len(reading.number) != digits
    unsure = reading.number and (reading.confidence < min_confidence or other_length)
    return Answer(image_id, path, UNSURE if unsure else reading.text or NO_NUMBER, reading)


def require_apart(out: Path, paths: Sequence[Path]) -> None:
    """Raise UserError if one of the photos is in the folder of the annotated copies."""
    folder = real_path(out / FOLDER)
    if inside := [path for path in paths if real_path(path).parent == folder]:
        raise UserError(f'{one_line(inside[0])}: is in the folder of the copies; choose another --out')


class Copies:
    """Annotated copies of `paths` in a folder of `out`, with unique names."""

    def __init__(self, out: Path, paths: Sequence[Path]) -> None:
        self.folder = out / FOLDER
        names = [path if path.suffix.lower() in JPEG else path.with_suffix('.png') for path in paths]
        self.names = dict(zip(paths, free_names(names), strict=True))

    def write(self, answer: Answer) -> None:
        """Write the copy of a photo; that of a JPEG is a JPEG.

        Raises UserError if the photo has gone, and OSError if the copy cannot be written.
        """
        reading, name = answer.reading, self.names[answer.path]
        remark = f'{reading.text}: {100 * reading.confidence:.0f} %' if answer.number == UNSURE else None
        picture = reading.draw(remark)
        self.folder.mkdir(parents=True, exist_ok=True)
        if name.lower().endswith(JPEG):
            picture.save(self.folder / name, 'JPEG', quality=90)
        else:
            picture.save(self.folder / name, 'PNG')


def closing_line(answers: Sequence[Answer], seconds: float, failed: int, others: int) -> str:
    """Sum up a run: photos, time, and the counts that are not 0.

    Args:
        answers: of the photos that were read.
        seconds: of reading them, without loading the model.
        failed: number of photos that could not be read.
        others: number of files that were passed over.

    Example:
        >>> closing_line([], 0.0, 2, 1)
        '2 photos, 2 that could not be read, 1 file passed over'
    """
    count, kinds = len(answers) + failed, Counter(answer.kind for answer in answers)
    parts = [_plural(count, 'photo'), *([f'{1000 * seconds / count:.0f} ms each'] if answers else [])]
    counts = {
        'unsure': kinds[UNSURE],
        'without a number': kinds['nothing found'],
        'that could not be read': failed,
    }
    parts += [f'{number} {kind}' for kind, number in counts.items() if number]
    return ', '.join([*parts, *([f'{_plural(others, "file")} passed over'] if others else [])])


def _plural(count: int, noun: str) -> str:
    return f'{count} {noun}{"s" * (count != 1)}'
