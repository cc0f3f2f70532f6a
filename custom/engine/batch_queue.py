"""Batches of a data loader: a queue that loses none, and worker processes that start early."""

import copy
from collections.abc import Iterator
from functools import partial
from multiprocessing.queues import Queue
from typing import Any

from torch import multiprocessing
from torch._utils import ExceptionWrapper
from torch.utils.data import DataLoader


class _BatchQueue(Queue):
    """Queue of a loader's batches. A batch that cannot be sent, for want of shared memory say, is sent as its error.

    The parent class drops the batch, for which the loader then waits without end.
    """

    def _on_queue_feeder_error(self, error: Exception, item: Any) -> None:
        if isinstance(item, tuple) and not isinstance(item[1], ExceptionWrapper):
            self.put((item[0], ExceptionWrapper(where='in a worker process of a data loader')))
        else:
            super()._on_queue_feeder_error(error, item)  # type: ignore[misc]


def send_errors(loader: DataLoader) -> DataLoader:
    """Make a loader raise the error of a worker process that cannot send a batch."""
    if loader.num_workers:
        context = copy.copy(loader.multiprocessing_context or multiprocessing.get_context())
        context.Queue = partial(_BatchQueue, ctx=context)  # type: ignore[method-assign]
        loader.multiprocessing_context = context
    return loader


class _StartedLoader(DataLoader):
    """A loader whose worker processes load the first batches before they are asked for."""

    _started: Iterator | None

    def __iter__(self) -> Any:
        """Return the iterator that was started, and in later passes a new one."""
        started, self._started = self._started, None
        return super().__iter__() if started is None else started


def start_loading(loader: DataLoader) -> None:
    """Start the worker processes of a loader, which has none yet; without worker processes nothing is loaded."""
    if loader.num_workers:
        started = iter(loader)
        loader.__class__ = _StartedLoader
        loader._started = started
