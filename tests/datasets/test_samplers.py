"""Mixture of data sets by share, and whole batches per rank."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from mmdet.registry import DATA_SAMPLERS, DATASETS
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch.utils.data import ConcatDataset

import custom.register  # noqa: F401 - registers the data set and the sampler
from custom.datasets import samplers
from custom.datasets.samplers import MixtureSampler
from custom.utils.errors import UserError

DATA = ConcatDataset([range(10), range(100), range(4)])  # indices 0-9, 10-109, 110-113


def mixture(*weights, **settings):
    return MixtureSampler(DATA, weights, **{'seed': 0, **settings})


def epoch(sampler, number):
    sampler.set_epoch(number)
    return list(sampler)


def parts(indices):
    counts = Counter((i >= 10) + (i >= 110) for i in indices)
    return [counts[part] for part in range(3)]


def test_each_part_has_its_share():
    sampler = mixture(5, 3, 2, epoch_size=20)
    assert len(sampler) == 20
    assert parts(epoch(sampler, 0)) == [10, 6, 4]


def test_an_epoch_is_as_long_as_the_data_unless_told():
    assert len(mixture(1, 1, 1)) == len(epoch(mixture(1, 1, 1), 0)) == 114


def test_shares_that_do_not_divide_are_right_in_the_long_run():
    sampler = mixture(1, 1, 1, epoch_size=10)
    drawn = [epoch(sampler, number) for number in range(30)]
    assert {len(one) for one in drawn} == {10}
    assert parts(chain(*drawn)) == [100, 100, 100]


def test_every_epoch_has_its_size_whatever_the_shares(monkeypatch):
    monkeypatch.setattr(samplers, 'get_dist_info', lambda: (0, 3))
    rng = np.random.default_rng(0)
    for _ in range(200):
        weights = rng.dirichlet(np.full(3, 0.5))
        sampler = mixture(*weights, epoch_size=int(rng.integers(1, 12)))
        drawn = [epoch(sampler, number) for number in range(12)]
        assert {len(one) for one in drawn} == {len(sampler)}


def test_a_part_of_less_than_a_photo_an_epoch_comes_when_its_turn_is():
    drawn = [parts(epoch(mixture(0.1, 0.7, 0.2, epoch_size=2), number)) for number in range(5)]
    assert np.sum(drawn, axis=0).tolist() == [1, 7, 2]
    assert [sum(one) for one in drawn] == [2] * 5


def test_no_photo_comes_again_before_all_of_its_part_have_come():
    sampler = mixture(3, 5, 0, epoch_size=8)  # 3 of the 10 in an epoch, 5 of the 100
    drawn = list(chain(*(epoch(sampler, number) for number in range(20))))
    counts = Counter(drawn)
    assert [counts[i] for i in range(10)] == [6] * 10
    assert [counts[i] for i in range(10, 110)] == [1] * 100
    assert parts(drawn)[2] == 0


def test_a_part_smaller_than_its_share_repeats_evenly():
    counts = Counter(epoch(mixture(0, 0, 1, epoch_size=12), 0))
    assert counts == dict.fromkeys(range(110, 114), 3)


def test_epochs_differ_and_can_be_repeated():
    first, second = (epoch(mixture(1, 1, 1), number) for number in (0, 1))
    assert first != second
    assert first == epoch(mixture(1, 1, 1), 0)
    assert first != epoch(mixture(1, 1, 1, seed=1), 0)
    assert second == epoch(mixture(1, 1, 1), 1)  # a resumed run asks for the second at once


def test_the_parts_are_mixed():
    where = [i >= 10 for i in epoch(mixture(1, 1, 0, epoch_size=20), 0)]
    assert 0 < sum(where[:10]) < 10


def test_ranks_share_an_epoch(monkeypatch):
    shares = []
    for rank in range(3):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, 3))
        sampler = mixture(0, 1, 0, epoch_size=50)
        shares.append(epoch(sampler, 0))
        assert len(sampler) == 17  # 50, rounded up to 51
    assert [len(share) for share in shares] == [17] * 3
    assert len({*shares[0], *shares[1], *shares[2]}) == 51


def test_every_rank_gets_the_same_seed_by_default(monkeypatch):
    monkeypatch.setattr(samplers, 'sync_random_seed', lambda: 7)
    assert epoch(mixture(1, 1, 1, seed=None), 0) == epoch(mixture(1, 1, 1, seed=7), 0)


@pytest.mark.parametrize(
    ('dataset', 'weights', 'settings', 'said'),
    [
        (range(10), [1], {}, 'needs a ConcatDataset, not a range'),
        (DATA, [1, 1], {}, '2 weights for 3 data sets'),
        (DATA, [1, -1, 1], {}, r'weights=\[1, -1, 1\]'),
        (DATA, [0, 0, 0], {}, 'weights'),
        (DATA, [1, float('nan'), 1], {}, 'weights'),
        (ConcatDataset([range(3), range(0)]), [1, 1], {}, 'data set 1 of the ConcatDataset is empty'),
        (DATA, [1, 1, 1], {'epoch_size': 0}, 'epoch_size=0'),
    ],
)
def test_invalid_mixtures_are_refused(dataset, weights, settings, said):
    with pytest.raises(UserError, match=said):
        MixtureSampler(dataset, weights, **settings)


def test_an_empty_part_without_weight_is_left_out():
    sampler = MixtureSampler(ConcatDataset([range(3), range(0)]), [1, 0], seed=0)
    assert sorted(epoch(sampler, 0)) == [0, 1, 2]


@pytest.mark.parametrize(
    ('size', 'shares'),
    [
        (7, [[0, 1, 6], [2, 3], [4, 5]]),
        (3, [[0, 1], [2], []]),
    ],
)
def test_whole_batches_are_distributed_to_ranks(monkeypatch, size, shares):
    for rank, share in enumerate(shares):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, 3))
        sampler = samplers.WholeBatchSampler(range(size), turn=2)
        assert list(sampler) == share
        assert len(sampler) == len(share)
        assert sampler.turn == 2  # the order of the ranks' results in SubmissionHook depends on it


def test_only_a_sampler_without_shuffling_is_replaced():
    in_order = {'batch_size': 4, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
    replaced = samplers.by_whole_batches(in_order)
    assert replaced == {'batch_size': 4, 'sampler': {'type': 'WholeBatchSampler', 'turn': 4}}
    for sampler in ({'type': 'DefaultSampler'}, {'type': 'InfiniteSampler', 'shuffle': False}, None):
        assert samplers.by_whole_batches({'batch_size': 4, 'sampler': sampler})['sampler'] == sampler


def test_two_sets_of_digits_are_mixed_by_a_config(tiny_root):
    part = {'type': 'DigitDataset', 'data_root': str(tiny_root)}
    cfg = {
        'batch_size': 2,
        'num_workers': 0,
        'sampler': {'type': 'MixtureSampler', 'weights': [1, 3], 'epoch_size': 8},
        'dataset': {
            'type': 'ConcatDataset',
            'datasets': [
                {**part, 'ann_file': 'train.json', 'data_prefix': {'img': 'train/'}},
                {**part, 'ann_file': 'valid.json', 'data_prefix': {'img': 'valid/'}},
            ],
        },
    }
    with DefaultScope.overwrite_default_scope('mmdet'):
        loader = Runner.build_dataloader(cfg, seed=0)
    assert isinstance(loader.dataset, DATASETS.get('ConcatDataset'))
    assert isinstance(loader.sampler, DATA_SAMPLERS.get('MixtureSampler'))
    assert loader.dataset.metainfo['classes'] == tuple('0123456789')
    paths = [loader.dataset.get_data_info(i)['img_path'] for i in loader.sampler]
    assert sum('/train/' in path for path in paths) == 2
    assert sum('/valid/' in path for path in paths) == 6
