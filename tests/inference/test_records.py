import argparse
import json

import pytest
from helpers.columns import photo_of, reader_of_columns

from custom.inference.answers import answer_of
from custom.inference.command import add_arguments, check_arguments, read_photos
from custom.inference.records import answer_record


def parsed(*args):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args([*map(str, args)])
    check_arguments(parser, args)
    return args


def test_an_unsure_answer_has_no_number():
    reading = reader_of_columns().read(photo_of('12'))
    sure, unsure = (answer_record(answer_of(1, 'a.png', reading, least)) for least in (0.5, 0.9))
    assert (sure['file'], sure['number'], sure['confidence'], sure['unsure']) == ('a.png', '12', 0.81, False)
    assert (unsure['number'], unsure['confidence'], unsure['unsure']) == (None, 0.81, True)
    assert unsure['digits'] == sure['digits'] != []


def test_a_line_of_json_for_each_photo(tmp_path):
    for name, content in {'a.png': photo_of('21'), 'b.png': photo_of(''), 'c\n.png': b'no photo'}.items():
        (tmp_path / name).write_bytes(content)
    lines = []
    assert read_photos(parsed(tmp_path, '--json'), reader_of_columns, write=lines.append) == 1
    records = [json.loads(line) for line in lines]
    assert [record['file'] for record in records] == [f'{tmp_path}/{name}' for name in ('a.png', 'b.png', 'c\n.png')]
    assert [record.get('number') for record in records] == ['21', None, None]
    assert 'is not a photo that can be read' in records[2]['error']
    assert not any('\n' in line for line in lines)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'give photos, or a folder with --watch'),
        (['a.png', '--watch', '.'], '--watch: give no other photos'),
        (['--watch', '.', '--interval', 'nan'], '--interval nan: must be from 0.1 to 3600 seconds'),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        parsed(*arguments)
    assert message in capsys.readouterr().err
