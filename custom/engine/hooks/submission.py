"""Files of a submission from a test run."""

import contextlib
import math
import os
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmdet.structures import DetDataSample
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...reading.lookup import FILE_NAME
from ...reading.numbers import read_numbers
from ...reading.settings import ReaderSettings, filter_boxes, write_reader
from ...structures.detections import Detections
from ...submission.bundle import SUBMISSION, complete_submission
from ...submission.pred_json import encode_runs, write_entries
from ...utils.errors import UserError
from ...utils.files import replacing_set

CHUNK = 500  # photos that are read, and sent by a rank, at a time: bounds the memory


@HOOKS.register_module()
class SubmissionHook(Hook):
    """Writer of pred.json, pred.csv, submission.zip and reader.json of the test photos.

    Numbers are read from the boxes of pred.json, with the settings of reader.json: from these two files, the others can
    be made again without the model, to the byte. Every photo of the data set occurs once, in the data set's order, for
    any number of ranks. Each rank spools its results to an unlinked temporary file, so memory stays bounded and a crash
    leaves nothing behind.

    Args:
        out_dir: the folder to write to.
        reader: as `ReaderSettings.to_dict` gives it. Defaults to None, its defaults.

    Raises:
        UserError: `reader` is invalid; before the test, the folder cannot be written to; in the test, the disk is full.
    """

    priority = 'LOW'

    def __init__(self, out_dir: str, reader: dict | None = None) -> None:
        self.out_dir = Path(out_dir)
        self.reader = ReaderSettings.from_dict(reader or {})

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(f'{self.out_dir}: cannot write here ({error.strerror}); choose another place') from error

    def before_test(self, runner: Runner) -> None:
        """Open this rank's spool."""
        self.waiting: list[tuple] = []  # photos that are not spooled yet
        # A run that fails leaves no folder: the file is in the one above, of the same disk, until there is a result.
        place = next((path for path in (self.out_dir, *self.out_dir.parents) if os.path.lexists(path)), self.out_dir)
        with self._writing():
            self.spool = tempfile.TemporaryFile(dir=place)  # noqa: SIM115 - open until the test is over

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence[DetDataSample] = ()
    ) -> None:
        """Collect the boxes of each photo; to spool many photos at once is ten times as fast."""
        for sample in outputs:
            predicted = sample.pred_instances
            self.waiting.append((sample.img_id, sample.img_path, predicted.bboxes, predicted.scores, predicted.labels))
        if len(self.waiting) >= CHUNK:
            self._spool_waiting()

    def _spool_waiting(self) -> None:
        """Read the numbers of the waiting photos; spool id, file name, number and pred.json entries of each."""
        if not self.waiting:
            return
        image_ids, paths, *columns = zip(*self.waiting, strict=True)
        arrays = (torch.cat(column).numpy(force=True) for column in columns)
        detections = Detections.from_model(np.repeat(image_ids, [len(one) for one in columns[0]]), *arrays)
        detections = filter_boxes(detections, self.reader.boxes)
        readings = read_numbers(detections, image_ids, self.reader.number)
        entries = dict(encode_runs(detections))
        photos = [
            (image_id, os.path.basename(path), readings[image_id].number, entries.get(image_id, b''))
            for image_id, path in zip(image_ids, paths, strict=True)
        ]
        with self._writing():
            pickle.dump(photos, self.spool)
        self.waiting = []

    def _spooled(self) -> Iterator[tuple]:
        with self._writing():
            size = self.spool.tell()
            self.spool.seek(0)
        while self.spool.tell() < size:
            yield from pickle.load(self.spool)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Gather the results of all ranks and write the files on the main process."""
        self._spool_waiting()
        size = len(runner.test_dataloader.dataset)
        turn = getattr(runner.test_dataloader.sampler, 'turn', 1)  # photos assigned to a rank at a time
        rounds = math.ceil(size / (turn * runner.world_size))
        photos = islice(self._gather(rounds, turn), size)  # a sampler may have padded the last round
        numbers, file_names = {}, []

        def entries() -> Iterator[bytes]:
            for image_id, file_name, number, content in photos:
                numbers[image_id] = number
                file_names.append(file_name)
                yield content

        if is_main_process():
            with replacing_set(self.out_dir, (*SUBMISSION, FILE_NAME)) as new:
                write_entries(new / 'pred.json', entries())
                complete_submission(new, numbers, file_names)
                write_reader(new / FILE_NAME, self.reader)
        else:
            for _ in photos:  # sends this rank's results
                pass
        self.spool.close()

    def _gather(self, rounds: int, turn: int) -> Iterator[tuple]:
        """Yield the photos of all ranks in the data set's order: in each round, up to `turn` of each rank."""
        spooled = self._spooled()
        at_once = max(1, CHUNK // turn)
        for first in range(0, rounds, at_once):
            shares = all_gather_object(list(islice(spooled, turn * min(at_once, rounds - first))))
            for start in range(0, turn * at_once, turn):
                for share in shares:
                    yield from share[start : start + turn]
