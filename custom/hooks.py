"""The hook that turns a test run into the files of a submission."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmdet.registry import HOOKS
from mmdet.structures import DetDataSample
from mmengine.dist import barrier, collect_results, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from custom.predictions import Detections, write_pred_json
from custom.reading import ReaderConfig, read_numbers
from custom.submission import complete_submission


@HOOKS.register_module()
class SubmissionHook(Hook):
    """Collects what the model finds on each test photo, and writes pred.json, pred.csv and submission.zip.

    Every photo of the data set is in the outputs once, in the data set's order, however many ranks share the work.

    Args:
        out_dir: the folder to write to.
        reader: arguments of `ReaderConfig`. Defaults to None, its defaults.
    """

    priority = 'LOW'

    def __init__(self, out_dir: str, reader: dict | None = None) -> None:
        self.out_dir = Path(out_dir)
        self.reader = ReaderConfig(**(reader or {}))

    def before_test_epoch(self, runner: Runner) -> None:
        """Forget what an earlier test found."""
        self.found: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence[DetDataSample] = ()
    ) -> None:
        """Keep boxes (xyxy, pixels of the photo), scores and labels of each photo as float32 and int64 arrays."""
        for sample in outputs:
            found = sample.pred_instances
            arrays = (values.numpy(force=True) for values in (found.bboxes, found.scores, found.labels))
            self.found.append((sample.img_id, *arrays))

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Gather the ranks' shares and write the files on the main process."""
        dataset = runner.test_dataloader.dataset
        # Interleaves the ranks as the sampler dealt the photos out, and cuts off what it padded.
        found = collect_results(self.found, len(dataset), 'cpu')
        if is_main_process():
            image_ids, bboxes, scores, labels = zip(*found, strict=True)
            detections = Detections.from_model(
                np.repeat(image_ids, [len(one) for one in scores]),
                *(np.concatenate(column) for column in (bboxes, scores, labels)),
            )
            readings = read_numbers(detections, image_ids, self.reader)
            names = [Path(dataset.get_data_info(i)['img_path']).name for i in range(len(dataset))]
            write_pred_json(self.out_dir / 'pred.json', detections)
            complete_submission(self.out_dir, {i: reading.number for i, reading in readings.items()}, names)
        barrier()
