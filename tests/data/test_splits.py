"""custom/data/splits.py: folds, and train and valid."""

import dataclasses
import json

import numpy as np
import pytest
from helpers.project import coco
from PIL import Image

from custom.data.coco_reading import read_annotations
from custom.data.splits import (
    SplitRule,
    assign_folds,
    assign_splits,
    photo_groups,
    read_labelled,
    write_folds,
)
from custom.structures.annotations import DigitAnnotations, subset
from custom.utils.errors import UserError

ALL = [*(f'train/{i}.png' for i in range(1, 7)), *(f'valid/{i}.png' for i in range(1, 4))]


def test_both_splits_are_joined_and_clashing_ids_are_replaced(tiny_root):
    truth = read_labelled(tiny_root)
    assert truth.file_names == ALL
    assert truth.image_ids.tolist() == list(range(1, 10))
    assert truth.box_image_ids.tolist() == [image_id for image_id in range(1, 10) for _ in range(2)]
    assert truth.labels.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 1, 0, 2, 0, 3, 0]


def test_unsorted_ids_without_a_clash_stay(tiny_root):
    images = [{'id': image_id, 'file_name': f'{image_id - 20}.png', 'width': 40, 'height': 20} for image_id in (23, 21)]
    box = {'id': 1, 'image_id': 21, 'category_id': 8, 'bbox': [5, 4, 8, 12], 'iscrowd': 1}
    (tiny_root / 'valid.json').write_text(json.dumps(coco(images, [box])))
    truth = read_labelled(tiny_root)
    assert truth.image_ids.tolist() == [1, 2, 3, 4, 5, 6, 23, 21]
    assert truth.file_names[-2:] == ['valid/3.png', 'valid/1.png']
    assert (truth.box_image_ids[-1], truth.labels[-1], truth.iscrowd[-1]) == (21, 7, True)


def test_a_missing_split_is_named(tiny_root):
    (tiny_root / 'valid.json').unlink()
    with pytest.raises(UserError, match=r'valid\.json: no such file'):
        read_labelled(tiny_root)


def test_folds_are_stratified_by_length_and_depend_on_the_seed():
    lengths = np.array([1] * 11 + [2] * 23 + [3] * 7)
    assigned = assign_folds(lengths, np.arange(41), folds=4, seed=0)
    assert sorted(np.bincount(assigned)) == [10, 10, 10, 11]
    for length, counts in ((1, [2, 3, 3, 3]), (2, [5, 6, 6, 6]), (3, [1, 2, 2, 2])):
        assert sorted(np.bincount(assigned[lengths == length])) == counts
    assert np.array_equal(assign_folds(lengths, np.arange(41), folds=4, seed=0), assigned)
    assert not np.array_equal(assign_folds(lengths, np.arange(41), folds=4, seed=1), assigned)


def test_a_group_stays_in_one_fold_and_the_folds_are_balanced():
    lengths, groups = np.array([2, 1, 2, 2, 2, 2]), np.array([7, 1, 7, 7, 4, 5])
    for seed in range(5):
        assigned = assign_folds(lengths, groups, folds=2, seed=seed)
        assert assigned[0] == assigned[2] == assigned[3]
        assert (assigned[[1, 4, 5]] != assigned[0]).all()  # 3 and 3 photos


@pytest.mark.parametrize('folds', [-1, 1, 4])
def test_an_impossible_number_of_folds_is_refused(folds):
    with pytest.raises(UserError, match=f'^{folds} folds of 3 different photos: give from 2 to 3$'):
        assign_folds(np.array([1, 1, 1, 1]), np.array([0, 0, 1, 2]), folds, seed=0)


