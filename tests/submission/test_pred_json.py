"""The text of pred.json: written as a JSON library would write it, and read as one would read it."""

import importlib
import json
import random
import sys

import numpy as np
import pytest

from custom.structures.detections import Detections
from custom.submission import pred_json
from custom.submission.pred_json import read_pred_json, write_pred_json
from custom.utils.errors import UserError

ODD = [0.0, -0.0, 1.0, 0.001, 1e-5, 1e-6, 123456.789, 1e16, 1.7e300, 0.1 + 0.2]


@pytest.fixture(autouse=True, params=['msgspec', 'json'])
def library(request, monkeypatch):
    """Every test runs with msgspec, and without: as in the reader that has no torch."""
    if request.param == 'msgspec':
        pytest.importorskip('msgspec')
        yield
    else:
        monkeypatch.setitem(sys.modules, 'msgspec.json', None)
        importlib.reload(pred_json)
        yield
        monkeypatch.undo()
        importlib.reload(pred_json)


def dumps(entries):
    return json.dumps(entries, separators=(',', ':')).encode()


def entry(image_id=7, bbox=(1.0, 2.5, 3.25, 4.125), score=0.5, category_id=3):
    return {'image_id': image_id, 'bbox': list(bbox), 'score': score, 'category_id': category_id}


def columns_of(text):
    return [column.tolist() for column in pred_json.parse_pred_json(text, 'pred.json')]


def wanted(entries):
    return [[one[key] for one in entries] for key in ('image_id', 'bbox', 'score', 'category_id')]


def test_entries_are_written_as_a_json_library_writes_them(monkeypatch):
    monkeypatch.setattr(pred_json, 'ROWS', 3)
    entries = [entry(i // 4 * 10**14, (one, 1, 2, abs(one)), abs(one), i + 1) for i, one in enumerate(ODD)]
    columns = [np.array(column) for column in wanted(entries)]
    runs = pred_json.encode_runs(Detections(columns[0], columns[1], columns[2], columns[3] - 1))
    assert [image_id for image_id, _ in runs] == [0, 10**14, 2 * 10**14]
    assert b'[' + b','.join(text for _, text in runs) + b']' == pred_json.encode(
        [one | {'bbox': list(map(float, one['bbox']))} for one in entries]
    )


def test_the_bytes_of_an_entry():
    runs = pred_json.encode_runs(Detections.from_model([7], [[1, 2.5, 4.25, 6]], [0.001], [2]))
    assert runs == [(7, b'{"image_id":7,"bbox":[1.0,2.5,3.25,3.5],"score":0.001,"category_id":3}')]


def test_a_run_ends_where_another_photo_begins():
    detections = Detections.from_model([2, 2, 1, 2], np.ones((4, 4)), np.ones(4), [0, 1, 2, 3])
    runs = pred_json.encode_runs(detections)
    assert [(image_id, text.count(b'{')) for image_id, text in runs] == [(2, 2), (1, 1), (2, 1)]
    assert pred_json.encode_runs(Detections.from_model([], [], [], [])) == []


@pytest.mark.parametrize('dumps', [dumps, lambda entries: json.dumps(entries, indent=1).encode()])
@pytest.mark.parametrize('piece', [1, 150, 10**6])
def test_what_is_read_does_not_depend_on_how_it_is_written_or_cut(monkeypatch, dumps, piece):
    monkeypatch.setattr(pred_json, 'PIECE', piece)
    entries = [entry(i, (i, one, i / 8, 1), one) for i, one in enumerate(ODD)] + [entry(-3), entry(2**63 - 1)]
    assert columns_of(dumps(entries)) == wanted(entries)
    other_order = [dict(reversed(one.items())) | {'note': 'a "},{" in it'} for one in entries]
    assert columns_of(dumps(other_order)) == wanted(entries)


def test_the_entry_at_fault_is_counted_over_all_pieces(monkeypatch):
    monkeypatch.setattr(pred_json, 'PIECE', 1)
    entries = [entry(), entry(), entry(score='high'), entry()]
    with pytest.raises(UserError, match=r'entry 2 \(from 0\): score must be a number, but it is "high"'):
        columns_of(dumps(entries))


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        (b'"image_id"', b'"image_1id"'),
        (b'"image_id":7', b'"image_id":07'),
        (b'"image_id":7', b'"image_id":7.0'),
        (b'"score":0.5', b'"score":.5'),
        (b'"score":0.5', b'"score":0.5.'),
        (b'"score":0.5', b'"score":'),
        (b'2.5,', b',2.5,'),
        (b']', b']5'),
        (b'[1.0', b'5[1.0'),
        (b'3},', b'3}1,'),
        (b'{"image', b'1{"image'),
        (b'}]', b'}'),
        (b'}]', b'}],'),
    ],
)
def test_what_looks_nearly_right_is_refused(old, new):
    text = dumps([entry(), entry()])
    assert old in text
    with pytest.raises(UserError):
        columns_of(text.replace(old, new, 1) if old != b'}]' else text[:-2] + new)


