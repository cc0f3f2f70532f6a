import os

from custom.benchmark.first_batch_hook import FirstBatchHook


def test_the_process_exits_with_0_before_the_first_batch(monkeypatch):
    codes = []
    monkeypatch.setattr(os, '_exit', codes.append)
    FirstBatchHook().before_test_iter(None, 0)
    assert codes == [0]