def test_copies_of_any_size_are_one_group(tiny_root):
    smooth = Image.open(tiny_root / 'train/2.png').resize((400, 200), Image.Resampling.BICUBIC)
    for name, width in (('train/2.png', 400), ('train/4.png', 400), ('valid/1.png', 200)):
        smooth.resize((width, width // 2)).save(tiny_root / name)
    for split in ('train', 'valid'):
        content = json.loads((tiny_root / f'{split}.json').read_text())
        for image in content['images']:
            image['width'], image['height'] = Image.open(tiny_root / split / image['file_name']).size
        (tiny_root / f'{split}.json').write_text(json.dumps(content))
    groups = photo_groups(read_labelled(tiny_root), tiny_root)
    named = dict(zip(ALL, groups.tolist(), strict=True))
    assert named['train/2.png'] == named['train/4.png'] == named['valid/1.png']
    assert len(set(groups.tolist())) == 7


def test_the_real_photos_have_no_near_duplicates(shared_data):
    root = shared_data / 'nycu-mini'
    truth = read_labelled(root)
    groups = photo_groups(truth, root)
    assert len(set(groups.tolist())) == len(truth.image_ids) == 256


def test_the_jsons_of_the_folds_keep_all_labels(tiny_root, tmp_path):
    truth = read_labelled(tiny_root)
    truth = dataclasses.replace(truth, iscrowd=np.arange(18) == 17)
    order = np.random.default_rng(0).permutation(18)  # boxes need not come photo by photo
    mixed = dataclasses.replace(
        truth, **{name: getattr(truth, name)[order] for name in ('box_image_ids', 'bboxes', 'labels', 'iscrowd')}
    )
    fold_of = np.array([0, 0, 0, 1, 1, 1, 0, 2, 2])
    folders = write_folds(tmp_path / 'work', mixed, fold_of, {'seed': 0})
    assert [folder.name for folder in folders] == ['fold_1', 'fold_2', 'fold_3']
    whole = read_annotations(tmp_path / 'work/all.json', tiny_root)
    assert whole.box_image_ids.tolist() == truth.box_image_ids.tolist()
    assert sorted(zip(whole.labels.tolist(), whole.iscrowd.tolist(), strict=True)) == sorted(
        zip(truth.labels.tolist(), truth.iscrowd.tolist(), strict=True)
    )
    assert (whole.box_image_ids[whole.iscrowd], whole.labels[whole.iscrowd]) == ([9], [0])
    assert read_annotations(folders[0] / 'valid.json', tiny_root).file_names == [*ALL[:3], 'valid/1.png']
    assert read_annotations(folders[0] / 'train.json', tiny_root).file_names == [*ALL[3:6], *ALL[7:]]
    own = read_annotations(folders[2] / 'valid.json', tiny_root)
    wanted = subset(whole, fold_of == 2)
    assert own.image_ids.tolist() == wanted.image_ids.tolist() == [8, 9]
    assert own.bboxes.tolist() == wanted.bboxes.tolist()


def test_a_work_dir_is_resumed_with_the_same_settings_only(tiny_root, tmp_path):
    truth, work = read_labelled(tiny_root), tmp_path / 'work'
    fold_of = np.arange(9) % 3
    folders = write_folds(work, truth, fold_of, {'seed': 0})
    before = {path: path.read_bytes() for path in work.rglob('*.json')}
    assert len(before) == 8
    assert write_folds(work, truth, fold_of, {'seed': 0}) == folders
    fewer = np.arange(9) < 8
    for photos, folds, seed, said in (
        (truth, fold_of, 1, 'seed 0, not 1:'),
        (truth, np.arange(9) % 2, 0, 'folds 3, not 2:'),
        (subset(truth, fewer), fold_of[fewer], 0, 'photos 9, not 8; labels '),
    ):
        with pytest.raises(UserError, match=f'work: its folds were made with {said}'):
            write_folds(work, photos, folds, {'seed': seed})
    assert {path: path.read_bytes() for path in work.rglob('*.json')} == before
    (work / 'folds.json').write_text('[' * 5000)
    with pytest.raises(UserError, match=r'folds\.json: cannot be read'):
        write_folds(work, truth, fold_of, {'seed': 0})
    (work / 'folds.json').write_text('[')
    with pytest.raises(UserError, match=r'folds\.json: cannot be read'):
        write_folds(work, truth, fold_of, {'seed': 0})


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


def choose_valid(truth, signatures, rule):
    """Whether each photo is in valid, and how many follow a near-duplicate."""
    assigned, notes = assign_splits(truth, [None] * len(signatures), signatures, rule)
    assert set(assigned) == {'train', 'valid'}
    return assigned == 'valid', int(notes[0].split()[0]) if notes else 0


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
    chosen, copies = choose_valid(photos([1] * count), unlike(count), SplitRule(fraction))
    assert (chosen.sum(), copies) == (valid, 0)


def test_valid_is_stratified_by_length_and_depends_on_the_seed():
    truth = photos([1] * 20 + [2] * 40 + [3] * 40)
    chosen = [choose_valid(truth, unlike(100), SplitRule(0.1, seed))[0] for seed in (0, 0, 1)]
    for own in chosen:
        assert [own[:20].sum(), own[20:60].sum(), own[60:].sum()] == [2, 4, 4]
    assert np.array_equal(chosen[0], chosen[1]) and not np.array_equal(chosen[0], chosen[2])


def test_near_duplicates_stay_in_one_split_except_with_ignore_copies():
    seen = unlike(20)
    seen[10:] = seen[:10]
    truth = photos([2] * 20)
    apart = 0
    for seed in range(5):
        chosen, copies = choose_valid(truth, seen, SplitRule(0.3, seed))
        assert np.array_equal(chosen[:10], chosen[10:])
        assert (chosen.sum(), copies) == (6, 10)
        chosen, copies = choose_valid(truth, seen, SplitRule(0.3, seed, ignore_copies=True))
        apart += (chosen[:10] != chosen[10:]).sum()
        assert copies == 0
    assert apart


def test_photos_that_are_all_near_duplicates_cannot_be_split():
    same = np.repeat(unlike(1), 4, axis=0)
    with pytest.raises(
        UserError, match=r'4 labelled photos cannot be split .*all are near-duplicates.*--ignore-copies'
    ):
        choose_valid(photos([1] * 4), same, SplitRule())
    assert choose_valid(photos([1] * 4), same, SplitRule(ignore_copies=True))[0].sum() == 1
    with pytest.raises(UserError, match=r'1 labelled photos cannot be split .*label more photos'):
        choose_valid(photos([1]), unlike(1), SplitRule(ignore_copies=True))


def test_a_valid_split_of_the_source_is_kept():
    assigned, notes = assign_splits(photos([1] * 4), ['valid', None, 'test', 'train'], unlike(4), SplitRule())
    assert assigned.tolist() == ['valid', 'train', 'test', 'train']
    assert notes == ['the split into train and valid is that of the source']


def test_photos_without_a_split_are_assigned_at_random():
    seen = unlike(12)
    seen[5] = seen[7]
    assigned, notes = assign_splits(photos([1] * 12), ['test', 'train', *[None] * 10], seen, SplitRule(0.2))
    assert assigned[0] == 'test'
    assert assigned[5] == assigned[7]
    assert (assigned[1:] == 'valid').sum() in (2, 3)  # a fifth of 11
    assert notes == ['1 × near-duplicate, in the split of the other photo']


def test_nothing_for_train_is_refused():
    with pytest.raises(UserError, match='no labelled photo is for train'):
        assign_splits(photos([1, 1]), ['valid', 'test'], unlike(2), SplitRule())


@pytest.mark.parametrize(('values', 'said'), [((0,), '--valid-fraction 0'), ((1.0,), '1.0'), ((0.1, -1), '--seed -1')])
def test_a_rule_out_of_range_is_refused(values, said):
    with pytest.raises(UserError, match=said):
        SplitRule(*values)


def test_nan_is_refused_as_a_share():
    with pytest.raises(UserError, match='nan'):
        SplitRule(float('nan'))


def test_groups_of_each_key_and_near_duplicates_stay_in_one_split():
    seen = unlike(12)
    seen[9] = seen[0]
    sources = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6])
    numbers = np.array([0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9])  # joins sources 0 and 1, 5 and 6; the copy joins 4 with 0
    for seed in range(5):
        rule = SplitRule(0.25, seed, group_by=('source', 'number'))
        assigned, notes = assign_splits(photos([1] * 12), [None] * 12, seen, rule, [sources, numbers])
        assert set(assigned) == {'train', 'valid'}
        for group in ([0, 1, 2, 3, 8, 9], [4, 5], [6, 7], [10, 11]):
            assert len(set(assigned[group])) == 1
        assert notes == [
            '1 × near-duplicate, in the split of the other photo',
            '4 groups of 12 photos with the same source, number, each in one split',
        ]


def test_one_group_of_all_photos_cannot_be_split():
    with pytest.raises(UserError, match='all are in one group of --group-by; choose another key'):
        assign_splits(photos([1] * 4), [None] * 4, unlike(4), SplitRule(group_by=('number',)), [np.zeros(4)])


def test_groups_do_not_change_a_split_of_the_source():
    rule = SplitRule(group_by=('number',))
    assigned, notes = assign_splits(photos([1, 1]), ['train', 'valid'], unlike(2), rule, [np.zeros(2)])
    assert assigned.tolist() == ['train', 'valid']
    assert notes == ['the split into train and valid is that of the source; --group-by is not applied']
