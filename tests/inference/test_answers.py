import csv
import json
from pathlib import Path

import numpy as np
import pandas
import pytest
from helpers.columns import reader_of_columns
from helpers.project import run_tool
from PIL import Image

from custom.inference.answers import (
    Copies,
    answer_of,
    closing_line,
    find_photos,
    ids_of,
    require_apart,
    table_line,
    write_answers,
)
from custom.inference.reader import Digit
from custom.structures.detections import Detections
from custom.structures.photos import FORMAT_NAMES
from custom.utils.errors import UserError


def photo(path, size=(40, 20)):
    rng = np.random.default_rng(len(path.name))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)).save(path)
    return path


class Reading:
    """As much of a PhotoReading as the table shows."""

    def __init__(self, number, confidence, digits=(), left_out=(), text=None):
        self.number, self.confidence, self.digits, self.left_out = number, confidence, digits, left_out
        self.text = number if text is None else text


def test_files_folders_and_patterns_are_listed_once(tmp_path):
    for name in ('a/10.png', 'a/2.png', 'a/.hidden.png', 'b/c/3.jpg'):
        photo(tmp_path / name)
    (tmp_path / 'a/notes.txt').touch()
    found = find_photos([f'{tmp_path}/a', f'{tmp_path}/a/2.png', f'{tmp_path}/**/*.jpg'])
    assert [str(path.relative_to(tmp_path)) for path in found] == ['a/2.png', 'a/10.png', 'b/c/3.jpg']


def test_a_name_that_looks_like_a_pattern_is_a_name_where_it_exists(tmp_path):
    path = photo(tmp_path / 'door [1].png')
    assert find_photos([str(path)]) == [path]


@pytest.mark.parametrize(
    ('name', 'missing'),
    [('gone.png', 'file not found'), ('empty', 'no photo in this folder'), ('x*.png', 'file not found')],
)
def test_a_missing_photo_is_an_error_with_the_name(tmp_path, name, missing):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError) as error:
        find_photos([f'{tmp_path}/{name}'])
    said = f'{tmp_path}/{name}: {missing}; pass an image ({FORMAT_NAMES}), a folder or a pattern'
    assert str(error.value) == said


def test_brackets_of_a_folder_are_no_pattern(tmp_path):
    path = photo(tmp_path / 'scans [2023]/a[1].png')
    assert find_photos([f'{tmp_path}/scans [2023]/*.png']) == [path]
    with pytest.raises(UserError, match=r'\[ \] are part of a pattern, write \[\[\] for a bracket'):
        find_photos([f'{tmp_path}/scans [2023]/a[1].p*'])


@pytest.mark.parametrize('name', ['.', '*'])
def test_what_a_folder_or_a_pattern_holds_besides_is_counted(tmp_path, capsys, name):
    photo(tmp_path / '1.png')
    photo(tmp_path / 'sub/2.png')
    (tmp_path / '3.heic').touch()
    (tmp_path / 'labels.json').touch()
    others = []
    find_photos([f'{tmp_path}/{name}'], others)
    assert sorted(others) == ['3.heic', 'sub']
    assert '2 × file or folder that is no photo' in capsys.readouterr().err


def test_two_links_to_a_file_are_two_photos(tmp_path):
    photo(tmp_path / '1.png')
    for folder in 'ab':
        (tmp_path / folder).mkdir()
        (tmp_path / folder / '1.png').symlink_to('../1.png')
    paths = find_photos([str(tmp_path), str(tmp_path / 'a'), str(tmp_path / 'b')])
    assert len(set(ids_of(paths))) == 3


def test_ids_are_the_stems_and_differ_where_stems_do_not(tmp_path):
    paths = [tmp_path / name for name in ('2.png', '2.jpg', 'b/2.png', 'house.png')]
    ids = ids_of(paths)
    assert ids[0] == 2
    assert len(set(ids)) == 4
    assert ids == ids_of(paths)
    with pytest.raises(UserError, match='would share one image id'):
        ids_of([tmp_path / '2.png', tmp_path / 'a/2.png', tmp_path / 'a/2.png'])


