import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from custom.datasets.seeded import Draw, seed_draws, seeded


class Noise(Dataset):
    """Three random numbers for each index, as augmentation draws them."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        with seeded(index):
            return index, np.random.random(), random.random(), torch.rand(()).item()


def epochs(workers, first=0, persistent=False):
    """The draws of two epochs from `first` on."""
    from mmengine.dataset import DefaultSampler

    data = ConcatDataset([Noise(), Noise()])
    more = {'num_workers': workers, 'persistent_workers': persistent, 'collate_fn': list}
    loader = seed_draws(DataLoader(data, 3, sampler=DefaultSampler(data, seed=5), **more), 5)
    drawn = []
    for epoch in range(first, 2):
        loader.sampler.set_epoch(epoch)
        drawn.append([item for batch in loader for item in batch])
    return drawn


def test_draws_depend_on_seed_epoch_and_position_alone():
    state = torch.get_rng_state()
    alone = epochs(0)
    assert torch.equal(torch.get_rng_state(), state)  # nothing is drawn from the global generators
    assert len({numbers[1:] for epoch in alone for numbers in epoch}) == 16
    np.random.seed(1)
    assert epochs(0, first=1) == alone[1:]  # a resumed run
    assert epochs(2, persistent=True) == alone


def test_a_draw_keeps_its_seed():
    draw = pickle.loads(pickle.dumps(Draw(7, (1, 2)))) - 4
    assert (draw, draw.seed, [0, 1, 2, 3][draw]) == (3, (1, 2), 3)


@pytest.mark.parametrize('index', [3, Draw(3, (0, 0, 1, 2))])
def test_the_global_generators_go_on_as_before(index):
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    expected = random.random(), np.random.random(), torch.rand(()).item()
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    with seeded(index):
        if isinstance(index, Draw):
            random.random(), np.random.random(), torch.rand(())
    assert (random.random(), np.random.random(), torch.rand(()).item()) == expected
