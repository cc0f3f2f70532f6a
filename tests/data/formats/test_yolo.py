"""custom/data/formats/yolo.py: labels in YOLO's format."""

import os
import re
from unicodedata import normalize

import pytest

from custom.data.coco_reading import Findings
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
            'data.yaml': 'names: [ten, "5"]',
        },
    )
    (photo,) = read_yolo(tmp_path, Findings())
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
    assert [box.label for box in read_yolo(tmp_path, Findings())[0].boxes] == ['zero', '9']


def test_labels_beside_the_photos_where_no_folder_is_called_images(tmp_path):
    files(tmp_path, **{'a/1.png': '', 'a/1.txt': '0 .5 .5 .5 .5', 'classes.txt': '5', 'b/1.png': ''})
    assert [photo.boxes and photo.boxes[0].label for photo in read_yolo(tmp_path, Findings())] == ['5', None]
    files(tmp_path, **{'images/2.png': '', 'labels/2.txt': ''})
    assert [photo.path.name for photo in read_yolo(tmp_path, Findings())] == ['2.png']


def test_without_names_no_class_is_taken_for_a_digit(tmp_path):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': '3 .5 .5 .5 .5'})
    assert [box.label for box in read_yolo(tmp_path, Findings())[0].boxes] == ['class_3']


def test_splits_above_and_below_and_photos_without_labels(tmp_path):
    for path in ('images/train/1', 'images/val/1', 'test/images/1', 'images/train/2'):
        files(tmp_path, **{f'{path}.jpg': ''})
    files(tmp_path, **{'labels/train/1.txt': '', 'labels/val/1.txt': '0 .5 .5 .5 .5', 'classes.txt': '5'})
    found = {str(photo.path.relative_to(tmp_path)): photo for photo in read_yolo(tmp_path, Findings())}
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
        ('0 .1 .1 .2 .1 .9', 'line that is not'),  # of predictions, with a score
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
    (photo,) = read_yolo(tmp_path, Findings())
    ((kind, example),) = photo.faults
    assert said in kind
    assert 'labels/1.txt line 2: ' in example
    assert len(photo.boxes) == 1


def test_two_photos_of_one_stem_and_labels_that_are_no_text(tmp_path):
    files(tmp_path, **{'images/1.png': '', 'images/1.jpg': '', 'labels/1.txt': '', 'images/2.png': ''})
    (tmp_path / 'labels/2.txt').write_bytes(b'\xff\xfe0\0')
    found = {photo.path.name: photo.faults for photo in read_yolo(tmp_path, Findings())}
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
        read_yolo(tmp_path, Findings())
    assert '\n' not in str(caught.value)


LINES = {'images/1.png': '', 'labels/1.txt': '0 .5 .5 .5 .5\n3 .5 .5 .5 .5\n'}
NOTES = '{"categories": [{"id": 0, "name": "5"}, {"id": 3, "name": "7"}]}'


@pytest.mark.parametrize(
    'content',
    [
        {'classes.txt': '5\n\n6\n7\n\n'},  # a class deleted in the tool: its line is empty, the later ids stay
        {'classes.txt': '5\n\n6\n7', 'data.yaml': 'nc: 3\nnames: {0: "5", 2: 6, 3: 7}'},
        {'data.yaml': 'names: {"0": "5", "3": "7"}'},
        {'meters.yaml': '\ufeffnames: {"0": "5", "3": "7"}\n'},  # of any name, with a byte order mark
        {'notes.json': '\ufeff' + NOTES, 'hyp.yaml': 'lr: 0.01'},
        {'data/obj.names': '5\nx\ny\n7\n', 'obj.data': 'classes = 4\nnames = data/obj.names\n'},
        {'train/_darknet.labels': '5\nx\ny\n7\n'},
    ],
)
def test_names_from_every_file_that_has_them(tmp_path, content):
    files(tmp_path, **LINES, **content)
    assert [box.label for box in read_yolo(tmp_path, Findings())[0].boxes] == ['5', '7']


