"""custom/data/summary.py, on the small data set of conftest.py."""

import json
import shutil

import pytest
from PIL import Image

from custom.data.summary import check_root, describe, near_duplicate_lines
from custom.utils.errors import UserError


def test_the_statistics_of_a_split(tiny_root):
    splits = check_root(tiny_root)
    assert list(splits) == ['train', 'valid', 'test']
    assert describe('valid', splits['valid']).splitlines()[:5] == [
        'valid: 3 photos, 6 digits',
        '  photos: width 40 to 40 px (median 40), height 20 to 20 px (median 20)',
        '  digits: width 8 to 8 px (median 8), height 12 to 12 px (median 12)',
        '  digits per photo: 2 on 100 %',
        '  each digit: 0 × 3, 1 × 1, 2 × 1, 3 × 1, 4 × 0, 5 × 0, 6 × 0, 7 × 0, 8 × 0, 9 × 0',
    ]
    assert describe('test', splits['test']).splitlines() == [
        'test: 2 photos, no labels',
        '  photos: width 40 to 40 px (median 40), height 20 to 20 px (median 20)',
    ]
    assert near_duplicate_lines(splits) == ['near-duplicates: none between train and valid and test']


def test_photos_without_a_digit_are_counted(tiny_root):
    data = json.loads((tiny_root / 'valid.json').read_text())
    data['annotations'] = data['annotations'][:3]  # two, one, none
    (tiny_root / 'valid.json').write_text(json.dumps(data))
    assert '  digits per photo: 0 on 33 %, 1 on 33 %, 2 on 33 %' in describe('valid', check_root(tiny_root)['valid'])


def test_near_duplicates_are_listed_with_an_example(tiny_root):
    Image.open(tiny_root / 'train/4.png').resize((40, 20)).save(tiny_root / 'valid/2.png')
    shutil.copy(tiny_root / 'train/4.png', tiny_root / 'test/1.png')
    assert near_duplicate_lines(check_root(tiny_root)) == [
        'near-duplicates: 1 of the 3 photos of valid; first: valid/2.png of train/4.png',
        'near-duplicates: 1 of the 2 photos of test; first: test/1.png of train/4.png',
        'near-duplicates: 1 of the 2 photos of test; first: test/1.png of valid/2.png',
    ]


def test_unlisted_photos_are_noted(tiny_root):
    Image.new('RGB', (40, 20)).save(tiny_root / 'valid/extra photo.png')
    said = describe('valid', check_root(tiny_root)['valid'])
    assert '  note: 1 × photo not in valid.json, not used; first: extra photo.png' in said


def test_what_lies_beside_the_listed_photos_is_noted_at_any_depth(tiny_root):
    (tiny_root / 'train/sub').mkdir()
    Image.new('RGB', (40, 20)).save(tiny_root / 'train/sub/9.tif')
    (tiny_root / 'train/98.heic').touch()
    said = describe('train', check_root(tiny_root)['train'])
    assert 'note: 1 × photo not in train.json, not used; first: sub/9.tif' in said
    assert 'note: 1 × file or folder that is no photo' in said
    assert 'first: 98.heic; convert HEIC to JPEG' in said


def test_photos_in_folders_need_no_photo_beside_them(tiny_root):
    data = json.loads((tiny_root / 'train.json').read_text())
    (tiny_root / 'train/sub').mkdir()
    for image in data['images']:
        (tiny_root / 'train' / image['file_name']).rename(tiny_root / 'train/sub' / image['file_name'])
        image['file_name'] = 'sub/' + image['file_name']
    (tiny_root / 'train.json').write_text(json.dumps(data))
    assert check_root(tiny_root)['train'].notes == []


def test_thin_photos_are_faults(tiny_root):
    Image.new('RGB', (2000, 2)).save(tiny_root / 'test/3.png')
    with pytest.raises(UserError, match=r'3\.png: 2000x2 pixels are too thin'):
        check_root(tiny_root)


def test_the_error_lists_the_faults_of_all_splits(tiny_root):
    data = json.loads((tiny_root / 'train.json').read_text())
    data['annotations'][0]['bbox'] = [100, 4, 8, 12]
    (tiny_root / 'train.json').write_text(json.dumps(data))
    (tiny_root / 'valid/2.png').unlink()
    (tiny_root / 'test/2.png').write_bytes((tiny_root / 'test/2.png').read_bytes()[:800])
    with pytest.raises(UserError) as caught:
        check_root(tiny_root)
    said = str(caught.value)
    assert '1 × box outside the image' in said
    assert f'1 × missing file; first: {tiny_root}/valid/2.png' in said
    assert f'{tiny_root}/test: 1 of 2 photos cannot be read; first: {tiny_root}/test/2.png: is damaged' in said


def test_test_may_have_labels(tiny_root):
    shutil.copy(tiny_root / 'valid.json', tiny_root / 'test.json')
    shutil.copytree(tiny_root / 'valid', tiny_root / 'test', dirs_exist_ok=True)
    assert describe('test', check_root(tiny_root)['test']).startswith('test: 3 photos, 6 digits')


def test_a_part_may_be_missing_but_not_all(tiny_root, tmp_path):
    shutil.rmtree(tiny_root / 'valid')
    with pytest.raises(UserError, match='missing file'):
        check_root(tiny_root)
    (tiny_root / 'valid.json').unlink()
    assert list(check_root(tiny_root)) == ['train', 'test']
    (tiny_root / 'train.json').unlink()
    with pytest.raises(UserError, match=r'train\.json: no such file'):
        check_root(tiny_root)
    shutil.rmtree(tiny_root / 'train')
    with pytest.raises(UserError, match=r'holds neither train\.json nor valid\.json'):
        check_root(tiny_root)
    with pytest.raises(UserError, match='gone: no such folder'):
        check_root(tmp_path / 'gone')


def test_crowd_boxes_are_not_counted_as_digits(tiny_root):
    for name in ('train', 'valid'):
        data = json.loads((tiny_root / f'{name}.json').read_text())
        for box in data['annotations']:
            box['iscrowd'] = 1
        (tiny_root / f'{name}.json').write_text(json.dumps(data))
    with pytest.raises(UserError, match='no split has a digit that counts; all boxes are crowd'):
        check_root(tiny_root)
    data['annotations'][0]['iscrowd'] = 0
    (tiny_root / 'valid.json').write_text(json.dumps(data))
    said = describe('valid', check_root(tiny_root)['valid'])
    assert said.startswith('valid: 3 photos, 1 digits\n')
    assert '5 × box that is crowd or to be ignored' in said


def test_what_the_reader_changes_or_doubts_is_in_the_description(tiny_root):
    data = json.loads((tiny_root / 'valid.json').read_text())
    boxes = data['annotations']
    data['annotations'] += [boxes[0] | {'id': 90}, boxes[1] | {'id': 0, 'bbox': [boxes[1]['bbox'][0] + 1, 4, 8, 12]}]
    (tiny_root / 'valid.json').write_text(json.dumps(data))
    said = describe('valid', check_root(tiny_root)['valid'])
    for kind in ('box that is there twice, taken once', 'annotation id 0', 'photo with digits that lie on one another'):
        assert f'  note: 1 × {kind}' in said
