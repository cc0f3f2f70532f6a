import argparse
import io

import numpy as np
import pytest
from PIL import Image

from custom.inference.command import add_arguments, check_arguments, read_photos
from custom.inference.reader import PhotoReader
from custom.inference.views import PhotoViews
from custom.reading.settings import ReaderSettings
from custom.utils.errors import UserError


class Sevens:
    def detect(self, views):
        return [(np.array([[0, 0, 9, 9]], np.float32), np.array([0.9], np.float32), np.array([7]))] * len(views)


def parsed(*args):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args([*map(str, args)])
    check_arguments(parser, args)
    return args


def open_reader():
    return PhotoReader(Sevens(), PhotoViews((64, 32)), ReaderSettings())


def test_lines_and_readings_go_to_the_progress_bar(tmp_path):
    for name in ('1.png', '2.png'):
        Image.new('RGB', (100, 40)).save(tmp_path / name)
    lines, counts = [], []

    def bar(readings, count):
        counts.append(count)
        return readings

    assert read_photos(parsed(tmp_path), open_reader, bar, lines.append) == 0
    assert counts == [2]
    assert lines == [f'{tmp_path}/{name}.png\t7\t0.900\t7 0.90' for name in '12']


def test_a_pipe_gets_each_line_as_soon_as_its_photo_is_read(tmp_path, monkeypatch):
    for name in ('1.png', '2.png'):
        Image.new('RGB', (100, 40)).save(tmp_path / name)
    pipe = io.BytesIO()
    monkeypatch.setattr('sys.stdout', io.TextIOWrapper(pipe))
    lengths = []

    def bar(readings, count):
        for reading in readings:
            lengths.append(pipe.getvalue().count(b'\n'))
            yield reading

    assert read_photos(parsed(tmp_path), open_reader, bar) == 0
    assert lengths == [0, 1]


def test_photos_are_looked_for_before_the_reader_is_opened(tmp_path):
    def no_reader():
        raise AssertionError('opened')

    with pytest.raises(UserError, match=r'gone\.png: file not found'):
        read_photos(parsed(tmp_path / 'gone.png'), no_reader)


def test_a_run_without_an_answer_leaves_the_files_of_an_earlier_one(tmp_path, capsys):
    (tmp_path / 'bad.png').write_text('no photo')
    (tmp_path / 'numbers.csv').write_text('earlier')
    assert read_photos(parsed(tmp_path / 'bad.png', '--out', tmp_path), open_reader) == 1
    assert (tmp_path / 'numbers.csv').read_text() == 'earlier'
    assert 'bad.png: is not a photo' in capsys.readouterr().err


def test_a_confidence_out_of_range_is_an_error_of_the_arguments(capsys):
    with pytest.raises(SystemExit):
        parsed('1.png', '--min-confidence', '1.5')
    assert '--min-confidence 1.5: must be from 0 to 1' in capsys.readouterr().err