def test_an_answer_below_the_confidence_asked_for_is_unsure(tmp_path):
    path = tmp_path / '1.png'
    assert answer_of(1, path, Reading('12', 0.6), 0.6).number == '12'
    assert answer_of(1, path, Reading('12', 0.59), 0.6).number == 'unsure'
    assert [answer_of(1, path, Reading('', 0.1), 0.6, digits).number for digits in (None, 5)] == ['-1', '-1']


def test_a_line_has_tabs_for_programs_and_columns_for_people(tmp_path):
    from custom.inference.reader import Digit

    digits = (Digit(0, 0.98, (1.2, 2, 3, 4)), Digit(5, 0.5, (5, 2, 8, 4)))
    answer = answer_of(1, tmp_path / '1.png', Reading('05', 0.75, digits), 0)
    name = str(tmp_path / '1.png')
    assert table_line(answer, boxes=False) == f'{name}\t05\t0.750\t0 0.98; 5 0.50'
    assert table_line(answer, boxes=True).endswith('0 0.98 [1, 2, 3, 4]; 5 0.50 [5, 2, 8, 4]')
    assert table_line(answer, boxes=False, width=len(name) + 2) == f'{name}          05       0.750  0 0.98; 5 0.50'


def test_the_digits_that_the_number_leaves_out_are_named(tmp_path):
    digits, left_out = [Digit(1, 0.98, (1, 2, 3, 4))], [Digit(3, 0.9, (9, 2, 12, 4)), Digit(4, 0.8, (13, 2, 16, 4))]
    answer = answer_of(1, tmp_path / '1.png', Reading('1', 0.4, digits, left_out), 0)
    assert table_line(answer, boxes=False).split('\t')[3:] == ['1 0.98', 'left out: 3 0.90; 4 0.80']
    assert table_line(answer, boxes=True).endswith('left out: 3 0.90 [9, 2, 12, 4]; 4 0.80 [13, 2, 16, 4]')


def test_the_answer_has_the_decimal_point(tmp_path):
    assert answer_of(1, tmp_path / '1.png', Reading('42713', 0.75, text='427.13'), 0).number == '427.13'


@pytest.mark.parametrize(('number', 'answer'), [('1234', 'unsure'), ('12345', '12345'), ('', '-1')])
def test_a_number_of_another_length_is_unsure(tmp_path, number, answer):
    assert answer_of(1, tmp_path / '1.png', Reading(number, 0.75), 0, digits=5).number == answer


@pytest.mark.integration
def test_the_tool_reads_valid_photos_and_reports_the_others(tmp_path, random_weights):
    names = ['1.png', 'a, "b"\n門.png', 'x/1.png']
    paths = [photo(tmp_path / 'in' / name) for name in names]
    (tmp_path / 'in/cut.png').write_bytes(paths[0].read_bytes()[:60])
    (tmp_path / 'in/text.png').write_text('no photo')
    Image.new('1', (20_000, 20_000)).save(tmp_path / 'in/huge.png')
    out = tmp_path / 'out'
    arguments = [tmp_path / 'in', tmp_path / 'in/x', '--checkpoint', random_weights, '--out', out]
    done = run_tool('predict.py', *arguments, fresh=True)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3
    errors = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
    assert len(errors) == 3
    for name, why in (('cut.png', ''), ('text.png', 'is not a photo'), ('huge.png', 'scale it down')):
        assert [line for line in errors if name in line and why in line]
    with (out / 'numbers.csv').open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert {row['file'] for row in rows} == {str(path) for path in paths}
    assert len({row['image_id'] for row in rows}) == 3
    entries = json.loads((out / 'pred.json').read_text())
    assert {str(entry['image_id']) for entry in entries} == {row['image_id'] for row in rows}
    assert len(list((out / 'annotated').glob('*.png'))) == 3
    assert list(rows[0]) == ['file', 'number', 'confidence', 'answer', 'image_id']


