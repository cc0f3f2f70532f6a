"""Datasets of digits, and their checks shared among ranks."""

import json

import pytest
from helpers.forked_ranks import run_ranks
from mmdet.registry import DATASETS

import custom.register  # noqa: F401 - registers the datasets
from custom.utils.errors import UserError


def build(root, split, **extra):
    cfg = {'type': 'DigitDataset', 'ann_file': f'{split}.json'} if split != 'test' else {'type': 'DigitFolder'}
    return DATASETS.build({**cfg, 'data_root': str(root), 'data_prefix': {'img': f'{split}/'}, **extra})


def test_photos_come_with_xyxy_boxes_and_the_digit_as_label(tiny_root):
    dataset = build(tiny_root, 'train')
    assert len(dataset) == 6
    assert dataset.metainfo['classes'] == tuple('0123456789')
    info = dataset.get_data_info(2)  # photo 3 shows a 3 and a 0
    assert info['img_id'] == 3
    assert info['img_path'].endswith('train/3.png')
    assert (info['width'], info['height']) == (40, 20)
    assert info['instances'] == [
        {'bbox': [5.0, 4.0, 13.0, 16.0], 'bbox_label': 3, 'ignore_flag': 0},
        {'bbox': [20.0, 4.0, 28.0, 16.0], 'bbox_label': 0, 'ignore_flag': 0},
    ]


def test_nothing_is_dropped_for_being_small_or_for_lacking_boxes(tiny_root):
    path = tiny_root / 'train.json'
    data = json.loads(path.read_text())
    data['annotations'] = [box for box in data['annotations'] if box['image_id'] != 4]
    path.write_text(json.dumps(data))
    assert [build(tiny_root, 'train').get_data_info(i)['img_id'] for i in range(6)] == [1, 2, 3, 4, 5, 6]


def test_all_mistakes_are_listed_before_training(tiny_root):
    path = tiny_root / 'train.json'
    data = json.loads(path.read_text())
    data['annotations'][0]['bbox'] = [100, 4, 8, 12]
    data['annotations'][3]['category_id'] = 99
    path.write_text(json.dumps(data))
    (tiny_root / 'train' / '5.png').unlink()
    with pytest.raises(UserError, match='mend 3 mistakes') as error:
        build(tiny_root, 'train')
    for said in ('box outside the image', 'does not list', r'train/5.png'):
        assert said in str(error.value)


def test_clipped_boxes_are_logged(tiny_root, monkeypatch):
    said = []
    monkeypatch.setattr('custom.datasets.digit_dataset.print_log', lambda message, *_: said.append(message))
    path = tiny_root / 'train.json'
    data = json.loads(path.read_text())
    data['annotations'][0]['bbox'] = [5, 10, 8, 12]  # two rows below the photo's edge
    path.write_text(json.dumps(data))
    dataset = build(tiny_root, 'train')
    assert dataset.get_data_info(0)['instances'][0]['bbox'] == [5, 10, 13, 20]
    assert len(said) == 1
    assert 'train.json: 1 × box clipped at the edge of its photo' in said[0]


def test_a_folder_has_images_without_instances(tiny_root):
    dataset = build(tiny_root, 'test')
    assert [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))] == [1, 2]
    assert 'instances' not in dataset.get_data_info(0)


def test_a_file_that_is_no_photo_is_refused_in_a_folder(tiny_root):
    (tiny_root / 'test' / '3.png').write_text('no photo')
    with pytest.raises(UserError, match=r'3\.png: is not a photo'):
        build(tiny_root, 'test')


SCRIPT = """
import sys
import torch.distributed as dist
from mmdet.registry import DATASETS
from custom.commands.parser import run_tool
from custom.data import coco_reading
from custom.datasets import digit_dataset
seen = []
coco_reading.read_photo = lambda path, read=coco_reading.read_photo: seen.append(path.name) or read(path)
size = digit_dataset.photo_size
digit_dataset.photo_size = lambda path: seen.append(path.rpartition('/')[2]) or size(path)
def main():
    dist.init_process_group('gloo')
    split, cfg = sys.argv[1], {'data_root': '.', 'data_prefix': {'img': f'{sys.argv[1]}/'}}
    cfg |= {'type': 'DigitFolder'} if split == 'test' else {'type': 'DigitDataset', 'ann_file': f'{split}.json'}
    photos = DATASETS.build(cfg)
    print(*sorted(seen), 'of', *(photos.get_data_info(i)['width'] for i in range(len(photos))))
run_tool(main)
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ('split', 'seen'),
    [
        ('train', ['1.png 4.png', '2.png 5.png', '3.png 6.png']),
        ('test', ['1.png', '2.png', '']),  # fewer photos than ranks
    ],
)
def test_ranks_share_the_checks_and_all_get_the_results(tiny_root, split, seen):
    (tiny_root / 'script.py').write_text(SCRIPT)
    done = run_ranks(3, tiny_root / 'script.py', split, cwd=tiny_root)
    assert done.codes == [0, 0, 0], done.err
    widths = ' of' + ' 40' * (6 if split == 'train' else 2)
    assert [line.strip() for line in done.out] == [(own + widths).strip() for own in seen]

    broken = tiny_root / split / '2.png'  # of the second rank
    broken.write_text('no photo')
    done = run_ranks(3, tiny_root / 'script.py', split, cwd=tiny_root)
    assert (done.codes, done.out) == ([2, 2, 2], [''] * 3)
    assert ''.join(done.err).count('error: ') == 1
    assert f'{split}/2.png: is not a photo' in ''.join(done.err)


def test_the_real_data_set_loads_without_mistakes(shared_data):
    for split, photos, boxes in (('train', 200, 436), ('valid', 56, 118)):
        dataset = build(shared_data / 'nycu-mini', split)
        assert len(dataset) == photos
        assert sum(len(dataset.get_data_info(i)['instances']) for i in range(photos)) == boxes
    assert len(build(shared_data / 'nycu-mini', 'test')) == 64
