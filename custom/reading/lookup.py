"""Which reader a tool uses: the one it is told, else the one that lies with the weights or with pred.json."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .settings import ReaderSettings, Views, read_reader

if TYPE_CHECKING:
    pass

FILE_NAME = 'reader.json'
NONE = 'none'  # --reader none: whatever lies about is not used


class ReaderChoice(NamedTuple):
    """A reader, and what to say of it.

    Attributes:
        reader: the reader to use.
        source: where it comes from.
        notes: why others that lie there are not used, a line each.
    """

    reader: ReaderSettings
    source: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        number = self.reader.number
        steps = ', '.join(f'{threshold:g}' for threshold in (number.score_thr, *number.fallback_thrs))
        match self.reader.tuned_on:  # anything may stand there
            case {'source': str(photos), 'cross_validated': {'accuracy': float(accuracy)}}:
                tuned = f', tuned on {photos} (number accuracy there, cross-validated: {accuracy:.3f})'
            case {'source': str(photos)}:
                tuned = f', tuned on {photos}'
            case _:
                tuned = ''
        seen = str(self.reader.views)
        return f'{seen}{"; " * bool(seen)}scores from {steps}; {self.source}{tuned}'


def views_of(pred_json: Path) -> Views:
    """How the photos of a pred.json were seen, as the reader.json beside it says.

    It is what a new reader inherits from the one it replaces. Without one, they were seen once, as usual.

    Raises:
        UserError: it cannot be read.
    """
    beside = pred_json.with_name(FILE_NAME)
    return read_reader(beside).views if beside.is_file() else Views()


def reader_of_predictions(pred_json: Path, wanted: str | None = None, score_thr: float | None = None) -> ReaderChoice:
    """The reader for a pred.json: of the reader.json beside it, else the defaults.

    Args:
        pred_json: the file of the detections.
        wanted: a file instead of that, or 'none' for the defaults; how the photos were seen stays.
        score_thr: a threshold instead of the reader's and its fall-backs. Defaults to None, the reader's.

    Raises:
        UserError: the reader cannot be read, or the threshold is out of range.
    """
    path = Path(wanted) if wanted else pred_json.with_name(FILE_NAME)
    used = wanted != NONE and (bool(wanted) or path.is_file())
    reader = read_reader(path) if used else ReaderSettings()
    if wanted:
        reader = dataclasses.replace(reader, views=views_of(pred_json))
    if score_thr is not None:
        number = dataclasses.replace(reader.number, score_thr=score_thr, fallback_thrs=())
        reader = dataclasses.replace(reader, number=number)
    return ReaderChoice(reader, str(path) if used else 'no reader.json')