def test_a_photo_is_one_however_it_is_named_and_a_link_to_nowhere_is_passed_over(tmp_path, capsys):
    path = photo(tmp_path / 'in/7.png')
    (tmp_path / 'in/8.png').symlink_to('nowhere')
    (tmp_path / 'in/9.png').symlink_to('9.png')
    found = find_photos([f'{tmp_path}/in', str(path), f'{tmp_path}/in/../in/7.png'])
    assert [found_path.name for found_path in found] == ['7.png']
    assert '2 × folder, named pipe, socket, device or broken link' in capsys.readouterr().err


def test_numbers_csv_keeps_what_was_read_and_tells_nothing_found_from_unsure(tmp_path):
    readings = {'1.png': Reading('05', 0.9), '2.png': Reading('7', 0.2), '3.png': Reading('', 0.2)}
    answers = [answer_of(i, Path(name), reading, 0.5) for i, (name, reading) in enumerate(readings.items(), 1)]
    for reading in readings.values():
        reading.detections = Detections.from_model([], [], [], [])
    write_answers(tmp_path, answers)
    assert (tmp_path / 'numbers.csv').read_text().splitlines() == [
        '"file","number","confidence","answer","image_id"',
        '"1.png","05",0.9,"read",1',
        '"2.png","7",0.2,"unsure",2',
        '"3.png","",0.2,"nothing found",3',
    ]
    numbers = pandas.read_csv(tmp_path / 'numbers.csv', dtype={'number': str}, keep_default_na=False).number
    assert numbers.tolist() == ['05', '7', '']  # as docs/formats.md reads the file
    assert closing_line(answers, 0.15, 1, 2) == (
        '4 photos, 38 ms each, 1 unsure, 1 without a number, 1 that could not be read, 2 files passed over'
    )


def test_the_copy_of_a_jpeg_is_a_jpeg_and_grows_with_the_photo(tmp_path):
    sizes = {}
    for name, side in (('a.jpg', 300), ('b.JPG', 1500), ('c.bmp', 300)):
        path = photo(tmp_path / name, (side, side))
        answer = answer_of(1, path, reader_of_columns().read(path), 0)
        Copies(tmp_path / 'out', [path]).write(answer)
        with Image.open(
            tmp_path / 'out/annotated' / Path(name).with_suffix('.png' if 'bmp' in name else path.suffix)
        ) as copy:
            sizes[name] = copy.format, copy.height - side
    assert sizes == {'a.jpg': ('JPEG', 52), 'b.JPG': ('JPEG', 195), 'c.bmp': ('PNG', 52)}  # tags and caption


def test_copies_have_names_of_their_own_and_never_a_photos(tmp_path):
    paths = [tmp_path / name for name in ('7.jpg', '7.png', 'in_7.png')]
    assert len(set(Copies(tmp_path / 'out', paths).names.values())) == 3
    with pytest.raises(UserError, match='is in the folder of the copies'):
        require_apart(tmp_path, [tmp_path / 'annotated/7.png'])


@pytest.mark.integration
def test_a_run_without_a_result_keeps_earlier_files(tmp_path, random_weights):
    (tmp_path / 'bad.png').write_text('no photo')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/numbers.csv').write_text('of yesterday')
    done = run_tool('predict.py', tmp_path / 'bad.png', '--checkpoint', random_weights, '--out', tmp_path / 'out')
    assert done.returncode == 1
    assert (tmp_path / 'out/numbers.csv').read_text() == 'of yesterday'
    assert not (tmp_path / 'out/pred.json').exists()


@pytest.mark.integration
def test_a_confidence_that_is_none_is_refused(tmp_path):
    done = run_tool('predict.py', photo(tmp_path / '1.png'), '--min-confidence', '95')
    assert done.returncode == 2
    assert 'must be from 0 to 1' in done.stderr


@pytest.mark.integration
def test_earlier_results_stay_when_nothing_can_be_written(tmp_path, random_weights):
    path = photo(tmp_path / 'in/1.png')
    (tmp_path / 'out').write_text('a file of the user')
    done = run_tool('predict.py', path, '--checkpoint', random_weights, '--out', tmp_path / 'out')
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith('error: ')
    assert (tmp_path / 'out').read_text() == 'a file of the user'
