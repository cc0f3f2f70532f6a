"""The hook that turns a test run into the files of a submission."""

import contextlib
import math
import os
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

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
from ...submission.bundle import complete_submission
from ...submission.pred_json import encode_runs, write_entries
from ...utils.errors import UserError

CHUNK = 500  # photos that are read, and that a rank sends, at a time: bounds the memory


class _Photo(NamedTuple):
    image_id: int
    file_name: str
    number: str
    entries: bytes  # of pred.json


@HOOKS.register_module()
class SubmissionHook(Hook):
    """Writes what the model finds on each test photo to pred.json, pred.csv and submission.zip, and how it was read.

    The number is read from the boxes that go into pred.json, and reader.json lies beside them: the other files can be
    made again without the model, to the byte.

    Every photo of the data set is in the outputs once, in the data set's order, however many ranks share the work.
    Until the test is over each rank keeps its share in a nameless file, so that memory does not grow with the boxes
    and nothing is left behind by a run that fails, whatever ends it.

    Args:
        out_dir: the folder to write to.
        reader: as `ReaderSettings.to_dict` gives it. Defaults to None, its defaults.

    Raises:
        UserError: `reader` is none; before the test, the folder cannot be written to; during it, the
            disk is full.
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
        """Open this rank's nameless file."""
        self.waiting: list[tuple] = []  # of the photos that are not stored yet
        with self._writing():
            self.out_dir.mkdir(parents=True, exist_ok=True)
            self.found = tempfile.TemporaryFile(dir=self.out_dir)  # noqa: SIM115 - open until the test is over

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence[DetDataSample] = ()
    ) -> None:
        """Take the boxes of each photo; many photos are handled together, which is ten times as fast."""
        for sample in outputs:
            found = sample.pred_instances
            self.waiting.append((sample.img_id, sample.img_path, found.bboxes, found.scores, found.labels))
        if len(self.waiting) >= CHUNK:
            self._store()

    def _store(self) -> None:
        """Read the numbers of the photos that wait, and store them with the entries of their boxes."""
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
            pickle.dump(photos, self.found)
        self.waiting = []

    def _stored(self) -> Iterator[tuple]:
        """This rank's photos, as they were stored."""
        with self._writing():
            size = self.found.tell()
            self.found.seek(0)
        while self.found.tell() < size:
            yield from pickle.load(self.found)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Gather the ranks' shares and write the files on the main process."""
        self._store()
        size = len(runner.test_dataloader.dataset)
        turn = getattr(runner.test_dataloader.sampler, 'turn', 1)  # photos that a rank was dealt at a time
        rounds = math.ceil(size / (turn * runner.world_size))
        photos = islice(self._gather(rounds, turn), size)  # a sampler may have filled up the last round
        numbers, file_names = {}, []

        def entries() -> Iterator[bytes]:
            for photo in photos:
                numbers[photo.image_id] = photo.number
                file_names.append(photo.file_name)
                yield photo.entries

        if is_main_process():
            write_entries(self.out_dir / 'pred.json', entries())
            complete_submission(self.out_dir, numbers, file_names)
            write_reader(self.out_dir / FILE_NAME, self.reader)
        else:
            for _ in photos:  # sends this rank's share
                pass
        self.found.close()

    def _gather(self, rounds: int, turn: int) -> Iterator[_Photo]:
        """Photos of all ranks in the data set's order: round by round, `turn` from each, as far as they have some."""
        stored = self._stored()
        at_once = max(1, CHUNK // turn)
        for first in range(0, rounds, at_once):
            shares = all_gather_object(list(islice(stored, turn * min(at_once, rounds - first))))
            for start in range(0, turn * at_once, turn):
                for share in shares:
                    yield from map(_Photo._make, share[start : start + turn])
