"""Thread limits of torch in nested and overlapping contexts."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from custom.models.numerics import one_thread


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_threads_come_back_even_after_a_failure():
    with pytest.raises(ZeroDivisionError), one_thread() as before:
        assert (torch.get_num_threads(), before) == (1, 2)
        1 / 0  # noqa: B018
    assert torch.get_num_threads() == 2


def test_an_inner_context_does_not_end_the_outer_one():
    with one_thread():
        with one_thread() as before:
            assert before == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_contexts_that_overlap_restore_the_number_of_every_thread():
    first, second = one_thread(), one_thread()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:

        def on(pool, work):
            return pool.submit(work).result()

        on(one, first.__enter__)
        assert on(other, second.__enter__) == 2
        on(one, lambda: first.__exit__(None, None, None))
        assert on(other, torch.get_num_threads) == 1
        on(other, lambda: second.__exit__(None, None, None))
        assert [on(pool, torch.get_num_threads) for pool in (one, other)] == [2, 2]
    with ThreadPoolExecutor(1) as new:
        assert on(new, torch.get_num_threads) == 2