def test_a_class_without_a_name_is_asked_for(tmp_path):
    files(tmp_path, **LINES, **{'classes.txt': '5\n6\n7\n\n8\n'})
    assert [box.label for box in read_yolo(tmp_path, Findings())[0].boxes] == ['5', 'class_3']


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ({'classes.txt': '5\n1\n2\n6', 'data.yaml': 'names: [5, 1, 2, 7]'}, "class 3 is '6' in .* but '7' in"),
        ({'classes.txt': '5\n1\n2\n6', 'notes.json': NOTES}, "class 3 is .*; Label Studio's notes.json is right"),
        ({'obj.names': '4\n1', 'classes.txt': '5\n1'}, "class 0 is '5' in classes.txt, but '4' in obj.names"),
        ({'labels/a/classes.txt': '4\n1', 'labels/b/classes.txt': '5\n1'}, r"'4' in labels/a/cl.*'5' in labels/b/cl"),
        ({'a.yaml': 'names: [4]', 'data.yaml': 'names: [5]'}, "class 0 is '4' in a.yaml, but '5' in data.yaml"),
        ({'data.yaml': 'nc: 3\nnames: [5, 1]'}, 'nc is 3, but 2 classes have names'),
        ({'obj.names': '5\n1\n2', 'obj.data': 'classes= 10'}, 'obj.data: classes is 10, but 3 classes have names'),
        ({'data.yaml': 'names: {0: "5", "0": "4"}'}, 'key .0. is there twice'),
        ({'data.yaml': 'names: {0: "5", "00": "4"}'}, 'has a class number twice'),
        ({'data.yaml': 'names: [5]\nnames: [4]'}, "key 'names' is there twice"),
        ({'data.yaml': 'names: [5, 1, 5, 7]'}, "'5' is the name of two classes"),
        ({'notes.json': NOTES.replace('3', '0')}, 'has a category id twice'),
        ({'notes.json': '[]'}, 'notes.json: has no "categories"'),
        ({'classes.txt': '\n5\n1'}, 'begins with an empty line'),
        ({'data.yaml': 'kpt_shape: [4, 3]\nnames: [5]'}, 'its labels are poses'),
    ],
)
def test_names_that_contradict_one_another_are_refused(tmp_path, content, said):
    files(tmp_path, **LINES, **content)
    with pytest.raises(UserError, match=said):
        read_yolo(tmp_path, Findings())


@pytest.mark.parametrize(
    ('content', 'noted'),
    [
        ({'labels/2.txt': '', 'labels/9.txt': '0 .5 .5 .5 .5'}, '1 × label file without a photo'),
        ({'images/2.xyz': '', 'labels/2.txt': '0 .5 .5 .5 .5'}, r'labels/2.txt \(images/2.xyz is none of PNG, '),
        ({'README.txt': 'about 5', 'labels/sub/2.txt': '0 .5 .5 .5 .5'}, '1 × label file .*labels/sub/2.txt'),
        ({'old/2.txt': '0 .5 .5 .5 .5'}, '1 × label file without a photo, passed over; first: old/2.txt'),
        ({'more/3.png': '', 'more/3.txt': '0 .5 .5 .5 .5'}, '1 × labelled photo outside the folders .*more/3.png'),
        ({'images/IMG_3.HEIC': ''}, r'1 × file that is no photo .*IMG_3\.HEIC; convert HEIC to JPEG'),
        ({'hyp.yaml': '{{ lr }}: ['}, r'1 × yaml file that cannot be read, passed over; first: .*hyp\.yaml'),
        ({'3.png': ''}, '1 × photo outside the folders called images, passed over; first: 3.png'),
    ],
)
def test_what_is_passed_over_is_counted(tmp_path, content, noted):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': '0 .5 .5 .5 .5', 'images/2.png': '', **content})
    if 'labels/2.txt' in content and 'images/2.xyz' in content:
        (tmp_path / 'images/2.png').unlink()
    notes = Findings()
    read_yolo(tmp_path, notes)
    assert re.search(noted, notes.lines()[-1]), notes.lines()
    assert len(notes.counts) == 1 + ('images/2.xyz' in content)


