"""custom/data/formats/voc.py: labels in Pascal VOC's format."""

import pytest

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
    (photo,) = read_voc(tmp_path)
    assert (photo.path, photo.split, photo.size) == (tmp_path / 'JPEGImages/1.jpg', None, (40, 20))
    assert not photo.relative and not photo.faults
    assert [(box.label, box.bbox) for box in photo.boxes] == [('ten', [5, 4, 8, 12]), ('é', [20.5, 4, 7.5, 12])]
    assert photo.boxes[1].where == 'Annotations/1.xml object 2'


@pytest.mark.parametrize('size', ['', SIZE.replace('40', '0'), SIZE.replace('40', 'inf')])
def test_a_missing_size_is_not_compared(tmp_path, size):
    files(tmp_path, **{'1.xml': xml(size=size), '1.png': ''})
    (photo,) = read_voc(tmp_path)
    assert photo.size is None and photo.boxes == []


@pytest.mark.parametrize('folder', ['JPEGImages/', 'images/', 'Annotations/'])
def test_the_folders_of_photos(tmp_path, folder):
    files(tmp_path, **{'Annotations/1.xml': xml(), f'{folder}1.png': ''})
    assert read_voc(tmp_path)[0].boxes == []


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
        read_voc(tmp_path)
    (tmp_path / 'Annotations/b.xml').unlink()
    found = {photo.path.name: photo.boxes for photo in read_voc(tmp_path)}
    assert len(found['b.png']) == 1
    assert found['b.jpg'] is None


def test_splits(tmp_path):
    for name in '123':
        files(tmp_path, **{f'Annotations/{name}.xml': xml(), f'JPEGImages/{name}.jpg': ''})
    files(tmp_path, **{'test/4.png': '', 'ImageSets/Main/train.txt': '1\n', 'ImageSets/Main/val.txt': '2\n\n'})
    found = {photo.path.name: (photo.split, photo.boxes) for photo in read_voc(tmp_path)}
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
    (photo,) = read_voc(tmp_path)
    assert [said in kind and '1.xml' in example for kind, example in photo.faults] == [True]


@pytest.mark.parametrize(
    ('said', 'used'), [('gb2312', 'gb2312'), ('GBK', 'gbk'), ('ISO-8859-1', 'latin-1'), ('utf-16', 'utf-16')]
)
def test_a_file_in_the_encoding_that_it_names(tmp_path, said, used):
    label = 'é' if used == 'latin-1' else '五'
    files(tmp_path, **{'Annotations/1.xml': '', 'images/1.png': ''})
    text = f'<?xml version="1.0" encoding="{said}"?>\n{xml(thing(label, 1, 2, 3, 4))}'
    (tmp_path / 'Annotations/1.xml').write_bytes(text.encode(used))
    (photo,) = read_voc(tmp_path)
    assert (photo.faults, [box.label for box in photo.boxes]) == ([], [label])


@pytest.mark.parametrize('said', ['no-such', 'hex', 'gb2312'])
def test_an_encoding_that_does_not_fit_is_a_fault_of_the_photo(tmp_path, said):
    text = f'<?xml version="1.0" encoding="{said}"?>\n{xml(thing("五", 1, 2, 3, 4))}'
    files(tmp_path, **{'Annotations/1.xml': text, 'images/1.png': ''})
    (photo,) = read_voc(tmp_path)
    assert [kind for kind, _ in photo.faults] == ['unreadable xml file']


def test_a_photo_with_two_files_is_a_fault(tmp_path):
    files(tmp_path, **{'Annotations/1.xml': xml(), 'Annotations/2.xml': xml(filename='1.png'), 'images/1.png': ''})
    (photo,) = read_voc(tmp_path)
    assert photo.faults == [('photo with two xml files', f'{tmp_path}/Annotations/2.xml')]


def test_missing_files_are_named(tmp_path):
    with pytest.raises(UserError, match='no xml file; VOC wants'):
        read_voc(tmp_path)
    files(tmp_path, **{'Annotations/1.xml': xml()})
    with pytest.raises(UserError, match=r'1\.xml \(no filename; none there\); put the photos there'):
        read_voc(tmp_path)
