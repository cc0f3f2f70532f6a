import gc
import inspect
import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from custom.utils.processes import end_with_parent, importing, no_source_search

# A parent process that waits, and its worker, which has the pipe to the test open until it ends.
PARENT = """
import os, signal, time
from custom.utils.processes import end_at_second_interrupt, end_with_parent
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets background jobs ignore it
end_at_second_interrupt()
if not os.fork():
    signal.alarm(120)
    end_with_parent()
    os.write(1, b'ready\\n')
    time.sleep(200)
try:
    os.write(1, b'ready\\n')
    time.sleep(200)
except KeyboardInterrupt:
    os.write(1, b'first\\n')
    try:
        time.sleep(200)
    finally:
        os.write(1, b'never\\n')
"""


@pytest.fixture
def parent():
    """The process of PARENT, when its worker is ready, too."""
    with subprocess.Popen([sys.executable, '-c', PARENT], stdout=subprocess.PIPE, text=True) as process:
        assert [process.stdout.readline() for _ in range(2)] == ['ready\n'] * 2
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != 'linux', reason='prctl is of Linux')
def test_a_worker_ends_with_its_killed_parent(parent):
    parent.kill()
    assert parent.communicate(timeout=60) == ('', None)  # the end of the pipe: the worker has closed it, too


def test_the_second_interrupt_ends_the_process_at_once(parent):
    parent.send_signal(signal.SIGINT)
    assert parent.stdout.readline() == 'first\n'
    parent.send_signal(signal.SIGINT)
    assert parent.wait(60) == -signal.SIGINT
    assert parent.stdout.read() == ''


@pytest.mark.skipif(sys.platform != 'linux', reason='prctl is of Linux')
def test_a_worker_whose_parent_is_there_goes_on():
    worker = multiprocessing.get_context('fork').Process(target=lambda: (end_with_parent(), os._exit(3)))
    worker.start()
    worker.join()
    assert worker.exitcode == 3


def test_the_collector_rests_while_a_program_imports_and_passes_over_its_modules():
    before = gc.get_freeze_count()
    try:
        stock = inspect.getframeinfo
        with pytest.raises(ZeroDivisionError), importing():
            assert not gc.isenabled()
            assert inspect.getframeinfo is not stock
            raise ZeroDivisionError
        assert gc.isenabled()
        assert gc.get_freeze_count() > before + 1000
    finally:
        gc.unfreeze()


def test_frames_are_found_by_the_name_of_their_module():
    stock = inspect.getframeinfo, inspect.getmodule
    frame = sys._getframe()
    with pytest.raises(ZeroDivisionError), no_source_search():
        assert inspect.getframeinfo is not stock[0]
        assert inspect.getframeinfo(frame)[:3] == stock[0](frame)[:3]  # file, line and function
        assert inspect.getframeinfo(frame).code_context is None
        assert inspect.stack()[0].function == inspect.getframeinfo(frame, 3).function
        assert inspect.getmodule(frame) is sys.modules[__name__]
        assert inspect.getmodule(pytest.raises) is sys.modules[pytest.raises.__module__]
        nameless = eval('__import__("sys")._getframe()', {})
        assert inspect.getmodule(nameless) is None
        raise ZeroDivisionError
    assert (inspect.getframeinfo, inspect.getmodule) == stock
