"""The hook that chooses, after training, how boxes are read."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from mmdet.registry import HOOKS
from mmengine.dist import broadcast, broadcast_object_list, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from ...models.checkpoints import fingerprint, load_checkpoint, load_weights
from ...reading.lookup import FILE_NAME
from ...reading.settings import ReaderSettings, write_reader
from ...runs.checkpoint_files import best_checkpoint
from ...structures.annotations import DigitAnnotations
from ...structures.detections import Detections
from ...tuning.reader import tune_reader
from ...utils.errors import UserError
from ...utils.files import replacing
from ...utils.messages import say
from ..metrics import PhotoMetric


@HOOKS.register_module()
class TuneReaderHook(Hook):
    """Tunes the reader on the validation photos, for the checkpoint that `tools/test.py` takes by itself.

    It goes to reader.json in the work dir and into the checkpoint (`meta['reader']`), with the fingerprint of the
    weights. Without validation photos or a checkpoint nothing is done; where nothing can be tuned on the photos, a
    note says so, and the config's thresholds stay in use.
    """

    priority = 'LOWEST'  # every checkpoint is written

    def after_train(self, runner: Runner) -> None:
        """Look at the validation photos once more, with the weights of the checkpoint."""
        if runner.val_loop is None:
            return
        found = [_best(runner.work_dir) if is_main_process() else None]
        broadcast_object_list(found)  # other machines may not see the work dir
        (path,) = found
        if path is None:
            return
        metric = _Gathered()
        with _weights_of(runner, path):
            _validate(runner, metric)
        if metric.found is None:  # another process, or no truth
            return
        dataset = runner.val_dataloader.dataset
        source = Path(getattr(dataset, 'ann_file', '') or 'validation photos').name
        try:
            reader = tune_reader(*metric.found, source)
        except UserError as error:
            say(f'note: the reader is not tuned, the thresholds of the config stay in use ({error})')
            return
        reader = store_reader(path, reader)
        write_reader(Path(runner.work_dir, FILE_NAME), reader)
        print(f'reader tuned on {len(dataset)} photos: {_gain(reader.tuned_on)}')
        print(f'it is in {path}, and in {Path(runner.work_dir, FILE_NAME)}')


def _best(work_dir: str) -> Path | None:
    try:
        return best_checkpoint(work_dir)
    except UserError:
        return None


def store_reader(checkpoint: Path, reader: ReaderSettings) -> ReaderSettings:
    """Put a reader into a checkpoint, beside all that it holds; returns it with the fingerprint of the weights.

    Raises:
        UserError: the checkpoint cannot be read or written.
    """
    stored = load_checkpoint(checkpoint)
    reader = dataclasses.replace(reader, fingerprint=fingerprint(stored['state_dict']))
    stored['meta'] = {**(stored.get('meta') or {}), 'reader': reader.to_dict()}
    with replacing(checkpoint) as beside:
        torch.save(stored, beside)
    return reader


def _gain(tuned_on: dict[str, Any]) -> str:
    """What tuning changes, of the figures that `tune_reader` gives."""
    honest = tuned_on['cross_validated']
    low, high = honest['intervals']['accuracy']
    return (
        f'number accuracy {tuned_on["number_accuracy_default"]:.3f} untuned, {honest["accuracy"]:.3f} tuned '
        f'(cross-validated; 95 % interval {low:.3f}-{high:.3f}, bootstrap over photos)'
    )


class _Gathered(PhotoMetric):
    """Keeps what was found and what is true, on the main process."""

    default_prefix = 'gathered'  # of no figure, but mmengine warns of a metric without one
    found: tuple[Detections, DigitAnnotations] | None = None

    def compare(self, detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
        self.found = detections, truth
        return {}


@contextlib.contextmanager
def _weights_of(runner: Runner, checkpoint: Path) -> Iterator[None]:
    """Give the model on all ranks a checkpoint's weights; restore its own at the end, after a failure, too."""
    model = cast(nn.Module, runner.model.module) if is_model_wrapper(runner.model) else runner.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        if is_main_process():
            load_weights(model, checkpoint)
        for value in model.state_dict().values():
            broadcast(value)
        yield
    finally:
        model.load_state_dict(before)


def _validate(runner: Runner, metric: PhotoMetric) -> None:
    """Run over the validation photos without the hooks, to which this is no epoch's validation."""
    evaluator = Evaluator(metric)
    runner.model.eval()
    with torch.no_grad():
        for batch in runner.val_dataloader:
            evaluator.process(runner.model.val_step(batch), batch)
    evaluator.evaluate(len(runner.val_dataloader.dataset))
