"""An ONNX file as a `Detector`."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..inference.multiview import View, padded_alike
from ..reading.fusion import Boxes
from ..utils.cores import usable_cores
from .model_file import CPU, INPUTS, from_metadata, open_session


class OnnxDetector:
    """A digit detector in ONNX Runtime. `facts` and `reader` are the metadata of its file.

    A batch is split into groups that are padded to one size, as by `custom.models.detector.DigitFasterRCNN`. Each core
    takes a group, with one thread: threads within a layer wait for one another, and much longer beside other programs.

    Args:
        path: a file of tools/export_onnx.py.
        threads: groups at a time. Defaults to None, one per core.
        provider: ONNX Runtime's name of the device. Defaults to the CPU's.

    Raises:
        UserError: the file cannot be used (`open_session`, `from_metadata`).
    """

    def __init__(self, path: str | os.PathLike, threads: int | None = None, provider: str = CPU) -> None:
        self.session = open_session(path, 1, provider)
        self.facts, self.reader = from_metadata(self.session.get_modelmeta().custom_metadata_map, path)
        self.threads = threads or usable_cores()
        self._start_pool()

    def _start_pool(self) -> None:
        self.process, self.pool = os.getpid(), ThreadPoolExecutor(self.threads)

    def detect(self, views: Sequence[View]) -> list[Boxes]:
        """Detect the digits in each view; see `Detector`."""
        if self.process != os.getpid():  # threads do not survive a fork
            self._start_pool()
        groups = padded_alike([view.pixels.shape[:2] for view in views], self.facts.divisor, self.facts.group_size)

        def detect_group(group: list[int]) -> list[Boxes]:
            return self._run([views[i] for i in group])

        results = self.pool.map(detect_group, groups) if len(groups) > 1 else map(detect_group, groups)
        found: dict[int, Boxes] = {}
        for group, boxes in zip(groups, results, strict=True):
            found.update(zip(group, boxes, strict=True))
        return [found[i] for i in range(len(views))]

    def _run(self, views: Sequence[View]) -> list[Boxes]:
        sizes = np.array([view.pixels.shape[:2] for view in views])
        height, width = sizes.max(axis=0)
        images = np.zeros((len(views), height, width, 3), np.uint8)
        for image, view in zip(images, views, strict=True):
            image[: view.pixels.shape[0], : view.pixels.shape[1]] = view.pixels
        outputs = self.session.run(None, dict(zip(INPUTS, (images, sizes.astype(np.int64)), strict=True)))
        results = []
        for view, bboxes, scores, labels in zip(views, *outputs, strict=True):
            count = np.count_nonzero(scores)  # boxes with score 0 fill up the array
            scale = np.tile(np.array([1 / side for side in view.scale], np.float32), 2)
            results.append((bboxes[:count] * scale, scores[:count], labels[:count]))
        return results
