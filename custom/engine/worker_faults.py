"""Errors of data loaders whose worker processes lack shared memory or file descriptors."""

import os
import re

FEWER = '--cfg-options {0}_dataloader.num_workers=0 {0}_dataloader.persistent_workers=False'.format
SHARED_MEMORY = re.compile(
    r'DataLoader worker .* killed by signal: Bus error|out of shared memory|'
    r'shared memory.*No space left|unable to (write to|mmap|allocate).*</?torch_|No space left on device.*torch_',
    re.IGNORECASE | re.DOTALL,
)
FILES = re.compile(r'Too many open files|received 0 items of ancillary data|ancdata', re.IGNORECASE)
ENDED = re.compile(r'DataLoader worker \(pid\S* [\d, ]+\) (is killed by signal: [^.]+|exited unexpectedly)')


def worker_fault(error: BaseException) -> str | None:
    """Describe the error of a data loader's worker process in one line: cause and way out; None for other errors.

    A worker that the system killed for memory is not among them.
    """
    text = str(error)
    without = f'do without worker processes: {FEWER("train")} (so for val, test)'
    if SHARED_MEMORY.search(text):
        return f'/dev/shm is too small for the batches of worker processes{_size()}: enlarge it, or {without}'
    if FILES.search(text):
        return f'too few open files are allowed for worker processes: allow more by ulimit -n 4096, or {without}'
    ended = ENDED.search(text)
    if ended and 'Killed' not in ended[1] and not re.search('Terminated|Interrupt', ended[1]):
        return f'a worker process of a data loader {ended[1]}: {without}'
    return None


def _size() -> str:
    try:
        space = os.statvfs('/dev/shm')
    except OSError:
        return ''
    return f' ({space.f_frsize * space.f_blocks / 1e6:.0f} MB)'
