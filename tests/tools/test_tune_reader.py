"""tools/tune_reader.py as a person runs it."""

import json

import pytest
from helpers.project import coco, run_tool

from custom.reading.settings import ReaderSettings, Views, read_reader, write_reader

pytestmark = pytest.mark.integration


@pytest.fixture
def predictions(tmp_path):
    """Thirty photos with 12, found together with a phantom 3 that scores 0.6."""
    images, truth, found = [], [], []
    for image_id in range(30):
        images.append({'id': image_id, 'file_name': f'{image_id}.png', 'width': 60, 'height': 30})
        for i, digit in enumerate((1, 2, 3)):
            box = {'image_id': image_id, 'category_id': digit + 1, 'bbox': [10 * i, 5, 8, 20]}
            found.append(box | {'score': (0.95, 0.9, 0.6)[i]})
            if digit < 3:
                truth.append(box | {'id': len(truth) + 1, 'area': 160, 'iscrowd': 0})
    (tmp_path / 'valid').mkdir()
    (tmp_path / 'valid' / 'pred.json').write_text(json.dumps(found))
    (tmp_path / 'valid.json').write_text(json.dumps(coco(images, truth)))
    return tmp_path / 'valid' / 'pred.json', tmp_path / 'valid.json'


def test_writes_reader_json_beside_the_predictions(predictions):
    pred_json, ann = predictions
    done = run_tool('tune_reader.py', pred_json, ann)
    assert (done.returncode, done.stderr) == (0, '')
    lines = done.stdout.splitlines()
    assert 'number accuracy on 30 photos of valid.json:' in lines
    assert '  0.000 (0.000-0.114) with the default settings' in lines
    assert '  1.000 (0.886-1.000) cross-validated, 10 folds: the estimate for new photos' in lines
    assert lines[-1] == str(pred_json.with_name('reader.json'))
    reader = read_reader(pred_json.with_name('reader.json'))
    assert reader.number.score_thr > 0.6
    assert reader.fingerprint is None
    assert sorted(path.name for path in pred_json.parent.iterdir()) == ['pred.json', 'reader.json']
    # dump_results.py takes it by itself
    scored = run_tool('dump_results.py', pred_json, '--ann', ann)
    assert 'number accuracy 1.000 (30 of 30 photos' in scored.stdout


def test_several_sets_and_numbers_without_boxes(predictions, tmp_path):
    pred_json, ann = predictions
    found = [{**box, 'image_id': 7 + box['image_id'] % 2} for box in json.loads(pred_json.read_text())[:6]]
    (tmp_path / 'meters.json').write_text(json.dumps(found))
    (tmp_path / 'meters.csv').write_text('file,number\n7.png,12;3\n8.png,12\n9.png,\n')
    arguments = [pred_json, ann, tmp_path / 'meters.json', tmp_path / 'meters.csv', '--out', tmp_path / 'both.json']
    done = run_tool('tune_reader.py', *arguments)
    assert (done.returncode, done.stderr) == (0, '')
    tuned_on = read_reader(tmp_path / 'both.json').tuned_on
    assert (tuned_on['source'], tuned_on['photos']) == ('valid.json, meters.csv', 33)
    assert [own['photos'] for own in tuned_on['sets'].values()] == [30, 3]
    assert tuned_on['sets']['meters.csv']['empty'] == 1
    odd = run_tool('tune_reader.py', *arguments[:3])
    assert odd.returncode == 2 and 'needs the COCO json or CSV of its photos behind it' in odd.stderr


def test_out(predictions, tmp_path):
    done = run_tool('tune_reader.py', *predictions, '--out', tmp_path / 'new' / 'mine.json')
    assert done.returncode == 0
    assert read_reader(tmp_path / 'new' / 'mine.json').tuned_on['photos'] == 30
    assert not predictions[0].with_name('reader.json').exists()


def test_the_views_and_the_weights_of_the_predictions_are_kept(predictions):
    beside = predictions[0].with_name('reader.json')
    write_reader(beside, ReaderSettings(fingerprint='ab12', views=Views((0.75, 1), (0.5,))))
    assert run_tool('tune_reader.py', *predictions).returncode == 0
    reader = read_reader(beside)
    assert (reader.views, reader.tuned_on['photos'], reader.fingerprint) == (Views((0.75, 1), (0.5,)), 30, 'ab12')


def fails(said, *arguments):
    done = run_tool('tune_reader.py', *arguments)
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith('error: ') and 'Traceback' not in done.stderr
    assert said in done.stderr


def test_bad_input_ends_without_a_traceback_and_writes_nothing(predictions, tmp_path):
    pred_json, ann = predictions
    fails('gone.json: cannot be read', tmp_path / 'gone.json', ann)
    other = tmp_path / 'other.json'
    other.write_text(json.dumps([{'image_id': 99, 'category_id': 1, 'bbox': [0, 0, 1, 1], 'score': 1}]))
    fails('1 of its image ids are none of the 30 photos', other, ann)
    other.write_text('[]')
    fails('valid.json: no box on any of the 30 photos scores 0.05 or more', other, ann)
    other.write_text(json.dumps(coco([], [])))
    fails('no photo', pred_json, other)
    other.write_text(json.dumps(coco(json.loads(ann.read_text())['images'], [])))
    fails('no usable box', pred_json, other)
    assert not pred_json.with_name('reader.json').exists()
    fails('cannot write here', pred_json, ann, '--out', ann / 'reader.json')