def test_damaged_files_are_read_as_a_json_library_reads_them(monkeypatch):
    """Thousands of small changes at random places: what comes out is what parsing the whole gives, or a UserError."""
    monkeypatch.setattr(pred_json, 'PIECE', 100)
    rng, right = random.Random(0), 0
    for _ in range(3000):
        text = bytearray(dumps([entry(rng.randint(0, 9), score=rng.random()) for _ in range(rng.randint(1, 6))]))
        for _ in range(rng.randint(0, 2)):
            at = rng.randrange(len(text))
            text[at : at + rng.randint(0, 1)] = rng.choice([b'', b'1', b'.', b'-', b',', b' ', b'"', b'}', b'},{'])
        try:
            found = columns_of(bytes(text))
        except UserError:
            found = None
        try:
            entries = json.loads(text)
            kept = wanted(entries) if all(set(one) >= set(entry()) for one in entries) else None
        except (ValueError, TypeError):
            kept = None
        assert found is None or found == kept, bytes(text)
        right += found is not None
    assert 1000 < right < 2500


@pytest.mark.parametrize('key', ['image_id', 'bbox', 'score', 'category_id'])
def test_deep_values_are_refused_in_one_line(key):
    for depth in (51, *range(850, 1000), 100_000):  # near the recursion limit the message is what fails
        entry = {'image_id': '1', 'bbox': '[1,2,3,4]', 'score': '1', 'category_id': '1', key: '[' * depth + ']' * depth}
        text = '[{' + ','.join(f'"{name}":{value}' for name, value in entry.items()) + '}]'
        with pytest.raises(UserError, match=r'^x: ') as caught:
            pred_json.parse_pred_json(text.encode(), 'x')
        assert '\n' not in str(caught.value)


ENTRY = {'image_id': 1, 'bbox': [1, 2, 3, 4.5], 'score': 0.5, 'category_id': 10}


def some(n=3):
    rng = np.random.default_rng(n)
    corner = rng.uniform(0, 90, (n, 2))
    xyxy = np.hstack([corner, corner + rng.uniform(1, 9, (n, 2))]).astype(np.float32)
    return Detections.from_model(np.arange(n), xyxy, rng.random(n, dtype=np.float32), rng.integers(0, 10, n))


def test_the_file_by_hand(tmp_path):
    write_pred_json(tmp_path / 'pred.json', Detections.from_model([2], [[10, 20, 30, 60]], [0.9], [0]))
    assert json.loads((tmp_path / 'pred.json').read_text()) == [
        {'image_id': 2, 'bbox': [10, 20, 20, 40], 'score': 0.9, 'category_id': 1}
    ]


@pytest.mark.parametrize('n', [0, 1, 3, 6, 7])
def test_file_and_memory_are_the_same_bit_for_bit(tmp_path, monkeypatch, n):
    monkeypatch.setattr(pred_json, 'CHUNK', 3)
    detections = some(n)
    write_pred_json(tmp_path / 'pred.json', detections)
    again = read_pred_json(tmp_path / 'pred.json')
    assert len(json.loads((tmp_path / 'pred.json').read_text())) == n
    for name in ('image_ids', 'bboxes', 'scores', 'labels'):
        assert getattr(again, name).tolist() == getattr(detections, name).tolist()
        assert getattr(again, name).dtype == getattr(detections, name).dtype


