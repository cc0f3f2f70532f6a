"""custom/data/formats/coco.py: labels in COCO's format."""

import json

import pytest
from helpers.project import coco

from custom.data.formats.coco import photo_folder, read_coco
from custom.utils.errors import UserError

IMAGE = {'id': 7, 'file_name': 'a b.png', 'width': 40, 'height': 20}
BOX = {'id': 1, 'image_id': 7, 'category_id': 3, 'bbox': [5, 4, 8, 12]}
NAMES = [{'id': 0, 'name': 'things'}, {'id': 3, 'name': 'ten'}, {'id': 4, 'name': 4}]


def write(folder, boxes=(BOX,), images=(IMAGE,), names=NAMES, photo='a b.png'):
    (folder / photo).parent.mkdir(exist_ok=True)
    (folder / photo).write_text('')
    (folder / 'labels.json').write_text(json.dumps(coco(list(images), list(boxes), names)))
    return folder / 'labels.json'


def test_boxes_of_any_category(tmp_path):
    other = {**IMAGE, 'id': 8, 'file_name': 'c.png'}
    path = write(tmp_path, [BOX, {**BOX, 'id': 2, 'category_id': 4, 'iscrowd': 1}], [IMAGE, other])
    one, two = read_coco(path)
    assert (one.path, one.size, one.split, one.relative) == (tmp_path / 'a b.png', (40, 20), None, False)
    assert [(box.label, box.bbox, box.iscrowd) for box in one.boxes] == [
        ('ten', [5, 4, 8, 12], False),
        ('4', [5, 4, 8, 12], True),
    ]
    assert one.boxes[0].where == 'a b.png, annotation 1'
    assert two.boxes == []


@pytest.mark.parametrize('folder', ['', 'images/', 'labels/'])
def test_the_folders_of_photos(tmp_path, folder):
    (photo,) = read_coco(write(tmp_path, photo=f'{folder}a b.png'))
    assert photo.path == tmp_path / folder / 'a b.png'


def test_photos_elsewhere(tmp_path):
    path = write(tmp_path, photo='far/a b.png')
    with pytest.raises(UserError, match=r'its first photo, a b\.png, is not in .*name their folder'):
        read_coco(path)
    assert read_coco(path, tmp_path / 'far')[0].path == tmp_path / 'far/a b.png'
    with pytest.raises(UserError, match='gone: no such folder'):
        read_coco(path, tmp_path / 'gone')


def test_a_photo_outside_the_folder_is_refused(tmp_path):
    (tmp_path / 'in').mkdir()
    path = write(tmp_path / 'in', images=[{**IMAGE, 'file_name': '../7.png'}], photo='../7.png')
    with pytest.raises(UserError, match='1 × file_name that leaves the folder of the photos'):
        read_coco(path)


def test_a_malformed_bbox_is_a_fault_of_its_photo(tmp_path):
    for bbox in (None, [1, 2, 3], [1, 2, 3, '4'], 'x'):
        (photo,) = read_coco(write(tmp_path, [{**BOX, 'bbox': bbox}]))
        assert photo.boxes == []
        assert photo.faults[0][0] == 'bbox that is not four numbers (xywh)'


def test_the_error_lists_all_dangling_ids(tmp_path):
    path = write(tmp_path, [{**BOX, 'image_id': 1}, {**BOX, 'category_id': 9}, {**BOX, 'category_id': 9}])
    with pytest.raises(UserError) as caught:
        read_coco(path)
    assert str(caught.value).splitlines() == [
        f'{path}: mend these first:',
        '  - 1 × annotation for no image; first: id 1',
        '  - 2 × annotation of a category that "categories" does not list; first: id 1',
    ]


def test_no_json_and_no_photo(tmp_path):
    with pytest.raises(UserError, match='no such file'):
        read_coco(tmp_path / 'x.json')
    (tmp_path / 'x.json').write_text('{"images": 3}')
    with pytest.raises(UserError, match='is no COCO json'):
        read_coco(tmp_path / 'x.json')
    with pytest.raises(UserError, match='"images" is empty'):
        photo_folder(tmp_path / 'x.json', [])
