"""custom/data/formats/yolo.py: labels in YOLO's format."""

import pytest

from custom.data.formats.yolo import read_yolo
from custom.utils.errors import UserError


def files(folder, **content):
    for name, text in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_shares_become_corners_and_sides(tmp_path):
    files(
        tmp_path,
        **{
            'images/a b.png': '',
            'labels/a b.txt': '1 0.5 0.5 0.25 0.5\r\n\n0 0.125 0.25 0.25 0.5\n',
            'data.yaml': 'names: [ten, "5"]\ntrain: images',
        },
    )
    (photo,) = read_yolo(tmp_path)
    assert (photo.path, photo.split, photo.relative, photo.faults) == (tmp_path / 'images/a b.png', None, True, [])
    assert [box.label for box in photo.boxes] == ['5', 'ten']
    assert [box.bbox for box in photo.boxes] == [[0.375, 0.25, 0.25, 0.5], [0, 0, 0.25, 0.5]]
    assert photo.boxes[1].where == 'labels/a b.txt line 3'


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('data.yaml', 'nc: 2\nnames: {0: zero, 1: 9}'),
        ('data.yml', 'names:\n- zero\n- 9\n'),
        ('data.yaml', 'made: 2024-13-45\nnames: [zero, 9]'),  # no date
        ('classes.txt', 'zero\n9\n'),
        ('obj.names', 'zero\n9\n'),  # of CVAT
        ('labels/classes.txt', '\ufeffzero\r\n9\r\n'),  # where labelImg puts it
    ],
)
def test_names_of_the_classes(tmp_path, name, text):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': '0 .5 .5 .5 .5\n1 .5 .5 .5 .5', name: text})
    assert [box.label for box in read_yolo(tmp_path)[0].boxes] == ['zero', '9']


def test_labels_beside_the_photos_where_no_folder_is_called_images(tmp_path):
    files(tmp_path, **{'a/1.png': '', 'a/1.txt': '0 .5 .5 .5 .5', 'classes.txt': '5', 'b/1.png': ''})
    assert [photo.boxes and photo.boxes[0].label for photo in read_yolo(tmp_path)] == ['5', None]
    files(tmp_path, **{'images/2.png': '', 'labels/2.txt': ''})
    assert [photo.path.name for photo in read_yolo(tmp_path)] == ['2.png']


def test_without_names_no_class_is_taken_for_a_digit(tmp_path):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': '3 .5 .5 .5 .5'})
    assert [box.label for box in read_yolo(tmp_path)[0].boxes] == ['class_3']


def test_splits_above_and_below_and_photos_without_labels(tmp_path):
    for path in ('images/train/1', 'images/val/1', 'test/images/1', 'images/train/2'):
        files(tmp_path, **{f'{path}.jpg': ''})
    files(tmp_path, **{'labels/train/1.txt': '', 'labels/val/1.txt': '0 .5 .5 .5 .5', 'classes.txt': '5'})
    found = {str(photo.path.relative_to(tmp_path)): photo for photo in read_yolo(tmp_path)}
    assert {name: photo.split for name, photo in found.items()} == {
        'images/train/1.jpg': 'train',
        'images/train/2.jpg': 'train',
        'images/val/1.jpg': 'valid',
        'test/images/1.jpg': 'test',
    }
    assert found['images/train/1.jpg'].boxes == []  # an empty file: no digit
    assert found['images/train/2.jpg'].boxes is None  # no file: nobody has looked


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('0 .5 .5 .5', 'line that is not'),
        ('0 .1 .1 .2 .1 .2 .2', 'line that is not'),  # a polygon
        ('five .5 .5 .5 .5', 'line that is not'),
        ('1 .5 .5 .5 .5', 'class that is not in the list'),
        ('-1 .5 .5 .5 .5', 'class that is not in the list'),
        ('0.5 .5 .5 .5 .5', 'class that is not in the list'),
        ('0 12 14 8 9', 'no shares from 0 to 1'),  # pixels
        ('0 nan .5 .5 .5', 'no shares from 0 to 1'),
    ],
)
def test_a_line_that_is_wrong_is_a_fault_of_its_photo(tmp_path, line, said):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': f'0 .5 .5 .5 .5\n{line}\n', 'classes.txt': '5'})
    (photo,) = read_yolo(tmp_path)
    ((kind, example),) = photo.faults
    assert said in kind
    assert 'labels/1.txt line 2: ' in example
    assert len(photo.boxes) == 1


def test_two_photos_of_one_stem_and_labels_that_are_no_text(tmp_path):
    files(tmp_path, **{'images/1.png': '', 'images/1.jpg': '', 'labels/1.txt': '', 'images/2.png': ''})
    (tmp_path / 'labels/2.txt').write_bytes(b'\xff\xfe0\0')
    found = {photo.path.name: photo.faults for photo in read_yolo(tmp_path)}
    assert 'shares its label file' in found['1.png'][0][0] and '1.jpg and ' in found['1.png'][0][1]
    assert 'shares its label file' in found['1.jpg'][0][0]
    assert 'no text in UTF-8' in found['2.png'][0][1]


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ({'labels/1.txt': ''}, 'no photo; YOLO wants'),
        ({'1.png': ''}, r'no photo has a label file, such as .*/1\.txt$'),
        ({'images/1.png': ''}, r'no photo has a label file, such as .*labels/1\.txt$'),
        ({'images/1.png': '', 'data.yaml': 'names: ['}, r'data\.yaml: is no YAML'),
        ({'images/1.png': '', 'data.yaml': 'nc: 3'}, r'data\.yaml: has no "names'),
        ({'images/1.png': '', 'data.yaml': 'names: {a: 1}'}, r'data\.yaml: has no "names'),
        ({'images/1.png': '', 'data.yaml': '- 5'}, r'data\.yaml: has no "names'),
        ({'images/1.png': '', 'data.yaml': 'names: [[5]]'}, r'data\.yaml: has no "names'),
        ({'images/1.png': '', 'data.yaml': 'a: ' + '[' * 5000}, r'data\.yaml: is no YAML'),
    ],
)
def test_missing_files_and_names_are_one_line(tmp_path, content, said):
    files(tmp_path, **content)
    with pytest.raises(UserError, match=said) as caught:
        read_yolo(tmp_path)
    assert '\n' not in str(caught.value)
