"""custom/data/formats/svhn.py: archives and folders become one data set."""

import json

import numpy as np
import pytest
from helpers.svhn_files import pack, write_digit_struct, write_part
from PIL import Image

from custom.data.coco_reading import read_annotations
from custom.data.formats.svhn import import_svhn
from custom.data.splits import SplitRule
from custom.structures.annotations import true_numbers
from custom.utils.errors import UserError

NUMBERS = ['12', '305', '7', '90', '44', '10', '2', '356', '81', '63']
RULE = SplitRule(valid_fraction=0.2)


@pytest.fixture
def source(tmp_path):
    write_part(tmp_path / 'svhn' / 'train', NUMBERS)
    write_part(tmp_path / 'svhn' / 'test', ['5', '70'], seed=1)
    return tmp_path / 'svhn'


def numbers(out, split):
    return true_numbers(read_annotations(out / f'{split}.json', out / split))


def test_folders_become_the_layout_and_stay(source, tmp_path):
    before = sorted(source.rglob('*'))
    done = import_svhn(source, tmp_path / 'out', RULE)
    assert done.sizes == {'train': 8, 'valid': 2, 'test': 2}
    assert sorted(source.rglob('*')) == before
    train, valid = numbers(tmp_path / 'out', 'train'), numbers(tmp_path / 'out', 'valid')
    assert train | valid == dict(enumerate(NUMBERS, 1))  # 1.png is image 1 and shows the first number
    assert numbers(tmp_path / 'out', 'test') == {1: '5', 2: '70'}
    assert (tmp_path / 'out/test/2.png').read_bytes() == (source / 'test/2.png').read_bytes()
    categories = json.loads((tmp_path / 'out/train.json').read_text())['categories']
    assert [(c['id'], c['name']) for c in categories] == [(i + 1, str(i)) for i in range(10)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ['out', 'svhn']


def test_archives_give_the_same(source, tmp_path):
    import_svhn(source, tmp_path / 'one', RULE)
    for part in ('train', 'test'):
        pack(source / part)
    import_svhn(source, tmp_path / 'two', RULE)
    one, two = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob('*')
            if path.is_file()
        }
        for name in ('one', 'two')
    )
    assert one == two
    assert sorted(path.name for path in source.iterdir()) == ['test.tar.gz', 'train.tar.gz']


def test_the_split_depends_on_the_seed(source, tmp_path):
    valid = set()
    for seed in (0, 1, 2, 3):
        import_svhn(source, tmp_path / str(seed), SplitRule(0.2, seed))
        valid.add(tuple(numbers(tmp_path / str(seed), 'valid')))
    assert len(valid) > 1


def test_extra_goes_to_train_except_near_duplicates_of_held_out_photos(source, tmp_path):
    write_part(source / 'extra', ['8', '9', '15'], seed=2)
    for name, original in (('1.png', 'test/1.png'), ('2.png', 'train/3.png')):
        (source / 'extra' / name).write_bytes((source / original).read_bytes())
    import_svhn(source, tmp_path / 'without', RULE)
    held = 3 in numbers(tmp_path / 'without', 'valid')
    done = import_svhn(source, tmp_path / 'out', RULE, extra=True)
    assert done.sizes == {'train': 8 + (1 if held else 2), 'valid': 2, 'test': 2}
    assert f'extra: {2 if held else 1} × near-duplicate of a photo of valid or test, left out' in done.notes
    assert (tmp_path / 'out/train/extra_3.png').read_bytes() == (source / 'extra/3.png').read_bytes()
    assert '15' in numbers(tmp_path / 'out', 'train').values()


def test_boxes_over_the_edge_are_clipped_and_noted(source, tmp_path):
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (20, 40, 3), dtype=np.uint8)).save(source / 'test/1.png')
    boxes = [(5, -2, 4, 5, 30), (6, 50, 4, 8, 12)]
    write_digit_struct(source / 'test/digitStruct.mat', [('1.png', boxes)])
    done = import_svhn(source, tmp_path / 'out', RULE)
    assert read_annotations(tmp_path / 'out/test.json', tmp_path / 'out/test').bboxes.tolist() == [[0, 4, 3, 16]]
    assert 'test: 1 × box clipped at the edge of its photo' in done.notes
    assert 'test: 1 × box outside its photo, left out; first: 1.png' in done.notes


def test_without_test_there_is_no_test_split(source, tmp_path):
    (source / 'test').rename(tmp_path / 'elsewhere')
    done = import_svhn(source, tmp_path / 'out', RULE)
    assert 'test' not in done.sizes
    assert done.notes == ['no test.tar.gz and no test folder, so there is no test split']


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (
            lambda source: (source / 'train/4.png').unlink(),
            r'1 of 10 photos cannot be read; first: .*4\.png: no',
        ),
        (lambda source: (source / 'train/4.png').write_bytes(b'no photo'), r'first: .*4\.png: is not a photo'),
        (lambda source: (source / 'train/digitStruct.mat').unlink(), r'holds neither train\.tar\.gz nor train/digitS'),
        (lambda source: (pack(source / 'train')).write_bytes(b'x' * 99), r'train\.tar\.gz: is damaged or incomplete'),
        (
            lambda source: write_digit_struct(source / 'train/digitStruct.mat', [('../test/1.png', [(1, 1, 1, 5, 5)])]),
            'leaves the folder of the photos',
        ),
    ],
)
def test_what_is_missing_or_damaged_is_named_and_nothing_is_written(source, tmp_path, damage, message):
    damage(source)
    with pytest.raises(UserError, match=message):
        import_svhn(source, tmp_path / 'out', RULE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['svhn']


def test_an_archive_that_is_cut_off(source, tmp_path):
    archive = pack(source / 'train')
    archive.write_bytes(archive.read_bytes()[:-5000])
    with pytest.raises(UserError, match=r'train\.tar\.gz'):
        import_svhn(source, tmp_path / 'out', RULE)
    assert not (tmp_path / 'out').exists()


def test_a_fault_of_an_unpacked_file_names_the_archive(source, tmp_path):
    (source / 'train/4.png').write_bytes(b'no photo')
    pack(source / 'train')
    with pytest.raises(UserError, match=f'first: {source}/train.tar.gz: train/4.png: is not a photo'):
        import_svhn(source, tmp_path / 'out', RULE)


def test_an_output_folder_in_use_is_left_unchanged(source, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/mine').write_text('mine')
    with pytest.raises(UserError, match='out: holds something else'):
        import_svhn(source, tmp_path / 'out', RULE)
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['mine']
