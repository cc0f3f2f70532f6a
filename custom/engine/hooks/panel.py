"""Pictures of validation photos with their detections during training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet.registry import HOOKS
from mmdet.structures import DetDataSample
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...reading.numbers import read_numbers
from ...reading.settings import ReaderConfig
from ...structures.annotations import true_numbers
from ...structures.detections import Detections
from ...structures.photos import read_photo
from ...visualization.pictures import Shot, contact_sheet, evenly_spaced
from ..metrics import NumberMetric, ground_truth_of
from .console import progress


@HOOKS.register_module()
class PanelHook(Hook):
    """Picture of the same few validation photos after every validation, for TensorBoard and `vis_data/vis_image`.

    The photos are those of the main process. Numbers are read with the settings of the first NumberMetric.

    Args:
        photos: number of photos, evenly spaced among the validation photos. Defaults to 12.
    """

    priority = 'LOW'

    def __init__(self, photos: int = 12) -> None:
        self.photos = photos
        self.shots: list[Shot] = []
        self.chosen: set[int] = set()

    def before_train(self, runner: Runner) -> None:
        """Choose the photos, by their index among those of this process."""
        if runner.val_loop is None or not is_main_process():
            return
        self.chosen = set(evenly_spaced(len(runner.val_dataloader.sampler), self.photos))
        metrics = [metric for metric in runner.val_evaluator.metrics if isinstance(metric, NumberMetric)]
        self.reader = metrics[0].reader if metrics else ReaderConfig()

    def before_val_epoch(self, runner: Runner) -> None:
        """Start with the first photo."""
        self.seen = 0
        self.shots.clear()

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[DetDataSample] = ()
    ) -> None:
        """Keep the detections on the chosen photos."""
        self.shots += [self._take(sample) for i, sample in enumerate(outputs, self.seen) if i in self.chosen]
        self.seen += len(outputs)

    def _take(self, sample: DetDataSample) -> Shot:
        predicted = sample.pred_instances
        arrays = (values.numpy(force=True) for values in (predicted.bboxes, predicted.scores, predicted.labels))
        detections = Detections.from_model([sample.img_id] * len(predicted), *arrays)
        reading = read_numbers(detections, [sample.img_id], self.reader)[sample.img_id]
        truth = None
        if 'instances' in sample:
            photo = {'image_id': sample.img_id, 'size': sample.ori_shape[::-1], 'truth': sample.instances}
            truth = true_numbers(ground_truth_of([photo]))[sample.img_id]
        return Shot.take(read_photo(sample.img_path), sample.img_id, detections, reading, truth)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draw the chosen photos."""
        if self.shots:
            unit, done, _ = progress(runner)
            sheet = contact_sheet(self.shots, f'after {unit} {done}')
            runner.visualizer.add_image('validation', np.asarray(sheet), step=done)

    def after_train(self, runner: Runner) -> None:
        """Draw no validations after training."""
        self.chosen.clear()
