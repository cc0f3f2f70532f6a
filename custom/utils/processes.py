"""Processes that end with their parent process, and at the second Ctrl-C."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

WITH_PARENT = 'DIGITS_ENDS_WITH_PARENT'  # environment variable; the tools that it starts call `end_with_parent`
_PR_SET_PDEATHSIG = 1  # of prctl(2)


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
