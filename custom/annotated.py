"""Annotated copies of photos: the boxes of the digits drawn in, the number below."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from custom.errors import UserError
from custom.files import replacing
from custom.photos import read_photo
from custom.pictures import Shot, annotated_copy
from custom.predicting import UNSURE, Answer
from custom.submission import NO_NUMBER

FOLDER = 'annotated'


class Copies:
    """A folder of annotated copies.

    Args:
        out: the folder that FOLDER is put in.
        paths: all photos that there will be copies of: where two have the same stem, the id goes into the name.

    Raises:
        UserError: the folder cannot be made.
    """

    def __init__(self, out: Path, paths: Iterable[Path]) -> None:
        self.folder = out / FOLDER
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f'{out}: cannot write here ({error.strerror}); choose another place with --out') from error
        self.stems = Counter(path.stem.casefold() for path in paths)

    def write(self, answer: Answer) -> Path:
        """Write the copy of a photo; returns its path.

        Raises:
            UserError: the photo has gone, or the copy cannot be written.
        """
        stem = answer.path.stem
        name = f'{stem}_{answer.image_id}.png' if self.stems[stem.casefold()] > 1 else f'{stem}.png'
        reading, found = answer.reading, answer.reading.detections
        unsure = f'{reading.number or NO_NUMBER}: {100 * reading.confidence:.0f} %'
        shot = Shot(
            read_photo(answer.path),
            np.hstack([found.bboxes[:, :2], found.bboxes[:, :2] + found.bboxes[:, 2:]]),
            found.scores,
            found.labels,
            reading.used,
            '' if answer.number == NO_NUMBER else answer.number,
            reading.confidence,
            remark=unsure if answer.number == UNSURE else None,
        )
        with replacing(self.folder / name) as beside:
            annotated_copy(shot).save(beside, 'PNG')
        return self.folder / name
