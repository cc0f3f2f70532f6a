"""The reader that belongs to a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..reading.lookup import FILE_NAME, NONE, ReaderChoice
from ..reading.settings import ReaderSettings, read_reader
from ..utils.errors import UserError
from .checkpoints import fingerprint

if TYPE_CHECKING:
    from mmengine.config import Config


def choose_reader(cfg: Config, checkpoint: Path, wanted: str | None, content: dict | None = None) -> ReaderChoice:
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
    default_reader = ReaderSettings.from_dict(default, "the config's test_evaluator")
    found = reader_of_weights(checkpoint, wanted, default_reader, content)
    content = found.reader.to_dict()
    for metric in metrics:
        metric['boxes'] = content['boxes']
        if metric['type'] == 'NumberMetric':
            metric['reader'] = content['number']
    return found


def reader_of_weights(
    checkpoint: Path, wanted: str | None, default: ReaderSettings, content: dict | None = None, name: str | None = None
) -> ReaderChoice:
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
    from .checkpoints import load_checkpoint

    config, notes = 'the config', list[str]()
    if wanted == NONE:
        return ReaderChoice(default, config)
    stored = content or load_checkpoint(checkpoint)
    own = None
    for source, reader in _candidates(checkpoint, stored, wanted):
        own = own or (reader.fingerprint and fingerprint(stored['state_dict']))  # takes a while, and few need it
        if reader.fingerprint in (None, own):
            return ReaderChoice(reader, source, tuple(notes))
        own_name = name or f'those of {checkpoint}'
        said = f'{source}: tuned for other weights ({reader.fingerprint}) than {own_name} ({own})'
        if wanted:
            raise UserError(
                f'{said}; tune one by tools/tune_reader.py, or take the thresholds of {config} by --reader none'
            )
        notes.append(f'reader of {said}; not used')
    return ReaderChoice(default, config, tuple(notes))


def _candidates(
    checkpoint: Path, stored: Mapping[str, Any], wanted: str | None
) -> Iterator[tuple[str, ReaderSettings]]:
    if wanted:
        yield wanted, read_reader(wanted)
        return
    content = (stored.get('meta') or {}).get('reader')
    if content is not None:
        yield str(checkpoint), ReaderSettings.from_dict(content, f'{checkpoint}: meta["reader"]')
    beside = checkpoint.with_name(FILE_NAME)
    if beside.is_file():
        yield str(beside), read_reader(beside)
