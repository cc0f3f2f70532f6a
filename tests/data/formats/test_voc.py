"""custom/data/formats/voc.py: labels in Pascal VOC's format."""

from unicodedata import normalize

import pytest

from custom.data.coco_reading import Findings
from custom.data.formats.voc import read_voc
from custom.utils.errors import UserError

SIZE = '<size><width>40</width><height>20</height><depth>3</depth></size>'


def thing(name, *corners):
    named = zip(('xmin', 'ymin', 'xmax', 'ymax'), corners, strict=False)
    sides = ''.join(f'<{key}>{value}</{key}>' for key, value in named)
    return f'<object><name>{name}</name><difficult>1</difficult><bndbox>{sides}</bndbox></object>'


def xml(*things, filename='', size=SIZE):
    return f'<annotation><filename>{filename}</filename>{size}{"".join(things)}</annotation>'


def files(folder, **content):
    for name, text in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_boxes_names_and_size(tmp_path):
    text = xml(thing(' ten ', 5, 4, 13, 16), thing('é', 20.5, 4, 28, 16))
    files(tmp_path, **{'Annotations/1.xml': text, 'JPEGImages/1.jpg': ''})
    (photo,) = read_voc(tmp_path, Findings())
    assert (photo.path, photo.split, photo.size) == (tmp_path / 'JPEGImages/1.jpg', None, (40, 20))
    assert not photo.relative and not photo.faults
    assert [(box.label, box.bbox) for box in photo.boxes] == [('ten', [5, 4, 8, 12]), ('é', [20.5, 4, 7.5, 12])]
    assert photo.boxes[1].where == 'Annotations/1.xml object 2'


@pytest.mark.parametrize('size', ['', SIZE.replace('40', '0'), SIZE.replace('40', 'inf')])
def test_a_missing_size_is_not_compared(tmp_path, size):
    files(tmp_path, **{'1.xml': xml(size=size), '1.png': ''})
    (photo,) = read_voc(tmp_path, Findings())
    assert photo.size is None and photo.boxes == []


@pytest.mark.parametrize('folder', ['JPEGImages/', 'images/', 'Annotations/'])
def test_the_folders_of_photos(tmp_path, folder):
    files(tmp_path, **{'Annotations/1.xml': xml(), f'{folder}1.png': ''})
    assert read_voc(tmp_path, Findings())[0].boxes == []


def test_the_name_in_the_file_counts_more_than_the_stem(tmp_path):
    files(
        tmp_path,
        **{
            'Annotations/a.xml': xml(thing('5', 1, 2, 3, 4), filename='C:\\photos\\b.png'),
            'Annotations/b.xml': xml(filename='renamed since.png'),
            'images/b.png': '',
            'images/b.jpg': '',
        },
    )
    with pytest.raises(UserError, match=r'1 of 2 xml files .*first: .*b\.xml \(renamed since\.png; 2 there\)'):
        read_voc(tmp_path, Findings())
    (tmp_path / 'Annotations/b.xml').unlink()
    found = {photo.path.name: photo.boxes for photo in read_voc(tmp_path, Findings())}
    assert len(found['b.png']) == 1
    assert found['b.jpg'] is None


def test_splits(tmp_path):
    for name in '123':
        files(tmp_path, **{f'Annotations/{name}.xml': xml(), f'JPEGImages/{name}.jpg': ''})
    files(tmp_path, **{'test/4.png': '', 'ImageSets/Main/train.txt': '1\n', 'ImageSets/Main/val.txt': '2\n\n'})
    found = {photo.path.name: (photo.split, photo.boxes) for photo in read_voc(tmp_path, Findings())}
    assert found == {'1.jpg': ('train', []), '2.jpg': ('valid', []), '3.jpg': (None, []), '4.png': ('test', None)}


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('<annotation><object>', 'unreadable xml file'),
        ('', 'unreadable xml file'),
        (xml(thing('5', 1, 2, 3)), 'object without a name or bndbox'),
        (xml(thing('', 1, 2, 3, 4)), 'object without a name or bndbox'),
        (xml(thing('5', 1, 2, 'x', 4)), 'object without a name or bndbox'),
    ],
)
def test_a_file_that_is_wrong_is_a_fault_of_its_photo(tmp_path, text, said):
    files(tmp_path, **{'Annotations/1.xml': text, 'images/1.png': ''})
    (photo,) = read_voc(tmp_path, Findings())
    assert [said in kind and '1.xml' in example for kind, example in photo.faults] == [True]