def test_labels_beside_the_photos_in_a_folder_called_images(tmp_path):
    files(tmp_path, **{'images/1.png': '', 'images/1.txt': '5 .5 .5 .5 .5', 'images/2.png': ''})
    files(tmp_path, **{'images/2.txt': '6 .5 .5 .5 .5', 'labels/2.txt': '7 .5 .5 .5 .5'})
    notes = Findings()
    assert [photo.boxes[0].label for photo in read_yolo(tmp_path, notes)] == ['class_5', 'class_7']
    assert notes.lines() == ['1 × label file without a photo, passed over; first: images/2.txt']


def test_photos_of_every_format_are_taken(tmp_path):
    for i, suffix in enumerate(['tif', 'TIFF', 'gif', 'avif', 'jfif', 'jp2', 'JPG']):
        files(tmp_path, **{f'images/{i}.{suffix}': '', f'labels/{i}.txt': '5 .5 .5 .5 .5'})
    assert [len(photo.boxes) for photo in read_yolo(tmp_path, Findings())] == [1] * 7


@pytest.mark.parametrize('label', ['Labels/IMG_1.txt', 'labels/img_1.txt', 'LABELS/img_1.TXT'])
def test_label_files_of_another_case_are_taken_and_counted(tmp_path, label):
    files(tmp_path, **{'Images/IMG_1.png': '', label: '5 .5 .5 .5 .5'})
    notes = Findings()
    (photo,) = read_yolo(tmp_path, notes)
    assert len(photo.boxes) == 1
    assert notes.lines()[0].startswith('1 × label file whose name has another case')


def test_label_files_of_another_unicode_form_are_taken(tmp_path):
    files(tmp_path, **{f'images/{normalize("NFD", "zähler")}.png': '', 'labels/zähler.txt': '5 .5 .5 .5 .5'})
    assert len(read_yolo(tmp_path, Findings())[0].boxes) == 1


def test_a_label_file_is_not_taken_for_a_photo_of_another_case_if_it_has_its_own(tmp_path):
    files(tmp_path, **{'images/a.png': '', 'images/A.png': '', 'labels/a.txt': '5 .5 .5 .5 .5'})
    assert {p.path.name: p.boxes is None for p in read_yolo(tmp_path, Findings())} == {'a.png': False, 'A.png': True}


def test_folders_that_are_links_are_read_once(tmp_path):
    files(
        tmp_path, **{'mine/images/1.png': '', 'mine/labels/1.txt': '', 'disk/2.png': '', 'mine/labels/july/2.txt': ''}
    )
    (tmp_path / 'mine/images/july').symlink_to(tmp_path / 'disk')
    (tmp_path / 'mine/images/loop').symlink_to(tmp_path / 'mine')
    assert [photo.path.name for photo in read_yolo(tmp_path / 'mine', Findings())] == ['1.png', '2.png']


PARTS = {'june': 'train', 'july': 'valid', 'may': 'test'}


def parts(folder, **content):
    """Photos images/june/june.png ... with a label file each, and other files."""
    for part in PARTS:
        files(folder, **{f'images/{part}/{part}.png': '', f'labels/{part}/{part}.txt': '0 .5 .5 .5 .5'})
    files(folder, **content)


@pytest.mark.parametrize(
    'content',
    [
        {'data.yaml': 'names: [5]\npath: .\ntrain: images/june\nval: images/july\ntest: images/may'},
        {'data.yaml': 'names: [5]\ntrain: ../images/june\nval: [images\\july]\ntest: /content/mine/images/may/'},
        {'data.yaml': 'names: [5]\npath: ../mine\ntrain: [images/june]\nval: images/july/july.png\ntest: may.txt'}
        | {'may.txt': './images/may/may.png\n'},
        {'data.yaml': 'names: [5]\ntrain: a.txt\nval: lists/b.txt\ntest: c.txt', 'a.txt': 'june.png\n'}
        | {'lists/b.txt': '\ufeffC:\\mine\\images\\july\\JULY.PNG\r\n', 'c.txt': '/data/images/may/may.png 1\n'},
        {'obj.data': 'train = data/Train.txt\nvalid=data/valset.txt\ntest=data/t.txt', 'Train.txt': 'data/june.png'}
        | {'valset.txt': 'data/july.png', 't.txt': 'may.png'},
        {'autosplit_train.txt': './images/june/june.png', 'dev.txt': 'july.png', 'Test.txt': 'images/may/may.png'},
    ],
)
def test_the_split_of_data_yaml_and_of_lists(tmp_path, content):
    parts(tmp_path, **content)
    notes = Findings()
    assert {photo.path.stem: photo.split for photo in read_yolo(tmp_path, notes)} == PARTS
    assert notes.lines() == []


