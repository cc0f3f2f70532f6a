"""Floats of 16 bits: which of them a GPU multiplies fast, and what is too fine for them."""

import contextlib
import threading
from collections.abc import Iterator

import torch


def short_float() -> str:
    """'bfloat16' where the GPU has it, else 'float16': a torch.dtype by name, as AmpOptimWrapper takes it."""
    return 'bfloat16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'float16'


def at_least_float32(first: torch.Tensor, *others: torch.Tensor) -> list[torch.Tensor]:
    """Tensors in the type of the first one, in float32 where that has 16 bits.

    Box coordinates would be rounded there to whole pixels or worse: bfloat16 holds 8 bits.
    """
    dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
    return [values.to(dtype) for values in (first, *others)]


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
