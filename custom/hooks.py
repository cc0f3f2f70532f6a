"""The hook that turns a test run into the files of a submission."""

import contextlib
import math
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from mmdet.registry import HOOKS
from mmdet.structures import DetDataSample
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from custom.boxes import filter_boxes
from custom.errors import UserError
from custom.predictions import Detections, encode_entries, write_entries
from custom.reader_file import Reader, write_reader
from custom.readers import FILE_NAME
from custom.reading import read_numbers
from custom.submission import complete_submission

CHUNK = 500  # photos that a rank sends at a time: bounds the memory


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
        reader: as `Reader.to_dict` gives it. Defaults to None, its defaults.

    Raises:
        UserError: `reader` is none; before the test, the folder cannot be written to; during it, the
            disk is full.
    """

    priority = 'LOW'

    def __init__(self, out_dir: str, reader: dict | None = None) -> None:
        self.out_dir = Path(out_dir)
        self.reader = Reader.from_dict(reader or {})

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(f'{self.out_dir}: cannot write here ({error.strerror}); choose another place') from error

    def before_test(self, runner: Runner) -> None:
        """Open this rank's nameless file."""
        with self._writing():
            self.out_dir.mkdir(parents=True, exist_ok=True)
            self.found = tempfile.TemporaryFile(dir=self.out_dir)  # noqa: SIM115 - open until the test is over

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence[DetDataSample] = ()
    ) -> None:
        """Read the number of each photo and store it with the entries of its boxes."""
        for sample in outputs:
            found = sample.pred_instances
            arrays = (values.numpy(force=True) for values in (found.bboxes, found.scores, found.labels))
            detections = Detections.from_model([sample.img_id] * len(found), *arrays)
            detections = filter_boxes(detections, self.reader.boxes)
            number = read_numbers(detections, [sample.img_id], self.reader.number)[sample.img_id].number
            photo = _Photo(sample.img_id, Path(sample.img_path).name, number, encode_entries(detections))
            with self._writing():
                pickle.dump(tuple(photo), self.found)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Gather the ranks' shares and write the files on the main process."""
        size = len(runner.test_dataloader.dataset)
        photos = islice(self._gather(math.ceil(size / runner.world_size)), size)  # the sampler padded the last round
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

    def _gather(self, share: int) -> Iterator[_Photo]:
        """Photos of all ranks, in turns as the sampler dealt them out, `share` from each."""
        with self._writing():
            self.found.seek(0)
        for start in range(0, share, CHUNK):
            own = [pickle.load(self.found) for _ in range(min(CHUNK, share - start))]
            for dealt in zip(*all_gather_object(own), strict=True):
                yield from map(_Photo._make, dealt)