@pytest.mark.parametrize(
    ('folder', 'split'),
    [
        ('obj_train_data', 'train'),
        ('obj_Validation_data', 'valid'),
        ('val2017', 'valid'),
        ('valset', 'valid'),
        ('dev', 'valid'),
        ('Valid', 'valid'),
        ('test_images', 'test'),
        ('images-test', 'test'),
        ('holdout', None),
        ('trainval', None),
        ('latest', None),
    ],
)
def test_the_split_of_a_folder(tmp_path, folder, split):
    files(tmp_path, **{f'{folder}/1.png': '', f'{folder}/1.txt': '0 .5 .5 .5 .5'})
    assert read_yolo(tmp_path, Findings())[0].split == split


@pytest.mark.parametrize(
    ('text', 'splits', 'noted'),
    [
        ('train: images\nval: images', [None] * 3, '3 × photo in train and valid of the source alike'),
        ('train: images/june\nval: images/may\ntest: images/may', ['valid', 'train', None], 'valid and test of the'),
        ('train: images/june\nval: nowhere', [None, 'train', None], '1 × split without a photo here; first: .*nowhere'),
        ('train: images/june\nval: [b.txt]', [None, 'train', 'valid'], '1 × list of a split that .*first: dev.txt'),
        ('train: a.txt\nval: images/may', ['valid', 'train', None], '1 × line of a split .*gone.png .no photo'),
    ],
)
def test_splits_that_overlap_or_match_nothing_are_counted(tmp_path, text, splits, noted):
    parts(tmp_path, **{'data.yaml': f'names: [5]\n{text}', 'a.txt': 'june.png\ngone.png'})
    if 'b.txt' in text:
        files(tmp_path, **{'b.txt': 'july.png', 'dev.txt': 'june.png'})
    notes = Findings()
    found = {photo.path.stem: photo.split for photo in read_yolo(tmp_path, notes)}
    assert [found[part] for part in ('may', 'june', 'july')] == splits
    (line,) = notes.lines()
    assert re.search(noted, line), line


def test_photos_trained_on_and_held_out_are_mistakes(tmp_path):
    parts(tmp_path, **{'data.yaml': 'names: [5]\ntrain: images\nval: images/july'})
    faults = {photo.path.stem: photo.faults for photo in read_yolo(tmp_path, Findings())}
    assert faults['june'] == []
    assert faults['july'][0][0] == 'photo in two splits of the source'


def test_a_list_that_matches_nothing_is_refused(tmp_path):
    parts(tmp_path, **{'val.txt': 'x.png\n'})
    with pytest.raises(UserError, match=r'val\.txt: no line names a photo of .*first: x\.png'):
        read_yolo(tmp_path, Findings())


def test_folders_of_two_splits_are_counted(tmp_path):
    files(tmp_path, **{'test/images/train/1.png': '', 'test/labels/train/1.txt': ''})
    notes = Findings()
    assert read_yolo(tmp_path, notes)[0].split == 'train'
    assert notes.lines() == [
        '1 × photo in folders of two splits, of which the inner one counts; first: test/images/train/1.png'
    ]


def test_a_folder_that_says_another_split_than_data_yaml_is_counted(tmp_path):
    files(tmp_path, **{f'{part}/images/1.png': '' for part in ('train', 'test')})
    files(tmp_path, **{'test/labels/1.txt': '', 'data.yaml': 'names: [5]\ntrain: train/images\nval: test/images'})
    notes = Findings()
    assert [photo.split for photo in read_yolo(tmp_path, notes)] == ['valid', 'train']
    assert notes.lines()[0].startswith('1 × photo whose folder names another split, which does not count; first: test/')


