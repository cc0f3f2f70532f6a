import threading

import pytest
from helpers.columns import Columns, photo_of, reader_of_columns

from custom.serving.reading_queue import ReadingQueue
from custom.utils.errors import UserError


class Failing(Columns):
    """Fails on batches with a photo of 30 pixels width; `opened` lets batches in."""

    def __init__(self):
        self.opened = threading.Event()
        self.batches = []

    def detect(self, views):
        assert self.opened.wait(30)
        self.batches.append(len(views))
        if any(view.pixels.shape[1] == 30 for view in views):
            raise MemoryError
        return super().detect(views)


def test_places_are_bounded_and_come_back():
    queue = ReadingQueue(reader_of_columns(), places=2)
    assert [queue.reserve() for _ in range(3)] == [True, True, False]
    queue.release()
    assert queue.submit(photo_of('12')).result(30).number == '12'
    assert queue.taken == 0
    queue.close()
    assert not queue.is_alive


def test_a_failure_in_a_batch_is_that_of_one_photo():
    detector = Failing()
    queue = ReadingQueue(reader_of_columns(detector), places=6)
    photos = [photo_of('12'), photo_of('21'), photo_of('1'), b'no photo', photo_of('222'), photo_of('2')]
    assert all(queue.reserve() for _ in photos)
    futures = [queue.submit(photo) for photo in photos]
    cancelled = futures[-1].cancel()
    detector.opened.set()
    queue.close(30)
    assert [futures[i].result(0).number for i in (0, 1, 4)] == ['12', '21', '222']
    assert isinstance(futures[2].exception(0), MemoryError)
    with pytest.raises(UserError, match='photo: is not a photo'):
        futures[3].result(0)
    assert cancelled and queue.taken == 0
