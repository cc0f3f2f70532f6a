"""Which reader a tool uses: the one it is told, else the one that lies with the weights or with pred.json."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from custom.errors import UserError
from custom.fingerprint import fingerprint
from custom.reader_config import ReaderConfig
from custom.reader_file import Reader, read_reader
from custom.views import Views

if TYPE_CHECKING:
    from mmengine.config import Config

FILE_NAME = 'reader.json'
NONE = 'none'  # --reader none: whatever lies about is not used


class Found(NamedTuple):
    """A reader, and what to say of it.

    Attributes:
        reader: the reader to use.
        source: where it comes from.
        notes: why others that lie there are not used, a line each.
    """

    reader: Reader
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


def add_reader_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every tool that reads the numbers of a pred.json."""
    parser.add_argument(
        '--reader', metavar='FILE', help="a reader.json, or 'none'; default: the one beside PRED_JSON, if there is one"
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        help=f"least score of a place that is read; default: the reader's, else {ReaderConfig.score_thr}",
    )


def choose_reader(cfg: Config, checkpoint: Path, wanted: str | None, content: dict | None = None) -> Found:
    """Find the reader for a checkpoint and give it to the test metrics of `cfg`, in place.

    The first that fits: of the checkpoint's meta, of the reader.json beside it, of the config. One that was tuned for
    other weights does not fit.

    Args:
        cfg: the config; its NumberMetric has the reader that every other one goes before.
        checkpoint: the file of the weights.
        wanted: a reader.json instead of those, 'none' for the config's, None for the first that fits.
        content: of the checkpoint, as `load_checkpoint` gives it. Defaults to None, it is read here.

    Raises:
        UserError: a file cannot be read, or the reader that is wanted was tuned for other weights.
    """
    if not isinstance(cfg.test_evaluator, list):
        cfg.test_evaluator = [cfg.test_evaluator]
    metrics = [metric for metric in cfg.test_evaluator if metric['type'] in ('DigitMetric', 'NumberMetric')]
    default: dict[str, dict] = {'number': {}, 'boxes': {}}
    for metric in metrics:
        default['number'] |= metric.get('reader') or {}
        default['boxes'] |= metric.get('boxes') or {}
    default_reader = Reader.from_dict(default, "the config's test_evaluator")
    found = reader_of_weights(checkpoint, wanted, default_reader, content)
    content = found.reader.to_dict()
    for metric in metrics:
        metric['boxes'] = content['boxes']
        if metric['type'] == 'NumberMetric':
            metric['reader'] = content['number']
    return found


def reader_of_weights(
    checkpoint: Path, wanted: str | None, default: Reader, content: dict | None = None, name: str | None = None
) -> Found:
    """The first reader that fits a checkpoint, of its meta or beside it; else `default`.

    Args:
        checkpoint: the file of the weights.
        wanted: a reader.json instead of those, 'none' for the default.
        default: the config's.
        content: see `choose_reader`.
        name: what messages call the weights. Defaults to None, those of the checkpoint.

    Raises:
        UserError: see `choose_reader`.
    """
    from custom.checkpoints import load_checkpoint

    config, notes = "the config's thresholds", list[str]()
    if wanted == NONE:
        return Found(default, config)
    stored = content or load_checkpoint(checkpoint)
    own = None
    for source, reader in _candidates(checkpoint, stored, wanted):
        own = own or (reader.fingerprint and fingerprint(stored['state_dict']))  # takes a while, and few need it
        if reader.fingerprint in (None, own):
            return Found(reader, source, tuple(notes))
        own_name = name or f'those of {checkpoint}'
        said = f'{source}: tuned for other weights ({reader.fingerprint}) than {own_name} ({own})'
        if wanted:
            raise UserError(f'{said}; tune one by tools/tune_reader.py, or take {config} by --reader none')
        notes.append(f'{said}; not used')
    return Found(default, config, tuple(notes))


def _candidates(checkpoint: Path, stored: Mapping[str, Any], wanted: str | None) -> Iterator[tuple[str, Reader]]:
    if wanted:
        yield wanted, read_reader(wanted)
        return
    content = (stored.get('meta') or {}).get('reader')
    if content is not None:
        yield f'in {checkpoint}', Reader.from_dict(content, f'{checkpoint}: meta["reader"]')
    beside = checkpoint.with_name(FILE_NAME)
    if beside.is_file():
        yield str(beside), read_reader(beside)


def views_of(pred_json: Path) -> Views:
    """How the photos of a pred.json were seen, as the reader.json beside it says.

    It is what a new reader inherits from the one it replaces. Without one, they were seen once, as usual.

    Raises:
        UserError: it cannot be read.
    """
    beside = pred_json.with_name(FILE_NAME)
    return read_reader(beside).views if beside.is_file() else Views()


def reader_of_predictions(pred_json: Path, wanted: str | None = None, score_thr: float | None = None) -> Found:
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
    reader = read_reader(path) if used else Reader()
    if wanted:
        reader = dataclasses.replace(reader, views=views_of(pred_json))
    if score_thr is not None:
        number = dataclasses.replace(reader.number, score_thr=score_thr, fallback_thrs=())
        reader = dataclasses.replace(reader, number=number)
    return Found(reader, str(path) if used else 'no reader.json')
