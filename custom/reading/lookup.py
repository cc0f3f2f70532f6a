"""The choice of the reader settings for a pred.json."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

from ..utils.estimates import share
from ..utils.files import finish_set
from .settings import ReaderSettings, read_reader

FILE_NAME = 'reader.json'
NONE = 'none'  # --reader none: no reader.json is used


class ReaderChoice(NamedTuple):
    """Reader settings, their origin as text, and notes: the readers not used, and what does not fit, a line each."""

    reader: ReaderSettings
    source: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        thresholds = ', '.join(f'{threshold:g}' for threshold in self.reader.number.steps)
        match self.reader.tuned_on:  # any JSON
            case {'source': str(source), 'photos': int(photos), 'cross_validated': {'accuracy': float(accuracy)}} if (
                photos > 0 and 0 <= accuracy <= 1
            ):
                value, low, high = share(round(accuracy * photos), photos)
                figure = f'cross-validated number accuracy {value:.3f}; 95 % interval {low:.3f}-{high:.3f}, Wilson'
                tuned = f', tuned on {source} ({figure})'
            case {'source': str(source)}:
                tuned = f', tuned on {source}'
            case _:
                tuned = ''
        plural, views = 's' if self.reader.number.fallback_thrs else '', str(self.reader.views)
        return f'score threshold{plural} {thresholds} from {self.source}{tuned}' + (f'; {views}' if views else '')


def reader_beside(pred_json: Path) -> ReaderSettings:
    """Read the reader.json beside a pred.json (see `read_reader`), which has the views and the hash of the weights."""
    finish_set(pred_json.parent)
    beside = pred_json.with_name(FILE_NAME)
    return read_reader(beside) if beside.is_file() else ReaderSettings()


def reader_of_predictions(pred_json: Path, wanted: str | None = None, score_thr: float | None = None) -> ReaderChoice:
    """Choose the settings for a pred.json: the reader.json beside it, else the defaults.

    Args:
        pred_json: the file of the detections.
        wanted: another reader.json, or 'none' for the defaults. The views and the fingerprint of the pred.json stay.
        score_thr: a threshold instead of the reader's and its fall-backs. Defaults to None, the reader's.

    Raises:
        UserError: the reader.json is refused by `read_reader`, or the threshold is out of range.
    """
    reader, made, notes = ReaderSettings(), reader_beside(pred_json), []
    path = Path(wanted) if wanted else pred_json.with_name(FILE_NAME)
    source = 'the defaults (no reader.json)'
    if wanted != NONE and (wanted or path.is_file()):
        reader, source = read_reader(path), str(path)
    if made.fingerprint and reader.fingerprint not in (None, made.fingerprint):
        notes.append(
            f'{path}: tuned for other weights ({reader.fingerprint}) than those of {pred_json} ({made.fingerprint})'
        )
    if wanted:
        fingerprint = made.fingerprint or reader.fingerprint
        reader = dataclasses.replace(reader, views=made.views, fingerprint=fingerprint)
    if score_thr is not None:
        number = dataclasses.replace(reader.number, score_thr=score_thr, fallback_thrs=())
        reader, source = dataclasses.replace(reader, number=number), f'--score-thr, other settings from {source}'
    return ReaderChoice(reader, source, tuple(notes))
