"""custom/data/formats/coco.py: labels in COCO's format."""

import json

import pytest
from helpers.project import coco

from custom.data.coco_reading import RENAMED, Findings
from custom.data.formats import coco as coco_format
from custom.data.formats.coco import photo_folder
from custom.utils.errors import UserError

IMAGE = {'id': 7, 'file_name': 'a b.png', 'width': 40, 'height': 20}
BOX = {'id': 1, 'image_id': 7, 'category_id': 3, 'bbox': [5, 4, 8, 12]}
NAMES = [{'id': 0, 'name': 'things'}, {'id': 3, 'name': 'ten'}, {'id': 4, 'name': 4}]


def read_coco(source, images=None, notes=None):
    return coco_format.read_coco(source, images, Findings() if notes is None else notes)


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
    assert [(box.label, box.bbox, box.marks) for box in one.boxes] == [
        ('ten', [5, 4, 8, 12], {}),
        ('4', [5, 4, 8, 12], {'iscrowd': 1}),
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
    with pytest.raises(UserError, match=r'its first photo, \.\./7\.png, is not in'):
        read_coco(path)
    (photo,) = read_coco(path, tmp_path / 'in')
    assert photo.path == tmp_path / 'in/7.png'


def test_the_error_lists_all_dangling_ids(tmp_path):
    path = write(tmp_path, [{**BOX, 'image_id': 1}, {**BOX, 'category_id': 9}, {**BOX, 'category_id': 9}])
    with pytest.raises(UserError) as caught:
        read_coco(path)
    assert str(caught.value).splitlines() == [
        f'{path}: mend these first:',
        '  - 1 × annotation for no image; first: annotation 1 (image 1)',
        '  - 2 × annotation of a category that "categories" does not list; first: annotation 1 (image 7): 9',
    ]


def test_no_json_and_no_photo(tmp_path):
    with pytest.raises(UserError, match='no such file'):
        read_coco(tmp_path / 'x.json')
    (tmp_path / 'x.json').write_text('{"images": 3}')
    with pytest.raises(UserError, match='is no COCO json'):
        read_coco(tmp_path / 'x.json')
    with pytest.raises(UserError, match='"images" is empty'):
        photo_folder(tmp_path / 'x.json', [])


def test_a_category_id_with_two_names_is_refused_with_both(tmp_path):
    path = write(tmp_path, names=[*NAMES, {'id': 3, 'name': '1'}])
    with pytest.raises(UserError, match="1 × duplicate category id; first: 3 is 'ten' and '1'"):
        read_coco(path)
    assert read_coco(write(tmp_path, names=[*NAMES, {'id': 3.0, 'name': 'ten'}]))[0].boxes[0].label == 'ten'


@pytest.mark.parametrize(
    'name',
    [
        'images\\a b.png',
        'C:\\Users\\me\\images\\a b.png',
        '/label-studio/data/media/upload/1/a b.png',
        '../../media/upload/1/0a1b2c3d-a b.png',
        '/data/local-files/?d=fotos%2Fa%20b.png',
        'https://s3.example.com/bucket/a%20b.png?X-Amz-Expires=9',
        'A B.PNG',
    ],
)
def test_names_of_other_tools_and_computers_are_found_and_noted(tmp_path, name):
    path = write(tmp_path, images=[{**IMAGE, 'file_name': name}], photo='images/a b.png')
    for images in (None, tmp_path / 'images'):
        notes = Findings()
        (photo,) = read_coco(path, images, notes)
        assert photo.path == tmp_path / 'images/a b.png'
        assert notes.counts == {RENAMED: 1}


def test_two_names_of_one_file_are_refused(tmp_path):
    path = write(tmp_path, images=[IMAGE, {**IMAGE, 'id': 8, 'file_name': 'other/a b.png'}])
    with pytest.raises(UserError, match=r'a b\.png: two names in .*labels\.json mean this file; mend one'):
        read_coco(path)


def test_of_several_annotations_of_a_photo_the_newest_one_of_label_studio_is_taken(tmp_path):
    boxes = [BOX, {**BOX, 'id': 2, 'image_id': 8, 'category_id': 4}]
    path = write(tmp_path, boxes, [IMAGE, {**IMAGE, 'id': 8}])
    example = "a b.png: 'ten' and then '4'"
    assert read_coco(path)[0].faults == [('photo that is listed more than once with different labels', example)]
    path.write_text(json.dumps(json.loads(path.read_text()) | {'info': {'contributor': 'Label Studio'}}))
    notes = Findings()
    (photo,) = read_coco(path, None, notes)
    assert [box.label for box in photo.boxes] == ['ten']
    kind = 'photo with several annotations that differ, of which the newest, the first, is taken'
    assert notes.lines() == [f'1 × {kind}; first: {example}']


def test_a_photo_listed_twice_with_the_same_labels_is_taken_once(tmp_path):
    path = write(tmp_path, [BOX, {**BOX, 'id': 2, 'image_id': 8}], [IMAGE, {**IMAGE, 'id': 8}])
    notes = Findings()
    (photo,) = read_coco(path, None, notes)
    assert (len(photo.boxes), photo.faults) == (1, [])
    assert notes.lines() == ['1 × photo that is listed more than once with the same labels, taken once; first: a b.png']


SPLITS = ('train', 'valid', 'test')
TWO = (('train', 'train'), ('val', 'valid'))
LAYOUTS = {
    'roboflow': [(f'{split}/_annotations.coco.json', f'{split}/7.png', split) for split in SPLITS],
    'coco': [(f'annotations/instances_{name}2017.json', f'{name}2017/7.png', split) for name, split in TWO],
    'datumaro': [(f'annotations/instances_{split}.json', f'images/{split}/7.png', split) for split in SPLITS],
    'names': [(f'{name}.json', f'{name}/7.png', split) for name, split in TWO],
    'cvat': [('annotations/instances_default.json', 'images/7.png', None)],
    'label studio': [('result.json', 'images/7.png', None)],
    'fiftyone': [('labels.json', 'data/7.png', None)],
}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_the_jsons_of_a_folder_keep_their_splits(tmp_path, layout):
    for name, photo, _ in LAYOUTS[layout]:
        for path, text in ((photo, ''), (name, json.dumps(coco([{**IMAGE, 'file_name': '7.png'}], [BOX], NAMES)))):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
    photos = {photo.path: photo for photo in read_coco(tmp_path)}
    assert {str(path.relative_to(tmp_path)): photos[path].split for path in photos} == {
        photo: split for _, photo, split in LAYOUTS[layout]
    }
    assert all(len(photo.boxes) == 1 for photo in photos.values())


@pytest.mark.parametrize(
    ('names', 'splits'),
    [
        (['train/1.png', 'images\\val2017\\2.png'], ['train', 'valid']),
        (['test/1.png', 'test/2.png'], [None, None]),
        (['a/1.png', 'b/2.png'], [None, None]),
    ],
)
def test_folders_in_the_names_of_photos_are_splits(tmp_path, names, splits):
    images = [{**IMAGE, 'id': i, 'file_name': name} for i, name in enumerate(names)]
    for name in names:
        path = write(tmp_path, [{**BOX, 'image_id': 0}], images, photo='a b.png')
        (tmp_path / name.replace('\\', '/')).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name.replace('\\', '/')).write_text('')
    assert [photo.split for photo in read_coco(path)] == splits


