import json
import os

import numpy as np
import pytest
from helpers.report_scene import HOSTILE, write_run, write_scene

from custom.report.sources import find_sources, read_material
from custom.utils.errors import UserError


@pytest.fixture
def work(tmp_path):
    return write_run(tmp_path)


def test_a_work_dir_finds_its_predictions_truth_and_photos(work):
    root = work.parent
    expected = (work / 'valid' / 'pred.json', root / 'valid.json', root / 'valid', work, [])
    assert find_sources(work) == expected
    assert find_sources(work / 'valid' / 'pred.json') == expected  # the run is found from them
    assert find_sources(work / 'valid') == expected


def test_arguments_override_the_run(work, tmp_path):
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other.json').write_text('{}')
    found = find_sources(work, tmp_path / 'other.json')
    assert (found.ann, found.images) == (tmp_path / 'other.json', tmp_path / 'other')
    found = find_sources(work, images=tmp_path / 'other')
    assert (found.ann, found.images) == (work.parent / 'valid.json', tmp_path / 'other')


def test_valid_is_the_first_of_several_predictions(work):
    for age, name in enumerate(('test', 'mine', 'yours')):
        (work / name).mkdir()
        (work / name / 'pred.json').write_text('[]')
        os.utime(work / name / 'pred.json', (1000 - age, 1000 - age))
    found = find_sources(work)
    assert found.pred_json == work / 'valid' / 'pred.json'
    others = ', '.join(str(work / name / 'pred.json') for name in ('test', 'mine', 'yours'))
    assert found.notes == [f'This report is of {found.pred_json}; there are others: {others}.']
    (work.parent / 'yours.json').write_text('{}')
    assert find_sources(work, work.parent / 'yours.json').pred_json == work / 'yours' / 'pred.json'
    (work.parent / 'test.json').write_text('{}')
    assert find_sources(work, work.parent / 'test.json').pred_json == work / 'test' / 'pred.json'
    (work / 'valid' / 'pred.json').unlink()
    (work / 'test' / 'pred.json').unlink()
    found = find_sources(work)
    assert (found.pred_json, found.ann) == (work / 'mine' / 'pred.json', None)
    assert 'does not name the photos of “mine”' in found.notes[1]


def test_a_test_split_with_and_without_truth(work):
    (work / 'valid').rename(work / 'test')
    config = next(work.glob('*.py'))
    config.write_text(config.read_text().replace("data_root='data/synth'", f'data_root={str(work.parent)!r}'))
    (work.parent / 'test').mkdir()
    found = find_sources(work)
    assert (found.ann, found.images, found.notes) == (None, work.parent / 'test', [])
    (work.parent / 'test.json').write_text('{"bbox": 1}')
    assert find_sources(work).ann == work.parent / 'test.json'
    (work.parent / 'test.json').write_bytes(b'"bbox" \xff')  # refused by read_annotations
    assert find_sources(work).ann == work.parent / 'test.json'


def test_missing_files_of_the_config_are_noted(work):
    root = work.parent
    (root / 'valid.json').rename(root / 'moved.json')
    found = find_sources(work)
    assert (found.ann, found.images) == (None, root / 'valid')
    assert found.notes == [f'{root}/valid.json, from the config of the run, does not exist: give its new place as ANN.']
    (root / 'valid').rename(root / 'moved')
    assert f'{root}/valid, from the config of the run, does not exist' in find_sources(work).notes[1]


def test_a_config_without_photos(work):
    next(work.glob('*.py')).write_text('seed = 1')
    found = find_sources(work)
    assert (found.ann, found.images) == (None, None)
    assert 'does not name the photos (' in found.notes[0]


def test_the_config_of_a_run_is_not_executed(work):
    ran = work / 'ran'
    with next(work.glob('*.py')).open('a') as file:
        file.write(f"\nopen({str(ran)!r}, 'w')\n")
    found = find_sources(work / 'valid' / 'pred.json')
    assert (found.ann, found.images) == (None, None)
    assert 'does not name the photos (' in found.notes[0] and 'is no dumped config' in found.notes[0]
    assert not ran.exists()


def test_a_work_dir_without_predictions(work):
    (work / 'valid' / 'pred.json').unlink()
    found = find_sources(work)
    assert found[:4] == (None, None, None, work)
    assert f'--work-dir {work} --split valid --dump' in found.notes[0]


def test_predictions_alone(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    assert find_sources(pred_json) == (pred_json, None, None, None, [])
    assert find_sources(pred_json, ann) == (pred_json, ann, tmp_path / 'valid', None, [])
    (tmp_path / 'valid').rename(tmp_path / 'moved')
    assert find_sources(pred_json, ann).images is None


def test_missing_files(tmp_path):
    with pytest.raises(UserError, match='gone: no such file or folder'):
        find_sources(tmp_path / 'gone')
    with pytest.raises(UserError, match='is no work dir'):
        find_sources(tmp_path)
    pred_json, ann = write_scene(tmp_path)
    with pytest.raises(UserError, match='gone: no such folder'):
        find_sources(pred_json, ann, tmp_path / 'gone')


def test_the_material(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    material = read_material(pred_json, ann, tmp_path / 'valid')
    assert material.names == dict(enumerate(HOSTILE, start=1))
    assert len(material.detections) == 9 and material.truth is not None
    assert [note.split(': ', 1)[1] for note in material.notes] == [
        "1 × category that is no digit, unused and left out; first: '<b>no digit</b>'."
    ]


def test_the_material_of_a_folder_and_of_pred_json_alone(tmp_path):
    names = [f'{i}.png' for i in range(1, 7)]
    pred_json, _ = write_scene(tmp_path, names)
    material = read_material(pred_json, None, tmp_path / 'valid')
    assert list(material.names.values()) == names and material.truth is None
    material = read_material(pred_json, None, None)
    assert material.names == {i: f'photo {i}' for i in (1, 2, 3, 5, 6)}  # 4 has no detection
    assert material.notes[0] == 'Without ANN or --images only photos that have a box are known.'


def test_files_that_do_not_belong_together(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    pred_json.write_text(json.dumps([{'image_id': 99, 'bbox': [0, 0, 1, 1], 'score': 1, 'category_id': 1}]))
    with pytest.raises(UserError, match='1 of its image ids are none of the 6 photos'):
        read_material(pred_json, ann, None)


def test_a_photo_without_a_box_is_known_by_its_json(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    pred_json.write_text('[]')
    material = read_material(pred_json, ann, None)
    assert np.array_equal(list(material.names), np.arange(1, 7))
    assert material.notes[-1] == f'{pred_json} has no box on any photo.'
