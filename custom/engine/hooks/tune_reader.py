"""Tuning of the reader settings after training."""

import contextlib
import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import torch
from mmdet.registry import HOOKS
from mmengine.dist import broadcast, broadcast_object_list, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...models.checkpoints import fingerprint, load_checkpoint, load_weights
from ...models.wrapping import unwrapped
from ...reading.lookup import FILE_NAME
from ...reading.settings import ReaderSettings, write_reader
from ...runs.checkpoint_files import best_checkpoint
from ...structures.annotations import DigitAnnotations
from ...structures.detections import Detections
from ...tuning.reader import tune_reader
from ...utils.errors import UserError
from ...utils.estimates import share
from ...utils.files import replacing
from ...utils.messages import say
from ..metrics import PhotoMetric


@HOOKS.register_module()
class TuneReaderHook(Hook):
    """Tuning of the reader settings on the validation photos, for the default checkpoint of `tools/test.py`.

    The settings are saved in reader.json in the work dir and in the checkpoint (`meta['reader']`), with the fingerprint
    of the weights. Without validation photos, ground truth or a checkpoint nothing is done. If the photos do not
    suffice for tuning, a note is printed, and the config's thresholds stay in use.
    """

    priority = 'LOWEST'  # after the last checkpoint is saved

    def after_train(self, runner: Runner) -> None:
        """Validate with the weights of the checkpoint, tune, and save the settings."""
        if runner.val_loop is None:
            return
        paths: list[Path | None] = [None]
        if is_main_process():
            with contextlib.suppress(UserError):
                paths = [best_checkpoint(runner.work_dir)]
        broadcast_object_list(paths)  # other machines may not see the work dir
        (path,) = paths
        if path is None:
            return
        metric = _Gathered()
        with _weights_of(runner, path):
            _validate(runner, metric)
        if metric.gathered is None:  # another rank, or no ground truth
            return
        dataset = runner.val_dataloader.dataset
        source = Path(getattr(dataset, 'ann_file', '') or 'validation photos').name
        try:
            reader = tune_reader(*metric.gathered, source)
        except UserError as error:
            say(f'note: the reader is not tuned, the thresholds of the config stay in use ({error})')
            return
        reader = store_reader(path, reader)
        write_reader(Path(runner.work_dir, FILE_NAME), reader)
        figures = reader.tuned_on['cross_validated']
        photos = len(dataset)
        untuned, tuned = reader.tuned_on['number_accuracy_default'], figures['accuracy']
        print(
            f'reader tuned on {photos} photos: number accuracy {share(round(untuned * photos), photos)} untuned, '
            f'{share(round(tuned * photos), photos)} tuned (cross-validated; in brackets 95 % intervals, Wilson)'
        )
        print(f'it is in {path}, and in {Path(runner.work_dir, FILE_NAME)}')


def store_reader(checkpoint: Path, reader: ReaderSettings) -> ReaderSettings:
    """Add reader settings to a checkpoint; return them with the fingerprint of its weights.

    Raises:
        UserError: the checkpoint cannot be read or written.
    """
    stored = load_checkpoint(checkpoint)
    reader = dataclasses.replace(reader, fingerprint=fingerprint(stored['state_dict']))
    stored['meta'] = {**(stored.get('meta') or {}), 'reader': reader.to_dict()}
    content = io.BytesIO()
    torch.save(stored, content)  # which writes to a file with errors that do not name the full disk
    with replacing(checkpoint) as beside:
        beside.write_bytes(content.getbuffer())
    return reader


class _Gathered(PhotoMetric):
    """Detections and ground truth, on the main process."""

    default_prefix = 'gathered'  # mmengine warns of a metric without a prefix
    gathered: tuple[Detections, DigitAnnotations] | None = None

    def compare(self, detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
        self.gathered = detections, truth
        return {}


@contextlib.contextmanager
def _weights_of(runner: Runner, checkpoint: Path) -> Iterator[None]:
    """Load a checkpoint's weights on all ranks; restore the model's weights at the end, also after an error."""
    model = unwrapped(runner.model)
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
    """Evaluate a metric on the validation photos, without hooks: no epoch's validation."""
    evaluator = Evaluator(metric)
    runner.model.eval()
    with torch.no_grad():
        for batch in runner.val_dataloader:
            evaluator.process(runner.model.val_step(batch), batch)
    evaluator.evaluate(len(runner.val_dataloader.dataset))
