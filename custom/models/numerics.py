"""Floating-point types for mixed precision, and a context in which torch uses one thread."""

import contextlib
import threading
from collections.abc import Iterator

import torch


def short_float() -> str:
    """Return 'bfloat16' if the GPU supports it, else 'float16': a dtype name for AmpOptimWrapper."""
    return 'bfloat16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'float16'


def at_least_float32(first: torch.Tensor, *others: torch.Tensor) -> list[torch.Tensor]:
    """Convert tensors to the type of the first, or to float32 if that type has 16 bits.

    bfloat16 has 8 significant bits, so box coordinates above 128 px would be rounded to whole pixels or worse.
    """
    dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
    return [values.to(dtype) for values in (first, *others)]


_lock = threading.Lock()
_inside: list[int] = []  # the thread of each open context; contexts may be nested
_threads = 1  # torch's number of threads outside the contexts


@contextlib.contextmanager
def one_thread() -> Iterator[int]:
    """Limit torch to one thread in this context; yield the previous number, which is restored at the end.

    torch keeps a number per thread. A thread's first query returns the number that any thread set last. A thread
    therefore queries before it sets the number, and uses the result only if no thread is inside a context.
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
