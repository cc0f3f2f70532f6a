"""Detections in memory and as pred.json."""

import json

import numpy as np
import pytest

from custom import predictions
from custom.errors import UserError
from custom.submission import Detections, read_pred_json, write_pred_json

ENTRY = {'image_id': 1, 'bbox': [1, 2, 3, 4.5], 'score': 0.5, 'category_id': 10}


def some(n=3):
    rng = np.random.default_rng(n)
    corner = rng.uniform(0, 90, (n, 2))
    xyxy = np.hstack([corner, corner + rng.uniform(1, 9, (n, 2))]).astype(np.float32)
    return Detections.from_model(np.arange(n), xyxy, rng.random(n, dtype=np.float32), rng.integers(0, 10, n))


def test_from_model_rounds_and_turns_xyxy_into_xywh():
    detections = Detections.from_model([5], [[1.0004, 2.0006, 4.5, 8.25]], [0.12345678], [0])
    assert detections.bboxes.tolist() == [[1.0, 2.001, 3.5, 6.249]]
    assert detections.scores.tolist() == [0.123457]
    assert (detections.image_ids.dtype, detections.labels.dtype) == (np.int64, np.int64)


def test_the_file_by_hand(tmp_path):
    write_pred_json(tmp_path / 'pred.json', Detections.from_model([2], [[10, 20, 30, 60]], [0.9], [0]))
    assert json.loads((tmp_path / 'pred.json').read_text()) == [
        {'image_id': 2, 'bbox': [10, 20, 20, 40], 'score': 0.9, 'category_id': 1}
    ]


@pytest.mark.parametrize('n', [0, 1, 3, 6, 7])
def test_file_and_memory_are_the_same_bit_for_bit(tmp_path, monkeypatch, n):
    monkeypatch.setattr(predictions, 'CHUNK', 3)
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


def test_concatenate():
    parts = [some(2), some(0), some(3)]
    whole = Detections.concatenate(parts)
    assert whole.image_ids.tolist() == [0, 1, 0, 1, 2]
    assert whole.bboxes[2:].tolist() == parts[2].bboxes.tolist()
    assert len(Detections.concatenate([])) == 0


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'bboxes': [[0, 0, np.nan, 1]]}, 'image 8: bbox .*nan.* is not finite; 1 of 1'),
        ({'bboxes': [[0, 0, -1, 1]]}, 'negative width or height'),
        ({'scores': [np.inf]}, 'score inf is not finite'),
        ({'labels': [10]}, 'category_id 11'),
    ],
)
def test_values_that_the_file_cannot_hold_are_refused(change, said):
    good = {'image_ids': [8], 'bboxes': [[0, 0, 1, 1]], 'scores': [0.5], 'labels': [3]}
    with pytest.raises(UserError, match=said):
        Detections(**{name: np.array(value) for name, value in (good | change).items()})


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match='belong together'):
        Detections.from_model([1, 2], [[0, 0, 1, 1]], [0.5], [1])


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


def test_a_file_with_byte_order_mark_is_read(tmp_path):
    (tmp_path / 'pred.json').write_text(json.dumps([ENTRY]), encoding='utf-8-sig')
    assert read_pred_json(tmp_path / 'pred.json').labels.tolist() == [9]
