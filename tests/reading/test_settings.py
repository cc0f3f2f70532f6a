"""The reader's settings: what is refused, and the way through JSON."""

import dataclasses
import json
import math

import numpy as np
import pytest

from custom.reading.settings import (
    DEFAULTS,
    BoxConfig,
    Calibration,
    ReaderConfig,
    ReaderSettings,
    Views,
    filter_boxes,
    read_reader,
    write_reader,
)
from custom.structures.detections import Detections
from custom.utils.errors import UserError


def test_the_defaults():
    assert dataclasses.asdict(DEFAULTS) == {
        'score_thr': 0.6,
        'iou_thr': 0.3,
        'fallback_thrs': (),
        'weak_thr': 0.3,
        'max_gap': 1.0,
        'size_ratio': 1.5,
        'digits': None,
        'calibration': None,
        'empty_right': 1.0,
    }


@pytest.mark.parametrize(
    'config',
    [
        ReaderConfig(),
        ReaderConfig(0.8, 0.4, (0.6, 0.3), 0.2, 0.5, None, 6, Calibration(-1.5, 0.9, single=0.5), 0.0),
    ],
)
def test_it_survives_json(config):
    text = json.dumps(dataclasses.asdict(config))
    assert ReaderConfig(**json.loads(text)) == config


def test_the_steps_begin_with_the_threshold():
    assert ReaderConfig(score_thr=0.8, fallback_thrs=[0.6, 0.3]).steps == (0.8, 0.6, 0.3)


@pytest.mark.parametrize('field', ['score_thr', 'weak_thr', 'iou_thr', 'empty_right'])
@pytest.mark.parametrize('value', [-0.1, 1.1, math.nan, '0.5', True, None])
def test_a_share_outside_0_to_1_is_refused(field, value):
    with pytest.raises(UserError, match=rf'^{field}=.*from 0 to 1$'):
        ReaderConfig(**{field: value})


@pytest.mark.parametrize(
    ('settings', 'said'),
    [
        ({'fallback_thrs': (0.6,)}, r'fallback_thrs=\(0\.6,\): must fall, from below score_thr=0\.6'),
        ({'fallback_thrs': [0.1, 0.2]}, r'fallback_thrs=\(0\.1, 0\.2\): must fall'),
        ({'fallback_thrs': [-0.1]}, r'fallback_thrs=-0\.1: must be a number from 0 to 1'),
        ({'fallback_thrs': 0.3}, r'fallback_thrs=0\.3: must be a list of numbers'),
        ({'fallback_thrs': None}, r'fallback_thrs=None: must be a list of numbers'),
        ({'max_gap': -1}, r'max_gap=-1: must be a number of at least 0'),
        ({'max_gap': math.inf}, r'max_gap=inf: must be a number of at least 0'),
        ({'size_ratio': 0.9}, r'size_ratio=0\.9: must be a number of at least 1'),
        ({'digits': 0}, r'digits=0: must be a number of at least 1'),
        ({'digits': 3.0}, r'digits=3\.0: must be a whole number'),
        ({'calibration': 1.0}, r'calibration=1\.0: must be an object with the weights of the evidence'),
        ({'calibration': [1.0]}, r'calibration=\[1\.0\]: must be an object'),
        ({'calibration': {'slope': 1.0}}, r"calibration=\{'slope': 1\.0\}: must be an object"),
        ({'calibration': [-1.0, 0.0]}, r'calibration product=-1\.0: must be a number of at least 0'),
        ({'calibration': {'small': -1.0}}, r'calibration small=-1\.0: must be a number of at least 0'),
        ({'calibration': [1.0, math.nan]}, r'calibration intercept=nan: must be a finite number'),
    ],
)
def test_what_is_out_of_range_or_of_the_wrong_kind_is_refused(settings, said):
    with pytest.raises(UserError, match=f'^{said}'):
        ReaderConfig(**settings)


def found(*boxes):
    """Boxes as (image_id, left, label, score), each 10 x 20 px."""
    ids, lefts, labels, scores = zip(*boxes, strict=True)
    return Detections.from_model(ids, [[x, 0, x + 10, 20] for x in lefts], scores, labels)


SOME = found((2, 0, 7, 0.5), (1, 0, 4, 0.6), (2, 1, 1, 0.9), (1, 30, 4, 0.0005), (2, 40, 1, 0.001))


def scores_kept(**settings):
    return filter_boxes(SOME, BoxConfig(**settings)).scores.tolist()


def test_by_default_only_the_lowest_scores_go():
    kept = filter_boxes(SOME)
    assert kept.scores.tolist() == [0.5, 0.6, 0.9, 0.001]
    assert kept.image_ids.tolist() == [2, 1, 2, 2]
    assert kept.bboxes.tolist() == [[0, 0, 10, 20], [0, 0, 10, 20], [1, 0, 10, 20], [40, 0, 10, 20]]
    assert kept.labels.tolist() == [7, 4, 1, 1]


def test_nms_is_class_agnostic_and_per_photo():
    # 9 of 11 px are shared on photo 2: IoU 0.818
    assert scores_kept(iou_thr=0.8) == [0.6, 0.9, 0.001]
    assert scores_kept(iou_thr=0.82) == [0.5, 0.6, 0.9, 0.001]


def test_a_higher_threshold():
    assert scores_kept(score_thr=0.6) == [0.6, 0.9]


def test_nothing_stays_nothing():
    none = Detections.from_model([], [], [], [])
    for config in BoxConfig(), BoxConfig(iou_thr=0.5):
        assert len(filter_boxes(none, config)) == 0
    assert len(filter_boxes(SOME, BoxConfig(score_thr=1, iou_thr=0.5))) == 0


