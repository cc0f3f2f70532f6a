"""Queue of a data loader's batches that loses none: a batch that cannot be sent is sent as its error."""

import copy
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
