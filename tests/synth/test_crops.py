"""Photos of single digits with labels."""

import pytest

from custom.synth.crops import describe_digit_crops, digit_crops
from custom.utils.errors import UserError


def make(folder, text, files=('a.png', 'b.png')):
    (folder / 'images').mkdir(parents=True)
    for name in files:
        (folder / 'images' / name).write_bytes(b'')
    (folder / 'labels.csv').write_text(text)
    return str(folder)


def test_paths_and_digits_come_in_the_order_of_the_file(tmp_path):
    folder = make(tmp_path, 'number,file,note\n7,b.png,x\n0,a.png,y\n')
    assert digit_crops(folder) == ((f'{folder}/images/b.png', 7), (f'{folder}/images/a.png', 0))


def test_the_description_has_no_folder_and_changes_with_names_and_digits(tmp_path):
    texts = {'a': 'file,number\na.png,1\n', 'b': 'file,number\na.png,1\n', 'c': 'file,number\na.png,2\n'}
    first, same, other = (describe_digit_crops(make(tmp_path / name, text)) for name, text in texts.items())
    assert first == same
    assert first['photos'] == 1
    assert first['sha256'] != other['sha256']


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('file,number\n', 'has no row'),
        ('', 'has no row'),
        ('name,number\na.png,1\n', 'line 2 has no file or no number; the columns are file,number'),
        ('file,number\na.png\n', 'line 2 has no file or no number'),
        ('file,number\na.png,1\nc.png,1\n', r"line 3: no file 'c\.png' in images"),
        ('file,number\n../labels.csv,1\n', r"line 2: no file '\.\./labels\.csv' in images"),
        ('file,number\na.png,12\n', "line 2: number '12' is no digit"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        digit_crops(make(tmp_path, text))


def test_a_folder_without_labels_is_named(tmp_path):
    with pytest.raises(UserError, match=r'labels\.csv: no such file'):
        digit_crops(str(tmp_path / 'none'))
