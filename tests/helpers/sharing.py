"""Results that the worker processes of pytest-xdist share."""

import fcntl
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar('T')


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """Return the result of `make`, which one process of the session calls with a new folder; the others wait.

    The result is pickled. No test changes the folder.
    """
    base = factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ:
        base = base.parent  # each worker has a folder of its own in that of the session
    result = base / f'{name}.pickle'
    with (base / f'{name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            result.write_bytes(pickle.dumps(make(Path(tempfile.mkdtemp(prefix=name, dir=base)))))
    return pickle.loads(result.read_bytes())
