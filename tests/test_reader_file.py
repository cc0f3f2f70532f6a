"""reader.json: there and back, and what is refused."""

import json

import pytest

from custom.boxes import BoxConfig
from custom.errors import UserError
from custom.reader_config import ReaderConfig
from custom.reader_file import Reader, read_reader, write_reader
from custom.views import Views

READER = Reader(
    ReaderConfig(0.8, 0.4, (0.6, 0.3), 0.5, 1.5, 'rows', 6, (0.9, -1.5), 0.0),
    BoxConfig(0.01, 0.7),
    'ab12',
    {'source': 'valid.json', 'photos': 56, 'cross_validated': {'accuracy': 0.875}},
    Views((0.75, 1), (0.5,)),
)


@pytest.mark.parametrize('reader', [READER, Reader()])
def test_there_and_back(tmp_path, reader):
    write_reader(tmp_path / 'reader.json', reader)
    assert read_reader(tmp_path / 'reader.json') == reader
    assert Reader.from_dict(reader.to_dict()) == reader
    assert Reader.from_dict(json.loads(json.dumps(reader.to_dict()))) == reader


def test_the_file_as_a_person_sees_it(tmp_path):
    write_reader(tmp_path / 'new' / 'reader.json', READER)
    text = (tmp_path / 'new' / 'reader.json').read_text()
    assert text.startswith('{\n  "number": {\n    "score_thr": 0.8,\n')
    assert list(json.loads(text)) == ['number', 'boxes', 'fingerprint', 'tuned_on', 'views']
    assert text.endswith('}\n')


def test_what_is_left_out_has_its_default(tmp_path):
    path = tmp_path / 'reader.json'
    path.write_text('{"number": {"score_thr": 0.4}}')
    assert read_reader(path) == Reader(ReaderConfig(score_thr=0.4))
    path.write_text('{}')
    assert read_reader(path) == Reader()


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ('[]', 'must be an object with number, boxes, fingerprint, tuned_on, views, not list'),
        ('{"numbers": {}}', "unknown key 'numbers'; the keys are number, boxes, fingerprint, tuned_on, views"),
        ('{"number": 0.5}', '"number": must be an object with score_thr, .*, not float'),
        ('{"number": {"score": 1}}', '"number": unknown key \'score\'; the keys are score_thr, iou_thr, '),
        ('{"number": {"score_thr": 7}}', '"number": score_thr=7: must be a number from 0 to 1'),
        ('{"number": {"fallback_thrs": [0.6]}}', r'"number": fallback_thrs=\(0\.6,\): must fall'),
        ('{"boxes": {"iou_thr": null}}', '"boxes": iou_thr=None: must be a number from 0 to 1'),
        ('{"boxes": null}', '"boxes": must be an object with score_thr, iou_thr, not NoneType'),
        ('{"fingerprint": 5}', '"fingerprint" must be text or null, not 5'),
        ('{"tuned_on": []}', r'"tuned_on" must be an object, not \[\]'),
        ('{"views": {"scales": [1, 0]}}', r'"views": scales=\[1, 0\]: must be shares of a size, from 0.05 to 8'),
        ('{"views": {"digits": [0.5]}}', r'"views": digits=\(0\.5,\): a second look needs a first one'),
        ('{"views": [1]}', '"views": must be an object with scales, digits, not list'),
        ('{"number": {"score_thr": NaN}}', '"number": score_thr=nan: must be a number from 0 to 1'),
        ('{', r'not JSON \(.*\); make one with tools/tune_reader\.py'),
        ('[' * 100_000, r'not JSON \(.*\)'),
        ('{"tuned_on": {"a": ' + '[' * 500 + ']' * 500 + '}}', r'not JSON \(nested more than 50 deep\)'),
        ('\xff', r'not JSON \(.*\)'),
    ],
)
def test_a_wrong_file_is_refused_by_one_line(tmp_path, content, said):
    path = tmp_path / 'reader.json'
    path.write_bytes(content.encode('latin-1'))
    with pytest.raises(UserError, match=rf'^{path}: {said}') as caught:
        read_reader(path)
    assert '\n' not in str(caught.value)


def test_a_reader_of_a_checkpoint_that_json_cannot_hold_is_refused():
    deep = []
    for _ in range(990):
        deep = [deep]
    for value in (deep, {(1, 2): 3}, b'5'):
        with pytest.raises(UserError, match=r'^x\.pth: "tuned_on" holds what JSON cannot'):
            Reader.from_dict({'tuned_on': {'a': value}}, 'x.pth')


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r'gone\.json: cannot be read \(No such file or directory\); make one with'):
        read_reader(tmp_path / 'gone.json')


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='cannot write here'):
        write_reader(tmp_path / 'file' / 'reader.json', Reader())