def test_reading_does_not_round(tmp_path):
    (tmp_path / 'pred.json').write_text(json.dumps([ENTRY | {'score': 0.123456789, 'bbox': [1.23456, 0, 1, 1]}]))
    detections = read_pred_json(tmp_path / 'pred.json')
    assert (detections.scores[0], detections.bboxes[0, 0]) == (0.123456789, 1.23456)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('{"image_id": 1}', 'must be a list of detections, not dict'),
        ('[{"image_id": 1,', 'not JSON'),
        ('', 'not JSON'),
        ('[' * 100_000, 'not JSON'),
        ('[3]', r'entry 0 \(from 0\): must be an object'),
    ],
)
def test_files_that_are_no_pred_json(tmp_path, text, said):
    (tmp_path / 'pred.json').write_text(text)
    with pytest.raises(UserError, match=rf'pred\.json: {said}'):
        read_pred_json(tmp_path / 'pred.json')


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'image_id': '1'}, 'image_id must be a whole number, but it is "1"'),
        ({'image_id': True}, 'image_id must be a whole number, but it is true'),
        ({'image_id': 1.0}, 'image_id must be a whole number, but it is 1.0'),
        ({'category_id': 0}, r'category_id 0: categories start at 1 \(digit 0\)'),
        ({'category_id': 11}, 'category_id 11: categories start at 1'),
        ({'score': None}, 'score must be a number, but it is null'),
        ({'score': False}, 'score must be a number, but it is false'),
        ({'score': float('nan')}, 'score nan is not finite'),
        ({'bbox': [0, 0, 1]}, r'bbox must be \[x, y, w, h\], but it is \[0, 0, 1\]'),
        ({'bbox': {'x': 0}}, 'bbox must be a list'),
        ({'bbox': [0, 0, '1', 1]}, 'bbox must hold 4 numbers, but it is "1"'),
        ({'bbox': [0, 0, 1, float('inf')]}, 'bbox .*inf.* is not finite'),
        ({'bbox': [9, 9, -1, 1]}, r'bbox \[9.0, 9.0, -1.0, 1.0\] has a negative width'),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, change, said):
    (tmp_path / 'pred.json').write_text(json.dumps([ENTRY, ENTRY, ENTRY | change]))
    with pytest.raises(UserError, match=rf'pred\.json: entry 2 \(from 0\): {said}') as caught:
        read_pred_json(tmp_path / 'pred.json')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('key', ENTRY)
def test_a_missing_key_is_named(tmp_path, key):
    entry = {name: value for name, value in ENTRY.items() if name != key}
    (tmp_path / 'pred.json').write_text(json.dumps([ENTRY, entry]))
    with pytest.raises(UserError, match=rf"entry 1 \(from 0\): '{key}' is missing"):
        read_pred_json(tmp_path / 'pred.json')


def test_an_id_over_64_bits_is_refused(tmp_path):
    (tmp_path / 'pred.json').write_text(json.dumps([ENTRY | {'image_id': 2**63}]))
    with pytest.raises(UserError, match='64 bits'):
        read_pred_json(tmp_path / 'pred.json')


def test_unknown_photos_are_counted(tmp_path):
    (tmp_path / 'pred.json').write_text(json.dumps([ENTRY | {'image_id': i} for i in (1, 9, 7, 7, 2)]))
    assert len(read_pred_json(tmp_path / 'pred.json', [1, 2, 7, 9])) == 5
    with pytest.raises(UserError, match='2 of its image ids are none of the 2 photos, first: 7, 9'):
        read_pred_json(tmp_path / 'pred.json', [1, 2])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r'gone\.json: cannot be read'):
        read_pred_json(tmp_path / 'gone.json')


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16', 'utf-16-le', 'utf-32', 'latin-1'])
def test_another_encoding_than_json_load_reads_is_refused(tmp_path, encoding):
    (tmp_path / 'pred.json').write_bytes(json.dumps([ENTRY | {'note': 'ö'}], ensure_ascii=False).encode(encoding))
    with pytest.raises(UserError, match=r'pred\.json: (must be UTF-8 without a byte order mark|not JSON)'):
        read_pred_json(tmp_path / 'pred.json')


@pytest.mark.parametrize('key', ['score', 'sc\\u006fre'])
def test_a_key_with_two_values_is_refused(tmp_path, key):
    text = json.dumps([ENTRY, ENTRY])
    (tmp_path / 'pred.json').write_text(text[:-2] + f', "{key}": 0.25}}]')
    with pytest.raises(UserError, match=r"'score' is there twice in one object, as .* and 0\.25"):
        read_pred_json(tmp_path / 'pred.json')


def test_white_space_that_is_none_in_json_is_refused(tmp_path):
    text = json.dumps([ENTRY] * 1000).replace('}, {', '},\f{')
    (tmp_path / 'pred.json').write_text(text)
    with pytest.raises(UserError, match='not JSON'):
        read_pred_json(tmp_path / 'pred.json')
