import multiprocessing

import pytest
from torch.utils.data import DataLoader

from custom.engine.batch_queue import send_errors, start_loading
from custom.engine.worker_faults import worker_fault


class Unsendable:
    """A batch that a worker process cannot send."""

    def __reduce__(self):
        raise RuntimeError('unable to write to file </torch_4242_1_0>: No space left on device (28)')


def second_unsendable(numbers):
    return Unsendable() if numbers == [1] else numbers


@pytest.mark.parametrize('persistent', [True, False])
def test_a_batch_that_cannot_be_sent_is_an_error_and_no_endless_wait(persistent):
    options = {'num_workers': 1, 'collate_fn': second_unsendable, 'persistent_workers': persistent}
    batches = iter(send_errors(DataLoader([0, 1, 2], **options, timeout=60)))
    assert next(batches) == [0]
    with pytest.raises(RuntimeError, match='Caught RuntimeError in a worker process of a data loader') as caught:
        next(batches)
    assert '/dev/shm is too small' in worker_fault(caught.value)
    assert next(batches) == [2]


def test_a_loader_without_worker_processes_stays():
    assert list(send_errors(DataLoader([0, 1], collate_fn=list))) == [[0], [1]]


class Told(list):
    """A data set that tells when it is read."""

    def __init__(self, numbers):
        super().__init__(numbers)
        self.read = multiprocessing.get_context('fork').Event()

    def __getitem__(self, index):
        self.read.set()
        return super().__getitem__(index)


@pytest.mark.parametrize('persistent', [True, False])
def test_a_started_loader_loads_before_it_is_asked_and_goes_through_the_data_each_time(persistent):
    options = {'num_workers': 1, 'collate_fn': list, 'persistent_workers': persistent}
    loader = DataLoader(Told(range(5)), batch_size=2, **options, timeout=60)
    start_loading(loader)
    assert loader.dataset.read.wait(60)
    passes = [list(loader) for _ in range(3)]
    assert passes == [[[0, 1], [2, 3], [4]]] * 3
    assert len(loader) == 3


def test_a_loader_without_worker_processes_is_not_started():
    loader = DataLoader(Told(range(2)), collate_fn=list)
    start_loading(loader)
    assert not loader.dataset.read.is_set()
    assert list(loader) == [[0], [1]]
