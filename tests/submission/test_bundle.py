"""pred.csv, the zip, images.csv."""

import csv
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.submissions import numbers_in

from custom.submission.bundle import (
    SUBMISSION,
    complete_submission,
    parse_pred_csv,
    to_be_copied,
    write_image_map,
    write_pred_csv,
    write_zip,
)
from custom.utils.errors import UserError
from custom.utils.files import replacing_set

ROOT = Path(__file__).parents[2]


def test_pred_csv_by_hand(tmp_path):
    write_pred_csv(tmp_path / 'pred.csv', {10: '05', 2: '', 3: '210'})
    assert (tmp_path / 'pred.csv').read_bytes() == b'image_id,pred_label\n10,05\n2,-1\n3,210\n'
    numbers = numbers_in(tmp_path / 'pred.csv')
    assert list(numbers.items()) == [(10, '05'), (2, ''), (3, '210')]


def test_pred_csv_takes_pairs(tmp_path):
    write_pred_csv(tmp_path / 'pred.csv', ((i, str(i)) for i in (2, 1)))
    assert (tmp_path / 'pred.csv').read_text() == 'image_id,pred_label\n2,2\n1,1\n'


@pytest.mark.parametrize('number', ['-1', '1.0', ' 1', '1,2', '١', '1\n'])
def test_what_is_no_number_is_not_written(tmp_path, number):
    with pytest.raises(ValueError, match='image 4'):
        write_pred_csv(tmp_path / 'pred.csv', {4: number})
    assert not (tmp_path / 'pred.csv').exists()


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', 'the first line must be image_id,pred_label'),
        ('id,label\n1,2\n', "the first line must be image_id,pred_label, not 'id,label'"),
        ('image_id,pred_label\n1\n', "row 2: .* '1'"),
        ('image_id,pred_label\n1,2\n2,3,4\n', "row 3: .* '2,3,4'"),
        ('image_id,pred_label\n1.0,2\n', "row 2: .* '1.0,2'"),
    ],
)
def test_files_that_are_no_pred_csv(text, said):
    with pytest.raises(UserError, match=rf'pred\.csv: {said}'):
        parse_pred_csv(text.encode(), 'pred.csv')


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16', 'latin-1'])
def test_pred_csv_in_another_encoding_is_refused(encoding):
    with pytest.raises(UserError, match=r'pred\.csv: must be UTF-8 without a byte order mark'):
        parse_pred_csv('image_id,pred_label\n1,ö\n'.encode(encoding), 'pred.csv')


def test_pred_csv_as_spreadsheets_write_it():
    text = b'image_id,pred_label\r\n1,"05"\r\n2,-1\r\n\r\n'
    assert parse_pred_csv(text, 'pred.csv') == [(1, '05'), (2, '-1')]


def test_zip_holds_both_at_its_root_and_is_the_same_every_time(tmp_path):
    (tmp_path / 'other_name.json').write_text('[]')
    (tmp_path / 'pred.csv').write_text('image_id,pred_label\n1,-1\n')
    for name in ('a.zip', 'b.zip'):
        write_zip(tmp_path / name, tmp_path / 'other_name.json', tmp_path / 'pred.csv')
        (tmp_path / 'pred.csv').touch()
    assert (tmp_path / 'a.zip').read_bytes() == (tmp_path / 'b.zip').read_bytes()
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        assert archive.namelist() == ['pred.json', 'pred.csv']
        assert archive.read('pred.json') == b'[]'
        assert archive.read('pred.csv') == (tmp_path / 'pred.csv').read_bytes()
        assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)


def test_zip_of_a_missing_file_leaves_nothing(tmp_path):
    (tmp_path / 'pred.csv').write_text('')
    with pytest.raises(UserError, match='No such file'):
        write_zip(tmp_path / 'a.zip', tmp_path / 'pred.json', tmp_path / 'pred.csv')
    assert [path.name for path in tmp_path.iterdir()] == ['pred.csv']


def test_image_map_survives_odd_names(tmp_path):
    names = ['plain.png', 'a, "b".png', 'two\nlines.png', 'return\r.png', 'é ü.png', '007', 'bad\udcff.png']
    write_image_map(tmp_path / 'images.csv', range(7), names)
    with (tmp_path / 'images.csv').open(newline='', encoding='utf-8', errors='surrogateescape') as file:
        rows = list(csv.reader(file))
    assert rows == [['image_id', 'file_name'], *[[str(i), name] for i, name in enumerate(names)]]


def test_image_map_is_written_as_pandas_would_write_it(tmp_path):
    names = ['plain.png', 'a, "b".png', 'two\nlines.png', 'return\r.png', 'é ü.png', '007', 'bad\udcff.png', '']
    ids = np.arange(10**15, 10**15 + 8)
    write_image_map(tmp_path / 'images.csv', ids, names)
    table = pd.DataFrame({'image_id': ids, 'file_name': names})
    form = {'index': False, 'quoting': csv.QUOTE_NONNUMERIC, 'errors': 'surrogateescape', 'lineterminator': '\n'}
    table.to_csv(tmp_path / 'pandas.csv', **form)
    assert (tmp_path / 'images.csv').read_bytes() == (tmp_path / 'pandas.csv').read_bytes()


@pytest.mark.parametrize(('names', 'mapped'), [(['1.png', '2.jpg'], False), (['1.png', 'house.png'], True)])
def test_complete_submission(tmp_path, names, mapped):
    (tmp_path / 'pred.json').write_text('[]')
    complete_submission(tmp_path, {1: '', 2: '07'}, names)
    assert numbers_in(tmp_path / 'pred.csv') == {1: '', 2: '07'}
    assert zipfile.is_zipfile(tmp_path / 'submission.zip')
    assert (tmp_path / 'images.csv').exists() == mapped


def test_an_old_image_map_goes_when_it_is_not_needed(tmp_path):
    (tmp_path / 'pred.json').write_text('[]')
    (tmp_path / 'mine.csv').write_text('mine')
    for numbers, names in (({5: ''}, ['house.png']), ({1: ''}, ['1.png'])):
        assert (tmp_path / 'images.csv').exists() == (1 in numbers)
        with replacing_set(tmp_path, SUBMISSION[1:]) as new:
            complete_submission(new, numbers, names, tmp_path / 'pred.json')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['mine.csv', 'pred.csv', 'pred.json', 'submission.zip']


def test_a_pred_json_is_copied_but_not_to_itself_or_over_another_one(tmp_path):
    source, target = tmp_path / 'mine.json', tmp_path / 'pred.json'
    source.write_text('[]')
    assert to_be_copied(source, target, overwrite=False)
    target.write_text('[]')
    with pytest.raises(UserError, match=r'pred\.json: would be overwritten by mine\.json'):
        to_be_copied(source, target, overwrite=False)
    assert to_be_copied(source, target, overwrite=True)
    assert not to_be_copied(target, target, overwrite=False)