@pytest.mark.parametrize(
    ('said', 'used'), [('gb2312', 'gb2312'), ('GBK', 'gbk'), ('ISO-8859-1', 'latin-1'), ('utf-16', 'utf-16')]
)
def test_a_file_in_the_encoding_that_it_names(tmp_path, said, used):
    label = 'é' if used == 'latin-1' else '五'
    files(tmp_path, **{'Annotations/1.xml': '', 'images/1.png': ''})
    text = f'<?xml version="1.0" encoding="{said}"?>\n{xml(thing(label, 1, 2, 3, 4))}'
    (tmp_path / 'Annotations/1.xml').write_bytes(text.encode(used))
    (photo,) = read_voc(tmp_path, Findings())
    assert (photo.faults, [box.label for box in photo.boxes]) == ([], [label])


@pytest.mark.parametrize('said', ['no-such', 'hex', 'gb2312'])
def test_an_encoding_that_does_not_fit_is_a_fault_of_the_photo(tmp_path, said):
    text = f'<?xml version="1.0" encoding="{said}"?>\n{xml(thing("五", 1, 2, 3, 4))}'
    files(tmp_path, **{'Annotations/1.xml': text, 'images/1.png': ''})
    (photo,) = read_voc(tmp_path, Findings())
    assert [kind for kind, _ in photo.faults] == ['unreadable xml file']


def test_a_photo_with_two_files_is_a_fault(tmp_path):
    files(tmp_path, **{'Annotations/1.xml': xml(), 'Annotations/2.xml': xml(filename='1.png'), 'images/1.png': ''})
    (photo,) = read_voc(tmp_path, Findings())
    assert photo.faults == [('photo with two xml files', f'{tmp_path}/Annotations/2.xml')]


def test_missing_files_are_named(tmp_path):
    with pytest.raises(UserError, match='no xml file; VOC wants'):
        read_voc(tmp_path, Findings())
    files(tmp_path, **{'Annotations/1.xml': xml()})
    with pytest.raises(UserError, match=r'1\.xml \(no filename; none there\); put the photos there'):
        read_voc(tmp_path, Findings())


def notes_of(folder):
    notes = Findings()
    read_voc(folder, notes)
    return notes.lines()


def test_a_file_name_that_is_another_photo_is_a_mistake(tmp_path):
    for own, said in (('a', 'b'), ('b', 'a'), ('c', 'c')):
        files(tmp_path, **{f'{own}.png': '', f'{own}.xml': xml(thing('5', 1, 2, 3, 4), filename=f'{said}.png')})
    faults = {photo.path.name: photo.faults for photo in read_voc(tmp_path, Findings())}
    assert 'whose <filename> is another photo' in faults['a.png'][0][0]
    assert faults['a.png'][0][1] == 'a.xml: b.png, not a.png'
    assert (len(faults['b.png']), faults['c.png']) == (1, [])


def test_a_file_name_that_is_not_there_is_counted(tmp_path):
    files(tmp_path, **{'a.png': '', 'a.xml': xml(filename='old.png'), 'b.png': '', 'b.xml': xml(filename='B')})
    (line,) = notes_of(tmp_path)
    assert line == (
        '1 × xml file whose <filename> is not there, taken for the photo of its own name; '
        'first: a.xml: old.png, not a.png'
    )


@pytest.mark.parametrize('name', ['/home/x/A.PNG', 'C:\\x\\a.png', 'a', 'a.jpg', 'ü.png', normalize('NFD', 'ü.png')])
def test_names_written_in_another_way_are_the_same(tmp_path, name):
    stem = normalize('NFC' if 'NFD' in name else 'NFD', 'ü') if normalize('NFC', name)[0] == 'ü' else 'a'
    files(tmp_path, **{f'annotations/{stem}.xml': '\ufeff' + xml(filename=name), f'Images/{stem}.png': ''})
    files(tmp_path, **{f'JPEGimages/{stem}.png': ''})
    (tmp_path / f'Images/{stem}.png').unlink()
    (photo,) = read_voc(tmp_path, Findings())
    assert (photo.boxes, photo.faults, notes_of(tmp_path)) == ([], [], [])


SPLIT_LISTS = [
    {'ImageSets/Main/train.txt': 'a.jpg\n', 'ImageSets/Main/val.txt': 'b.jpg', 'ImageSets/Main/test.txt': 'c.jpg'},
    {'ImageSets/Main/train.txt': 'a  1\n', 'ImageSets/Main/val.txt': 'b -1', 'ImageSets/Main/test.txt': 'c 0'},
    {
        'imagesets/main/Train.txt': 'JPEGImages/a.jpg',
        'imagesets/main/Validation.txt': 'B',
        'imagesets/main/TEST.txt': 'c',
    },
    {'ImageSets/Main/5_train.txt': 'a  1', 'ImageSets/Main/5_val.txt': 'b -1', 'ImageSets/Main/5_test.txt': 'c  1'},
    {'train.txt': 'JPEGImages/a.jpg Annotations/a.xml', 'valid.txt': './JPEGImages/b.jpg x', 'test.txt': 'x\\c.xml'},
    {'ImageSets/Main/train.txt': 'a', 'ImageSets/Main/val.txt': 'b', 'ImageSets/Main/test.txt': 'c'}
    | {'ImageSets/Main/trainval.txt': 'a\nb', 'ImageSets/Segmentation/train.txt': 'b'},
]