def test_a_json_of_one_split_names_the_others(tmp_path):
    for split in ('train', 'valid'):
        (tmp_path / split).mkdir()
        (tmp_path / split / 'a b.png').write_text('')
        (tmp_path / split / 'x.json').write_text(json.dumps(coco([IMAGE], [BOX], NAMES)))
    notes = Findings()
    read_coco(tmp_path / 'train/x.json', None, notes)
    assert notes.lines()[0].startswith('1 × json of another split, not imported; --src FOLDER takes all')
    assert str(tmp_path / 'valid/x.json') in notes.lines()[0]


def test_a_data_set_written_inside_the_source_is_passed_over(tmp_path):
    for split in ('train', 'valid'):
        (tmp_path / split).mkdir()
        write(tmp_path / split)
        (tmp_path / 'out' / split).mkdir(parents=True)
        write(tmp_path / 'out' / split).rename(tmp_path / f'out/{split}.json')
    notes = Findings()
    assert [photo.split for photo in read_coco(tmp_path, None, notes)] == ['train', 'valid']
    assert notes.counts == {'json of a data set inside the folder, passed over': 2}


def test_what_lies_beside_the_jsons_is_counted(tmp_path):
    write(tmp_path)
    (tmp_path / 'notes.json').write_text('{"categories": []}')
    (tmp_path / 'c.tif').write_text('')
    notes = Findings()
    assert len(read_coco(tmp_path, None, notes)) == 1
    assert notes.lines() == [
        f'1 × json that has no list of images, passed over; first: {tmp_path}/notes.json',
        f'1 × photo that no json lists, not imported; first: {tmp_path}/c.tif',
    ]
    (tmp_path / 'copy.json').write_text((tmp_path / 'labels.json').read_text())
    with pytest.raises(UserError, match=r'a b\.png: is in .*copy\.json and .*labels\.json; give one of them'):
        read_coco(tmp_path)


def test_a_test_split_without_annotations_is_not_labelled(tmp_path):
    for split in ('train', 'test'):
        (tmp_path / split).mkdir()
        write(tmp_path / split, [BOX] if split == 'train' else [])
    boxes = {photo.split: photo.boxes for photo in read_coco(tmp_path)}
    assert boxes['test'] is None and len(boxes['train']) == 1


def test_fields_and_numbers_become_groups(tmp_path):
    images = [{**IMAGE, 'source': 'a'}, {**IMAGE, 'id': 8, 'file_name': 'c.png'}]
    path = write(tmp_path, [{**BOX, 'bbox': [20, 4, 8, 12]}, {**BOX, 'id': 2, 'category_id': 4}], images)
    notes = Findings()
    one, two = coco_format.read_coco(path, None, notes, ['source', 'number'])
    assert (one.groups, two.groups) == ({'source': "'a'", 'number': "'4 ten'"}, {'number': "''"})
    assert notes.lines() == ["1 × photo without the field 'source' of --group-by, a group of its own; first: c.png"]
    with pytest.raises(UserError, match=r"no image has the field 'sauce' of --group-by; give number or .*source"):
        coco_format.read_coco(path, None, Findings(), ['sauce'])
