import pytest

from custom.engine.worker_faults import worker_fault

BUS = (
    "DataLoader worker (pid 4242) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
    'shared memory. Please try to raise your shared memory limit.'
)
FALLOCATE = (
    'Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n'
    'RuntimeError: unable to write to file </torch_4242_1_0>: No space left on device (28)'
)
FILES = (
    'Caught OSError in DataLoader worker process 1.\nOriginal Traceback (most recent call last):\n'
    'OSError: [Errno 24] Too many open files'
)


@pytest.mark.parametrize(
    ('message', 'cause'),
    [
        (BUS, '/dev/shm is too small'),
        (FALLOCATE, '/dev/shm is too small'),
        (FILES, 'too few open files are allowed'),
        ('received 0 items of ancillary data', 'too few open files are allowed'),
        (
            'DataLoader worker (pid(s) 1, 2) exited unexpectedly',
            'a worker process of a data loader exited unexpectedly',
        ),
        (
            'DataLoader worker (pid 1) is killed by signal: Segmentation fault. ',
            'killed by signal: Segmentation fault:',
        ),
    ],
)
def test_the_cause_and_the_setting_are_named_in_one_line(message, cause):
    line = worker_fault(RuntimeError(message))
    assert cause in line
    assert line.endswith('train_dataloader.num_workers=0 train_dataloader.persistent_workers=False (so for val, test)')
    assert '\n' not in line


@pytest.mark.parametrize(
    'message',
    [
        'DataLoader worker (pid 1) is killed by signal: Killed. ',
        'DataLoader worker (pid 1) is killed by signal: Terminated. ',
        'Caught ValueError in DataLoader worker process 0.\nValueError: no box',
        'No space left on device',
    ],
)
def test_other_errors_are_left_to_others(message):
    assert worker_fault(RuntimeError(message)) is None
