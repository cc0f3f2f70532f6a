"""Bounded queue of photos in front of one thread, which reads them in batches."""

import queue
import threading
from concurrent.futures import Future
from typing import NamedTuple

from ..inference.reader import PhotoReader, PhotoReading
from ..utils.errors import UserError


class _Job(NamedTuple):
    photo: bytes
    future: Future


class ReadingQueue:
    """A reader with a bounded number of places.

    A place is taken by a photo from before its upload until it is read. One thread reads all photos that wait, up to
    the batch size of the reader.

    Args:
        reader: reads the photos.
        places: number of photos that are uploaded, wait or are read at the same time.
    """

    def __init__(self, reader: PhotoReader, places: int) -> None:
        self.reader = reader
        self.places = places
        self._taken = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name='reading', daemon=True)
        self._thread.start()

    @property
    def taken(self) -> int:
        """Number of places that are taken."""
        return self._taken

    def reserve(self) -> bool:
        """Take a place; return whether one was free."""
        with self._lock:
            is_free = self._taken < self.places
            self._taken += is_free
        return is_free

    def release(self) -> None:
        """Free a place that was taken by `reserve`, without a photo."""
        with self._lock:
            self._taken -= 1

    def submit(self, photo: bytes) -> Future[PhotoReading]:
        """Read the content of a file on a place that was reserved.

        The place is freed when the photo is read. The place of a photo whose future was cancelled is freed when its
        turn comes, so that the queue cannot grow. A bad photo raises UserError from the future.
        """
        job = _Job(photo, Future())
        self._jobs.put(job)
        return job.future

    @property
    def is_alive(self) -> bool:
        """Whether photos are still being read."""
        return self._thread.is_alive()

    def close(self, timeout: float = 5) -> None:
        """Stop after the photos that were submitted, or after `timeout` seconds."""
        self._jobs.put(None)
        self._thread.join(timeout)

    def _work(self) -> None:
        while self._read_next():
            pass

    def _read_next(self) -> bool:
        """Read the photos that wait, at least one; return False for the end."""
        batch = [self._jobs.get()]
        while batch[-1] is not None and len(batch) < self.reader.batch_size and not self._jobs.empty():
            batch.append(self._jobs.get())
        jobs = []
        for job in batch:
            if job is None:
                continue
            if job.future.set_running_or_notify_cancel():
                jobs.append(job)
            else:
                self.release()
        self._read(jobs)
        return batch[-1] is not None

    def _read(self, jobs: list[_Job]) -> None:
        done = 0
        try:
            for job, reading in zip(jobs, self.reader.read_many([job.photo for job in jobs]), strict=True):
                done += 1
                self.release()
                if isinstance(reading, UserError):
                    job.future.set_exception(reading)
                else:
                    job.future.set_result(reading)
        except Exception as error:  # of the model or the memory: one photo must not fail the others, nor end the thread
            if len(jobs) == 1:
                self.release()
                jobs[0].future.set_exception(error)
            else:
                for job in jobs[done:]:
                    self._read([job])
