"""Start and end of processes: imports without garbage collection, and ends with the parent process."""

import contextlib
import ctypes
import functools
import gc
import inspect
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType, ModuleType
from typing import Any, NoReturn

WITH_PARENT = 'DIGITS_ENDS_WITH_PARENT'  # environment variable; the tools that it starts call `end_with_parent`
_PR_SET_PDEATHSIG = 1  # of prctl(2)


def _module_of(search: Callable, thing: Any, *args: Any) -> ModuleType | None:
    """Return the module of a frame by its name; `search` compares the files of all modules."""
    own = sys.modules.get(thing.f_globals.get('__name__', '')) if inspect.isframe(thing) else None
    return own or search(thing, *args)


def _place_of(look_up: Callable, frame: Any, context: int = 1) -> Any:
    """Return the file and line of a frame without lines of its source, of which `context` are asked for."""
    return look_up(frame, 0)


@contextlib.contextmanager
def no_source_search() -> Iterator[None]:
    """Let `inspect` find frames without a search in source files and modules.

    torch notes the place of each of its operators while it is imported, and mmengine that of each registry. Of a place
    they use the name of the module, or file and line.
    """
    stock = inspect.getframeinfo, inspect.getmodule
    inspect.getframeinfo = functools.partial(_place_of, inspect.getframeinfo)
    inspect.getmodule = functools.partial(_module_of, inspect.getmodule)
    try:
        yield
    finally:
        inspect.getframeinfo, inspect.getmodule = stock


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Pause the garbage collector for the imports of a program; afterwards it passes over all objects up to then.

    Modules live as long as their process, and a search through those of PyTorch takes 0.1 s each time. Not for
    libraries: the objects of their caller would never be collected either.
    """
    gc.disable()
    try:
        with no_source_search():
            yield
    finally:
        gc.freeze()
        gc.enable()


def end_with_parent() -> None:
    """Let the kernel kill this process when its parent process has ended, however that ends. On Linux only."""
    if sys.platform == 'linux':
        parent = multiprocessing.parent_process()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if parent is not None and os.getppid() != parent.pid:  # it has ended before the call
            os._exit(1)


def end_at_second_interrupt() -> None:
    """Let the second Ctrl-C end the process at once, while the first one raises KeyboardInterrupt as usual."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    in_main = threading.current_thread() is threading.main_thread()  # the only one that may set handlers
    if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
