"""Random augmentation that depends on the seed, the epoch and the position in it, and on nothing else."""

import contextlib
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler, get_worker_info

from ..utils.processes import end_with_parent


class Draw(int):
    """The index of an image, with the seed of its random augmentation.

    A `ConcatDataset` subtracts the sizes of the parts before; the difference keeps the seed.

    Example:
        >>> (Draw(7, (0, 1, 2)) - 5).seed
        (0, 1, 2)
    """

    seed: tuple[int, ...]

    def __new__(cls, index: int, seed: tuple[int, ...]) -> 'Draw':
        """Make the index."""
        draw = super().__new__(cls, index)
        draw.seed = seed
        return draw

    def __getnewargs__(self) -> Any:
        """Return the arguments for pickle."""
        return int(self), self.seed

    def __sub__(self, other: int) -> 'Draw':
        """Subtract; the seed stays."""
        return Draw(int(self) - other, self.seed)


def random_states() -> dict[str, Any]:
    """Return the states of the random generators of Python, numpy and torch (CPU) in this process."""
    return {'python': random.getstate(), 'numpy': np.random.get_state(), 'torch': torch.get_rng_state()}


def restore_random_states(states: dict[str, Any]) -> None:
    """Set the random generators of this process to the result of `random_states`."""
    random.setstate(states['python'])
    np.random.set_state(states['numpy'])
    torch.set_rng_state(states['torch'])


@contextlib.contextmanager
def seeded(index: int) -> Iterator[None]:
    """Seed the random generators of Python, numpy and torch (CPU) for a `Draw`.

    They are restored at the end, but not in a worker process, where nothing else uses them.
    """
    if not isinstance(index, Draw):
        yield
        return
    before = random_states() if get_worker_info() is None else None
    np.random.seed(index.seed)
    random.seed(int(np.random.randint(2**31)))
    torch.default_generator.manual_seed(int(np.random.randint(2**31)))  # unlike torch.manual_seed, leaves GPUs alone
    try:
        yield
    finally:
        if before is not None:
            restore_random_states(before)


class SeededSampler:
    """A sampler's indices as `Draw`, seeded by the sampler's seed, the rank, the epoch and the position in the epoch.

    A sampler without epochs has one, and `skip` moves its position.
    """

    def __init__(self, sampler: Sampler[int]) -> None:
        self.sampler = sampler
        self.skipped = 0

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the sampler."""
        if name == 'sampler':  # not there yet, while it is unpickled
            raise AttributeError(name)
        return getattr(self.sampler, name)

    def __iter__(self) -> Iterator[Draw]:
        """Yield the indices."""
        source = self.sampler
        key = [abs(int(getattr(source, name, 0) or 0)) % 2**32 for name in ('seed', 'rank', 'epoch')]
        for position, index in enumerate(source, self.skipped):
            yield Draw(index, (*key, position))

    def __len__(self) -> int:
        """Return the length of the sampler."""
        return len(self.sampler)  # type: ignore[arg-type]


def _start_worker(start: Callable[[int], None] | None, number: int) -> None:
    """Start a worker process of a loader, which ends with the parent process."""
    end_with_parent()
    if start is not None:
        start(number)


def seed_draws(loader: DataLoader, seed: int | None) -> DataLoader:
    """Make the batches of a loader independent of the global random state, and of the number of its workers.

    The random augmentation of an image of `DigitDataset` then depends on the seed, the rank, the epoch and its position
    in the epoch. The loader has a random generator of its own, so it draws nothing from torch's global one. Worker
    processes end with this process.
    """
    loader.worker_init_fn = partial(_start_worker, loader.worker_init_fn)
    loader.generator = torch.Generator()
    loader.generator.manual_seed(seed or 0)
    if loader.batch_sampler is not None:
        loader.batch_sampler.sampler = SeededSampler(loader.batch_sampler.sampler)  # type: ignore[attr-defined]
    return loader