def test_equal_boxes_are_all_kept_without_nms():
    same = found((1, 0, 4, 0.6), (1, 0, 4, 0.5))
    assert len(filter_boxes(same, BoxConfig(iou_thr=1.0))) == 2
    assert len(filter_boxes(same, BoxConfig(iou_thr=0.99))) == 1


def test_many_photos_are_filtered_at_once():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 60, (3000, 2))
    xyxy = np.hstack([corner, corner + rng.uniform(5, 25, (3000, 2))])
    many = Detections.from_model(rng.integers(0, 100, 3000), xyxy, rng.uniform(size=3000), np.zeros(3000, int))
    whole = filter_boxes(many, BoxConfig(iou_thr=0.4))
    for image_id in range(100):
        own, kept = many.image_ids == image_id, whole.image_ids == image_id
        alone = Detections(*(column[own] for column in (many.image_ids, many.bboxes, many.scores, many.labels)))
        assert filter_boxes(alone, BoxConfig(iou_thr=0.4)).scores.tolist() == whole.scores[kept].tolist()


@pytest.mark.parametrize('field', ['score_thr', 'iou_thr'])
@pytest.mark.parametrize('value', [-0.1, 1.1, math.nan, '0.5', True, None])
def test_a_threshold_outside_0_to_1_is_refused(field, value):
    with pytest.raises(UserError, match=rf'^{field}=.*from 0 to 1$'):
        BoxConfig(**{field: value})


READER = ReaderSettings(
    ReaderConfig(0.8, 0.4, (0.6, 0.3), 0.2, 0.5, None, 6, Calibration(-1.5, 0.9, single=0.5), 0.0),
    BoxConfig(0.01, 0.7),
    'ab12',
    {'source': 'valid.json', 'photos': 56, 'cross_validated': {'accuracy': 0.875}},
    Views((0.75, 1), (0.5,)),
)


@pytest.mark.parametrize('reader', [READER, ReaderSettings()])
def test_there_and_back(tmp_path, reader):
    write_reader(tmp_path / 'reader.json', reader)
    assert read_reader(tmp_path / 'reader.json') == reader
    assert ReaderSettings.from_dict(reader.to_dict()) == reader
    assert ReaderSettings.from_dict(json.loads(json.dumps(reader.to_dict()))) == reader


def test_the_file_as_a_person_sees_it(tmp_path):
    write_reader(tmp_path / 'new' / 'reader.json', READER)
    text = (tmp_path / 'new' / 'reader.json').read_text()
    assert text.startswith('{\n  "number": {\n    "score_thr": 0.8,\n')
    assert list(json.loads(text)) == ['number', 'boxes', 'fingerprint', 'tuned_on', 'views']
    assert text.endswith('}\n')


@pytest.mark.parametrize('coding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_the_coding_of_a_file_that_was_edited(tmp_path, coding):
    (tmp_path / 'reader.json').write_text('{"number": {"score_thr": 0.4}}', encoding=coding)
    assert read_reader(tmp_path / 'reader.json') == ReaderSettings(ReaderConfig(score_thr=0.4))


def test_what_is_left_out_has_its_default(tmp_path):
    path = tmp_path / 'reader.json'
    path.write_text('{"number": {"score_thr": 0.4}}')
    assert read_reader(path) == ReaderSettings(ReaderConfig(score_thr=0.4))
    path.write_text('{}')
    assert read_reader(path) == ReaderSettings()


def test_a_file_of_an_older_version_is_read(tmp_path):
    path = tmp_path / 'reader.json'
    former = {'layout': 'line', 'max_digits': None, 'calibration': [0.3, 0.7], 'max_gap': None}
    path.write_text(json.dumps({'number': {'score_thr': 0.4, **former}}))
    calibration = Calibration(intercept=0.7, product=0.3)
    assert read_reader(path) == ReaderSettings(ReaderConfig(score_thr=0.4, max_gap=None, calibration=calibration))


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
        ('{"views": {"scales": [1, 0]}}', r'"views": scales=\[1, 0\]: must be shares of a size, from 0.05 to 32'),
        ('{"views": {"digits": [0.5]}}', r'"views": digits=\(0\.5,\): crops need scales'),
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
            ReaderSettings.from_dict({'tuned_on': {'a': value}}, 'x.pth')


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r'gone\.json: cannot be read \(No such file or directory\); make one with'):
        read_reader(tmp_path / 'gone.json')


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='cannot write here'):
        write_reader(tmp_path / 'file' / 'reader.json', ReaderSettings())


def test_lists_as_json_has_them_become_tuples():
    assert Views([1, 2], [0.5]) == Views((1, 2), (0.5,))


def test_the_text_of_views():
    assert str(Views()) == ''
    assert str(Views((0.5, 1))) == 'test-time augmentation: image scales 0.5, 1'
    assert str(Views((1,), (0.45, 0.6))) == (
        'test-time augmentation: image scales 1, crops with digits of 0.45, 0.6 image heights'
    )


@pytest.mark.parametrize(
    ('scales', 'digits', 'said'),
    [
        ((1, -1), (), r'scales=\(1, -1\): must be shares of a size'),
        ((1,), 0.5, r'digits=0.5: must be shares of a size'),
        ((36,), (), r'scales=\(36,\): must be shares of a size, from 0\.05 to 32'),
        ((1, 1), (), r'scales=\(1, 1\): must ascend'),
        ((1,), (36, 48), r'digits=\(36, 48\): must be shares of a size, from 0\.05 to 2'),
        ((), (0.5,), r'digits=\(0\.5,\): crops need scales, too'),
    ],
)
def test_what_makes_no_sense_is_refused(scales, digits, said):
    with pytest.raises(UserError, match=said):
        Views(scales, digits)
