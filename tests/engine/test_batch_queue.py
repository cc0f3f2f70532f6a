import pytest
from torch.utils.data import DataLoader

from custom.engine.batch_queue import send_errors
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
