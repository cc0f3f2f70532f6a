"""custom/splitting.py: shares, seeds, copies."""

import numpy as np
import pytest

from custom.annotations import DigitAnnotations
from custom.errors import UserError
from custom.splitting import DealRule, assign_splits, choose_valid


def photos(lengths):
    rows = np.repeat(np.arange(len(lengths)), lengths)
    return DigitAnnotations(
        image_ids=np.arange(len(lengths)),
        file_names=[f'{i}.png' for i in range(len(lengths))],
        sizes=np.full((len(lengths), 2), 50),
        box_image_ids=rows,
        bboxes=np.tile([1.0, 1, 5, 5], (len(rows), 1)),
        labels=rows % 10,
        iscrowd=np.zeros(len(rows), bool),
    )


def unlike(count):
    return np.eye(count, 256, dtype=np.float32)


@pytest.mark.parametrize(
    ('count', 'fraction', 'valid'),
    [
        (100, 0.1, 10),
        (100, 0.25, 25),
        (100, 0.15, 15),
        (100, 0.9, 90),
        (3, 0.1, 1),
        (2, 0.5, 1),
        (2, 0.01, 1),
        (3, 0.99, 2),
    ],
)
def test_the_share_of_valid(count, fraction, valid):
    chosen, copies = choose_valid(photos([1] * count), unlike(count), DealRule(fraction))
    assert (chosen.sum(), copies) == (valid, 0)


def test_each_length_is_spread_evenly_and_the_seed_decides():
    truth = photos([1] * 20 + [2] * 40 + [3] * 40)
    chosen = [choose_valid(truth, unlike(100), DealRule(0.1, seed))[0] for seed in (0, 0, 1)]
    for own in chosen:
        assert [own[:20].sum(), own[20:60].sum(), own[60:].sum()] == [2, 4, 4]
    assert np.array_equal(chosen[0], chosen[1]) and not np.array_equal(chosen[0], chosen[2])


def test_near_copies_stay_together_unless_that_is_not_wanted():
    seen = unlike(20)
    seen[10:] = seen[:10]
    truth = photos([2] * 20)
    apart = 0
    for seed in range(5):
        chosen, copies = choose_valid(truth, seen, DealRule(0.3, seed))
        assert np.array_equal(chosen[:10], chosen[10:])
        assert (chosen.sum(), copies) == (6, 10)
        chosen, copies = choose_valid(truth, seen, DealRule(0.3, seed, ignore_copies=True))
        apart += (chosen[:10] != chosen[10:]).sum()
        assert copies == 0
    assert apart


def test_photos_that_do_not_differ_cannot_be_split():
    same = np.repeat(unlike(1), 4, axis=0)
    with pytest.raises(UserError, match=r'4 labelled photos cannot be split .*all are near copies.*--ignore-copies'):
        choose_valid(photos([1] * 4), same, DealRule())
    assert choose_valid(photos([1] * 4), same, DealRule(ignore_copies=True))[0].sum() == 1
    with pytest.raises(UserError, match=r'1 labelled photos cannot be split .*label more photos'):
        choose_valid(photos([1]), unlike(1), DealRule(ignore_copies=True))


def test_the_split_of_the_source_counts():
    assigned, notes = assign_splits(photos([1] * 4), ['valid', None, 'test', 'train'], unlike(4), DealRule())
    assert assigned.tolist() == ['valid', 'train', 'test', 'train']
    assert notes == ['the split into train and valid is that of the source']


def test_what_the_source_leaves_open_is_dealt():
    seen = unlike(12)
    seen[5] = seen[7]
    assigned, notes = assign_splits(photos([1] * 12), ['test', 'train', *[None] * 10], seen, DealRule(0.2))
    assert assigned[0] == 'test'
    assert assigned[5] == assigned[7]
    assert (assigned[1:] == 'valid').sum() in (2, 3)  # a fifth of 11
    assert notes == ['1 × near copy of another photo, on the same side as that one']


def test_nothing_for_train_is_refused():
    with pytest.raises(UserError, match='no labelled photo is for train'):
        assign_splits(photos([1, 1]), ['valid', 'test'], unlike(2), DealRule())


@pytest.mark.parametrize(('values', 'said'), [((0,), '--valid-fraction 0'), ((1.0,), '1.0'), ((0.1, -1), '--seed -1')])
def test_a_rule_out_of_range_is_refused(values, said):
    with pytest.raises(UserError, match=said):
        DealRule(*values)


def test_no_number_is_no_share():
    with pytest.raises(UserError, match='nan'):
        DealRule(float('nan'))
