"""The number of threads that torch works with."""

import contextlib
import threading
from collections.abc import Iterator

import torch

_lock = threading.Lock()
_inside: list[int] = []  # the thread of each open context, which may be nested
_threads = 1  # torch's number outside them


@contextlib.contextmanager
def one_thread() -> Iterator[int]:
    """Let torch work with one thread in this context; yields the number before, which is restored afterwards.

    torch keeps a number for each thread. A thread that asks for the first time is given the number that any thread set
    last. So a thread asks before it sets the number, and believes the answer only while no thread is inside.
    """
    global _threads
    me = threading.get_ident()
    with _lock:
        asked = torch.get_num_threads()
        if not _inside:
            _threads = asked
        before = asked if me in _inside else _threads
        _inside.append(me)
        torch.set_num_threads(1)
    try:
        yield before
    finally:
        with _lock:
            _inside.remove(me)
            torch.set_num_threads(before)
