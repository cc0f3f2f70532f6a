"""custom/data/numbers.py: photos with numbers and no boxes."""

import json

import numpy as np
import pytest
from helpers.project import coco
from PIL import Image

from custom.data.numbers import read_numbers_csv, split_numbers
from custom.data.splits import SplitRule
from custom.utils.errors import UserError


def test_a_list_keeps_leading_zeros_several_numbers_and_other_columns(tmp_path):
    path = tmp_path / 'list.csv'
    path.write_text('\ufeffwhere,file,number\nx,a.png,007\n"y, z",b.png,12; 3\n,c.png,\n', encoding='utf-8')
    photos = read_numbers_csv(path)
    assert [(photo.file, photo.numbers) for photo in photos] == [
        ('a.png', ('007',)),
        ('b.png', ('12', '3')),
        ('c.png', ()),
    ]
    assert photos[1].row == {'where': 'y, z', 'file': 'b.png', 'number': '12; 3'}


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('file,text\na.png,7\n', 'has no column number'),
        ('', 'has no column file'),
        ('file,number\n', 'lists no photo'),
        ('file,number\na.png,7\nb.png,12B\n', "line 3: number '12B': give digits only"),
        ('file,number\na.png,\u0663\n', 'line 2: number'),
        ('file,number\n../a.png,7\n', "line 2: file '../a.png': give a name inside"),
        ('file,number\na.png,7\na.png,8\n', 'line 3: a.png is there twice'),
        ('file,number\na.png\n', 'line 2: has another number of columns'),
        ('file,number\na.png,1,2\n', 'line 2: has another number of columns'),
    ],
)
def test_faults_of_a_list_name_the_line(tmp_path, text, said):
    path = tmp_path / 'list.csv'
    path.write_text(text, encoding='utf-8')
    with pytest.raises(UserError, match=r'list\.csv') as caught:
        read_numbers_csv(path)
    assert said in str(caught.value)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(UserError, match=r'gone\.csv: cannot be read .*file,number'):
        read_numbers_csv(tmp_path / 'gone.csv')


def make(folder, numbers):
    """Write photos of noise 0.png, … and the list of their numbers."""
    (folder / 'images').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(len(numbers)):
        pixels = rng.integers(0, 255, (20, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / 'images' / f'{i}.png')
    rows = [f'{i}.png,{number},note {i}' for i, number in enumerate(numbers)]
    (folder / 'labels.csv').write_text('\n'.join(['file,number,remark', *rows]))


def sides(out):
    """The names of the photos of each split; photos and list must agree."""
    found = {}
    for split in ('train', 'valid'):
        rows = read_numbers_csv(out / f'{split}.csv')
        found[split] = {row.file for row in rows}
        assert found[split] == {path.name for path in (out / split).iterdir()}
        assert all(row.row['remark'] == f'note {row.file[:-4]}' for row in rows)
    return found['train'], found['valid']


def test_one_number_is_in_one_split(tmp_path):
    make(tmp_path / 'src', ['12', '7', '12;8', '8', '9', '7', '3', '4'])
    for seed in range(4):
        out = tmp_path / str(seed)
        done = split_numbers(tmp_path / 'src/labels.csv', tmp_path / 'src/images', out, SplitRule(0.4, seed))
        train, valid = sides(out)
        assert done.sizes == {'train': len(train), 'valid': len(valid)} and len(train | valid) == 8
        for group in ({'0.png', '2.png', '3.png'}, {'1.png', '5.png'}):
            assert group <= train or group <= valid


def test_the_numbers_of_another_set_decide(tmp_path):
    root = tmp_path / 'root'
    root.mkdir()
    for split, digits in (('train', (1, 2)), ('valid', (7, 2))):
        images = [{'id': i, 'file_name': f'{i}.png', 'width': 40, 'height': 20} for i in digits]
        boxes = [{'id': i, 'image_id': i, 'category_id': i + 1, 'bbox': [5, 4, 8, 12]} for i in digits]
        (root / f'{split}.json').write_text(json.dumps(coco(images, boxes)))
    make(tmp_path / 'src', ['1', '7', '1;7', '2', '1', '5', '6', '7;6', '4'])
    done = split_numbers(tmp_path / 'src/labels.csv', tmp_path / 'src/images', tmp_path / 'out', SplitRule(0.5), root)
    train, valid = sides(tmp_path / 'out')
    # 1;7 joins the photos of 1 with those of 7 and 6, whose sides differ; 2 is on both sides of the other set
    assert {len(train), len(valid)} == {1} and train | valid == {'5.png', '8.png'}
    assert done.notes[0].startswith(f'7 × photo whose numbers are in both splits of {root}, left out; first: 0.png')


def test_numbers_that_the_other_set_lacks_are_split_at_random(tmp_path):
    root = tmp_path / 'root'
    root.mkdir()
    for split, digit in (('train', 1), ('valid', 7)):
        image = {'id': 1, 'file_name': '1.png', 'width': 40, 'height': 20}
        box = {'id': 1, 'image_id': 1, 'category_id': digit + 1, 'bbox': [5, 4, 8, 12]}
        (root / f'{split}.json').write_text(json.dumps(coco([image], [box])))
    make(tmp_path / 'src', ['1', '7', '1', '3', '4', '5', '6', '7'])
    done = split_numbers(tmp_path / 'src/labels.csv', tmp_path / 'src/images', tmp_path / 'out', SplitRule(0.5), root)
    train, valid = sides(tmp_path / 'out')
    assert {'0.png', '2.png'} <= train and {'1.png', '7.png'} <= valid
    assert done.sizes == {'train': 4, 'valid': 4}
    assert done.notes == [f'4 × photo with a number that {root} lacks, split at random by number']
