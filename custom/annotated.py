"""Annotated copies of photos: the boxes of the digits drawn in, the number below."""

from collections.abc import Sequence
from pathlib import Path

from custom.errors import UserError
from custom.files import replacing
from custom.geometry import xywh_to_xyxy
from custom.layout import free_names
from custom.photo_scan import one_line
from custom.photos import read_photo
from custom.pictures import Shot, annotated_copy
from custom.predicting import UNSURE, Answer
from custom.submission import NO_NUMBER

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
