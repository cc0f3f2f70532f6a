"""The choice of the reader settings for a pred.json."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

from .settings import ReaderSettings, Views, read_reader

FILE_NAME = 'reader.json'
NONE = 'none'  # --reader none: no reader.json is used


class ReaderChoice(NamedTuple):
    """Reader settings, their origin as text, and a line for each reader that was not used."""

    reader: ReaderSettings
    source: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        thresholds = ', '.join(f'{threshold:g}' for threshold in self.reader.number.steps)
        match self.reader.tuned_on:  # any JSON
            case {'source': str(photos), 'cross_validated': {'accuracy': float(accuracy)}}:
                tuned = f', tuned on {photos} (cross-validated number accuracy {accuracy:.3f})'
            case {'source': str(photos)}:
                tuned = f', tuned on {photos}'
            case _:
                tuned = ''
        plural, views = 's' if self.reader.number.fallback_thrs else '', str(self.reader.views)
        return f'score threshold{plural} {thresholds} from {self.source}{tuned}' + (f'; {views}' if views else '')


def views_of(pred_json: Path) -> Views:
    """Read the views of a pred.json from the reader.json beside it (see `read_reader`); without one, Views()."""
    beside = pred_json.with_name(FILE_NAME)
    return read_reader(beside).views if beside.is_file() else Views()


def reader_of_predictions(pred_json: Path, wanted: str | None = None, score_thr: float | None = None) -> ReaderChoice:
    """Choose the settings for a pred.json: the reader.json beside it, else the defaults.

    Args:
        pred_json: the file of the detections.
        wanted: another reader.json, or 'none' for the defaults. The views of the pred.json stay.
        score_thr: a threshold instead of the reader's and its fall-backs. Defaults to None, the reader's.

    Raises:
        UserError: the reader.json is refused by `read_reader`, or the threshold is out of range.
    """
    path = Path(wanted) if wanted else pred_json.with_name(FILE_NAME)
    used = wanted != NONE and (bool(wanted) or path.is_file())
    reader, source = (read_reader(path), str(path)) if used else (ReaderSettings(), 'the defaults (no reader.json)')
    if wanted:
        reader = dataclasses.replace(reader, views=views_of(pred_json))
    if score_thr is not None:
        number = dataclasses.replace(reader.number, score_thr=score_thr, fallback_thrs=())
        reader, source = dataclasses.replace(reader, number=number), f'--score-thr, other settings from {source}'
    return ReaderChoice(reader, source)
