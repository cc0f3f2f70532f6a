"""Choice of the reader settings for a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..reading.lookup import FILE_NAME, NONE, ReaderChoice
from ..reading.settings import ReaderSettings, read_reader
from ..utils.errors import UserError
from .checkpoints import fingerprint, load_checkpoint

if TYPE_CHECKING:
    from mmengine.config import Config


def choose_reader(cfg: Config, checkpoint: Path, wanted: str | None, content: dict | None = None) -> ReaderChoice:
    """Choose the reader of a checkpoint by `reader_of_weights` and set it in the test metrics of `cfg`, in place.

    Args:
        cfg: the config; the reader of its NumberMetric is the default.
        checkpoint: the file of the weights.
        wanted: a reader.json, 'none' for the config's reader, or None for the first that fits.
        content: the result of `load_checkpoint`. Defaults to None, the file is loaded here.

    Raises:
        UserError: a file cannot be read, or `wanted` was tuned for other weights.
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
    settings = found.reader.to_dict()
    for metric in metrics:
        metric['boxes'] = settings['boxes']
        if metric['type'] == 'NumberMetric':
            metric['reader'] = settings['number']
    return found


def reader_of_weights(
    checkpoint: Path, wanted: str | None, default: ReaderSettings, content: dict | None = None, name: str | None = None
) -> ReaderChoice:
    """Return the first reader that fits: in the checkpoint's meta, beside the checkpoint, else `default`.

    A reader does not fit if it was tuned for other weights. `name` is the weights' name in messages; it defaults to
    None, those of the checkpoint. The other arguments and the errors are those of `choose_reader`.
    """
    config, notes = 'the config', list[str]()
    if wanted == NONE:
        return ReaderChoice(default, config)
    stored = content or load_checkpoint(checkpoint)
    own = None
    for source, reader in _candidates(checkpoint, stored, wanted):
        own = own or (reader.fingerprint and fingerprint(stored['state_dict']))  # slow, and often not needed
        if reader.fingerprint in (None, own):
            return ReaderChoice(reader, source, tuple(notes))
        own_name = name or f'those of {checkpoint}'
        fault = f'{source}: tuned for other weights ({reader.fingerprint}) than {own_name} ({own})'
        if wanted:
            raise UserError(f'{fault}; tune one by tools/tune_reader.py, or use that of {config} by --reader none')
        notes.append(f'reader of {fault}; not used')
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