@pytest.mark.parametrize(
    ('line', 'bbox'),
    [
        ('0 .1 .2 .5 .2 .5 .6 .1 .6', [0.1, 0.2, 0.4, 0.4]),  # four corners
        ('0 .3 .1 .5 .3 .3 .5 .1 .3', [0.1, 0.1, 0.4, 0.4]),  # turned by 45 degrees
        ('0 .1 .2 .5 .2 .5 .6', [0.1, 0.2, 0.4, 0.4]),
    ],
)
def test_the_upright_box_around_corners_is_taken_and_counted(tmp_path, line, bbox):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': line})
    notes = Findings()
    assert read_yolo(tmp_path, notes)[0].boxes[0].bbox == pytest.approx(bbox)
    assert notes.lines()[0].startswith('1 × polygon or turned box')


def test_a_share_over_1_by_rounding_is_no_mistake(tmp_path):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': '0 .95 .5 .1 1.000001\n0 -0.000001 .5 .5 .5\n0 1.02 1 1 1'})
    (photo,) = read_yolo(tmp_path, Findings())
    assert len(photo.boxes) == 2
    assert [example for _, example in photo.faults] == ['labels/1.txt line 3: 1.02 1 1 1']


@pytest.mark.parametrize(
    ('line', 'form'),
    [
        ('0 .1 .2 .3 .8\n0 .35 .2 .5 .8\n0 .6 .2 .9 .8', 'class x_min y_min x_max y_max'),
        ('0 .02 .1 .3 .6\n0 .35 .1 .3 .6\n0 .66 .1 .3 .6', 'class x_min y_min width height'),
    ],
)
def test_boxes_in_another_form_are_refused(tmp_path, line, form):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': line})
    with pytest.raises(UserError, match=f'the lines look like {form}'):
        read_yolo(tmp_path, Findings())


def test_true_boxes_that_fill_a_photo_or_leave_it_are_not_taken_for_another_form(tmp_path):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': '0 .5 .5 .98 .98\n0 .1 .5 .3 .5\n0 .9 .5 .3 .5'})
    assert len(read_yolo(tmp_path, Findings())[0].boxes) == 3


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('a: &a [x, x]\nnames: *a\n', 'an alias stands for a list or a mapping'),
        ('names: &a [*a]\n', 'an alias stands for a list'),
        ('names: ' + '[' * 5000, 'recursion'),
        ('? [a, b]\n: 1\nnames: ["0"]\n', 'a key is a list or a mapping'),
        (f'names: {{"{"1" * 5000}": a}}\n', 'is no YAML'),
        ('names: ["0"] #' + 'a' * 1_000_000, 'larger than 1 MB'),
    ],
)
def test_yaml_is_bounded_before_its_content_multiplies(tmp_path, text, said):
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': '0 .5 .5 .2 .2\n', 'data.yaml': text})
    with pytest.raises(UserError, match=said):
        read_yolo(tmp_path, Findings())


def test_an_alias_of_text_a_long_path_and_a_count_of_many_digits_are_read(tmp_path):
    text = f'train: &t images\nval: *t\ntest: {"a/" * 5000}\nnc: {"1" * 5000}\nnames: ["0"]\n'
    files(tmp_path, **{'images/1.png': '', 'labels/1.txt': '0 .5 .5 .2 .2\n', 'data.yaml': text})
    notes = Findings()
    assert len(read_yolo(tmp_path, notes)) == 1
    assert notes.counts['split without a photo here'] == 1


def test_label_files_that_are_no_regular_files_are_passed_over(tmp_path):
    files(tmp_path, **{f'images/{i}.png': '' for i in (1, 2, 3)}, **{'labels/1.txt': '0 .5 .5 .2 .2\n'})
    os.mkfifo(tmp_path / 'labels/2.txt')
    (tmp_path / 'labels/3.txt').mkdir()
    os.mkfifo(tmp_path / 'images/4.png')
    os.mkfifo(tmp_path / 'data.yaml')
    notes = Findings()
    photos = read_yolo(tmp_path, notes)
    assert [photo.boxes is not None for photo in photos] == [True, False, False]
    assert notes.counts['named pipe, socket, device or broken link, passed over'] == 3
    assert notes.examples['folder that is called like a file, searched as a folder'] == 'labels/3.txt'