@pytest.mark.parametrize(
    ('root', 'lists'),
    [('', lists) for lists in SPLIT_LISTS]
    + [('VOCdevkit/VOC2012/', lists) for lists in SPLIT_LISTS if 'train.txt' not in lists],
)
def test_the_split_of_the_lists_in_every_form(tmp_path, lists, root):
    for name in 'abc':
        files(tmp_path, **{f'{root}Annotations/{name}.xml': xml(), f'{root}JPEGImages/{name}.jpg': ''})
    files(tmp_path, **{f'{root}{name}': text for name, text in lists.items()})
    notes = Findings()
    found = {photo.path.stem: photo.split for photo in read_voc(tmp_path, notes)}
    assert (found, notes.lines()) == ({'a': 'train', 'b': 'valid', 'c': 'test'}, [])


def test_masks_of_the_same_names_are_not_meant_by_a_list(tmp_path):
    files(tmp_path, **{'Annotations/a.xml': xml(), 'JPEGImages/a.jpg': '', 'SegmentationClass/a.png': ''})
    files(tmp_path, **{'ImageSets/Main/val.txt': 'a'})
    assert [(photo.split, photo.boxes) for photo in read_voc(tmp_path, Findings())] == [('valid', []), (None, None)]


def test_lists_that_match_nothing_or_in_part_or_name_no_split(tmp_path):
    files(tmp_path, **{'Annotations/a.xml': xml(), 'JPEGImages/a.jpg': '', 'ImageSets/Main/trainval.txt': 'a'})
    assert 'list of photos that names no split, passed over; first: ImageSets/Main/trainval' in notes_of(tmp_path)[0]
    files(tmp_path, **{'ImageSets/Main/train.txt': 'a\nb\nc\n'})
    assert '2 × line of a split that names no photo, or several; first: ' in notes_of(tmp_path)[0]
    files(tmp_path, **{'ImageSets/Main/val.txt': 'b\n'})
    with pytest.raises(UserError, match=r'val\.txt: no line names a photo of .*first: b; mend'):
        read_voc(tmp_path, Findings())


def test_swapped_corners_are_a_mistake_and_many_of_them_are_another_form(tmp_path):
    things = [thing('5', 1, 2, 3, 4) for _ in range(10)]
    files(tmp_path, **{'a.png': '', 'a.xml': xml(*things), 'b.png': '', 'b.xml': xml(thing('5', 9, 2, 3, 4))})
    faults = {photo.path.name: photo.faults for photo in read_voc(tmp_path, Findings())}
    assert faults == {
        'a.png': [],
        'b.png': [('box with xmin above xmax or ymin above ymax', 'b.xml object 1: 9 2 3 4')],
    }
    files(tmp_path, **{'b.xml': xml(thing('5', 9, 2, 3, 4), thing('6', 2, 20, 9, 9))})
    with pytest.raises(UserError, match=r'2 × box with xmin above xmax .* of 12 boxes in all; .* not x, y, width and'):
        read_voc(tmp_path, Findings())


def test_turned_boxes(tmp_path):
    turned = '<robndbox><cx>9</cx><cy>9</cy><w>4</w><h>8</h><angle>1.57</angle></robndbox>'
    rotation = '<attributes><attribute><name>rotation</name><value>90.0</value></attribute></attributes>'
    upright = rotation.replace('90.0', '0.0')
    objects = [
        thing('5', 10, 10, 14, 18).replace('</object>', f'{more}</object>') for more in (rotation, turned, upright)
    ]
    files(tmp_path, **{'a.png': '', 'a.xml': xml(*objects)})
    notes = Findings()
    (photo,) = read_voc(tmp_path, notes)
    assert [box.bbox for box in photo.boxes] == [pytest.approx([8, 12, 8, 4]), [10, 10, 4, 8], [10, 10, 4, 8]]
    assert notes.lines() == ['2 × turned box, of which the upright box around it is taken; first: a.xml object 1']
    files(tmp_path, **{'a.xml': xml(f'<object><name>5</name>{turned}</object>')})
    assert 'turned box (robndbox) without' in read_voc(tmp_path, Findings())[0].faults[0][0]


def test_supervision_counts_the_left_and_upper_edge_from_1(tmp_path):
    source = '<folder>VOC</folder><source><database>roboflow.ai</database></source><size>'
    files(tmp_path, **{'a.png': '', 'a.xml': xml(thing('5', 11, 6, 20, 15)).replace('<size>', source)})
    notes = Findings()
    assert read_voc(tmp_path, notes)[0].boxes[0].bbox == [10, 5, 10, 10]
    assert 'supervision, whose xmin and ymin count from 1' in notes.lines()[0]
