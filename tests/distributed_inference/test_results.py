import numpy as np
import pytest

from custom.distributed_inference.results import (
    placed_schema,
    row_of,
    schema,
    summarise,
    utf8,
    write_shard,
    write_usual_files,
)
from custom.inference.answers import answer_of, ids_of, write_answers
from custom.inference.reader import PhotoReader
from custom.inference.views import PhotoViews
from custom.reading.settings import ReaderSettings
from custom.utils.errors import UserError

NAMES = ['in/2.png', 'in/bad.png', 'other/2.png', 'in/black.png']


class Thirds:
    """A detector of a 7 on a third of the photo, unless it is black."""

    def detect(self, views):
        found = []
        for view in views:
            height, width = view.pixels.shape[:2]
            boxes = np.array([[0, 0, width / 3, height]] * bool(view.pixels.any()), np.float32).reshape(-1, 4)
            boxes /= np.tile(np.array(view.scale, np.float32), 2)
            found.append((boxes, np.full(len(boxes), 0.9, np.float32), np.full(len(boxes), 7)))
        return found


def answers():
    reader = PhotoReader(Thirds(), PhotoViews((64, 32)), ReaderSettings())
    found = {}
    for image_id, name, grey in zip(ids_of(NAMES), NAMES, (255, None, 99, 0), strict=True):
        if grey is not None:
            reading = reader.read(np.full((10, 20), grey, np.uint8))
            found[name] = answer_of(image_id, name, reading, 0)
    return found


@pytest.fixture
def pa():
    return pytest.importorskip('pyarrow', reason='no pyarrow: requirements-ray.txt is not installed')


def rows():
    found = answers()
    results = [found.get(name, UserError(f'{name}: no such file')) for name in NAMES]
    return [
        {'shard': 0, 'index': i, 'last': i == 3} | row_of(name, result)
        for i, (name, result) in enumerate(zip(NAMES, results, strict=True))
    ]


def test_a_file_of_results(pa, tmp_path):
    from pyarrow import parquet

    write_shard(tmp_path / 'a.parquet', pa.Table.from_pylist(rows(), placed_schema()))
    write_shard(tmp_path / 'b.parquet', pa.Table.from_pylist(rows()[::-1], placed_schema()))
    assert (tmp_path / 'a.parquet').read_bytes() == (tmp_path / 'b.parquet').read_bytes()
    table = parquet.read_table(tmp_path / 'a.parquet')
    assert table.schema.equals(schema())
    first, second, _, fourth = table.to_pylist()
    assert (first['file'], first['number'], first['digits'], first['error']) == ('in/2.png', '7', [7], None)
    assert first['boxes'] == first['all_boxes'] == [[0, 0, 6.667, 10]]
    assert (second['number'], second['confidence'], second['error']) == (None, None, 'in/bad.png: no such file')
    assert (fourth['number'], fourth['answer'], fourth['digits']) == ('', 'nothing found', [])
    assert summarise([tmp_path / 'a.parquet'] * 2) == (8, 2, 'in/bad.png: no such file')


def test_the_usual_files_equal_those_of_one_process(pa, tmp_path):
    for i in range(2):
        part = rows()[2 * i : 2 * i + 2]
        write_shard(tmp_path / f'{i}.parquet', pa.Table.from_pylist(part, placed_schema()))
    write_usual_files(tmp_path / 'ray', [tmp_path / '0.parquet', tmp_path / '1.parquet'])
    write_answers(tmp_path / 'one', list(answers().values()))
    for name in ('numbers.csv', 'pred.json'):
        assert (tmp_path / 'ray' / name).read_bytes() == (tmp_path / 'one' / name).read_bytes()


def test_names_that_are_no_utf8():
    assert utf8('a\udcff.png') == 'a\\udcff.png'
