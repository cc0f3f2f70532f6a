"""tools/draw_detections.py as a person runs it."""

import json

import numpy as np
import pytest
from helpers.project import coco, run_tool
from PIL import Image

from custom.visualization.pictures import RIGHT, WRONG

pytestmark = pytest.mark.integration

NAMES = {1: '1.png', 2: 'ü 日本, "x"\n.png', 10: '10.png'}

ONE_OF_3 = 'number accuracy 0.333 (1 of 3 photos; 95 % interval 0.061-0.792, Wilson)'


def run(*arguments):
    return run_tool('draw_detections.py', *arguments)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'my photos'
    folder.mkdir()
    for name in NAMES.values():
        Image.new('RGB', (60, 40)).save(folder / name)
    return folder


@pytest.fixture
def pred_json(tmp_path):
    """10 reads 05, 1 reads 3 (from 0.3 on: 37)."""
    boxes = [(10, 30, 5, 0.9), (10, 5, 0, 0.8), (1, 5, 3, 0.7), (1, 20, 7, 0.3)]
    path = tmp_path / 'out' / 'pred.json'
    path.parent.mkdir()
    entries = [
        {'image_id': image_id, 'bbox': [left, 5, 10, 20], 'score': score, 'category_id': digit + 1}
        for image_id, left, digit, score in boxes
    ]
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture
def ann(tmp_path):
    """The truth of the same photos: 05, 37 and 1 (on the photo 2, where nothing is found)."""
    boxes = [(10, 5, 0), (10, 30, 5), (1, 5, 3), (1, 20, 7), (2, 5, 1)]
    annotations = [
        {'id': i, 'image_id': image_id, 'bbox': [left, 5, 10, 20], 'area': 200, 'iscrowd': 0, 'category_id': digit + 1}
        for i, (image_id, left, digit) in enumerate(boxes, start=1)
    ]
    images = [{'id': i, 'file_name': name, 'width': 60, 'height': 40} for i, name in NAMES.items()]
    path = tmp_path / 'valid.json'
    path.write_text(json.dumps(coco(images, annotations)))
    return path


def captions(path):
    """How many pixels of the sheet are the background of a right and of a wrong caption."""
    sheet = np.asarray(Image.open(path))
    return [int((sheet == colours[1]).all(axis=2).sum()) for colours in (RIGHT, WRONG)]


def test_draws_beside_pred_json(photos, pred_json):
    done = run(pred_json, '--images', photos)
    out = pred_json.with_name('detections.png')
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f'{out}: 3 of 3 photos, a number read on 2 of 3\n'
    with Image.open(out) as image:
        assert (image.format, image.mode) == ('PNG', 'RGB')
    assert captions(out) == [0, 0]
    assert sorted(path.name for path in pred_json.parent.iterdir()) == ['detections.png', 'pred.json']
    before = out.read_bytes()
    assert run(pred_json, '--images', photos).returncode == 0
    assert out.read_bytes() == before


def test_shows_what_is_right_and_wrong(tmp_path, photos, pred_json, ann):
    out = tmp_path / 'deep' / 'er' / 'sheet.PNG'
    done = run(pred_json, '--images', photos, '--ann', ann, '--out', out)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f'{out}: 3 of 3 photos, {ONE_OF_3}\n'
    right, wrong = captions(out)
    assert 1.5 * right < wrong < 2.5 * right
    done = run(pred_json, '--images', photos, '--ann', ann, '--out', out, '--score-thr', 0.3)
    assert done.stdout.endswith('number accuracy 0.667 (2 of 3 photos; 95 % interval 0.208-0.939, Wilson)\n')
    right, wrong = captions(out)
    assert 1.5 * wrong < right < 2.5 * wrong
    pred_json.with_name('reader.json').write_text('{"number": {"score_thr": 0.3}}')
    done = run(pred_json, '--images', photos, '--ann', ann, '--out', out)
    assert done.stdout.endswith('number accuracy 0.667 (2 of 3 photos; 95 % interval 0.208-0.939, Wilson)\n')
    done = run(pred_json, '--images', photos, '--ann', ann, '--out', out, '--reader', 'none')
    assert done.stdout.endswith(f'{ONE_OF_3}\n')


def test_a_json_without_boxes_is_an_unlabelled_list(photos, pred_json, ann):
    images = json.loads(ann.read_text())['images']
    ann.write_text(json.dumps(coco(images, [])))
    done = run(pred_json, '--images', photos, '--ann', ann)
    assert (done.returncode, done.stderr) == (0, '')
    out = pred_json.with_name('detections.png')
    assert done.stdout == f'{out}: 3 of 3 photos, a number read on 2 of 3\n'
    assert captions(out) == [0, 0]


def test_chooses_evenly_and_scores_all(photos, pred_json, ann):
    done = run(pred_json, '--images', photos, '--ann', ann, '--photos', 1)
    out = pred_json.with_name('detections.png')
    assert done.stdout == f'{out}: 1 of 3 photos, {ONE_OF_3}\n'
    right, wrong = captions(out)  # the middle one, 2, where nothing was read
    assert right == 0 < wrong


def test_no_detection_at_all_is_drawn(photos, pred_json):
    pred_json.write_text('[]')
    done = run(pred_json, '--images', photos)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.endswith('3 of 3 photos, a number read on 0 of 3\n')


def test_a_missing_photo_is_named_and_an_old_sheet_stays(tmp_path, photos, pred_json, ann):
    out = pred_json.with_name('detections.png')
    out.write_text('old')
    (photos / '10.png').unlink()
    done = run(pred_json, '--images', photos, '--ann', ann)
    assert (done.returncode, done.stdout) == (2, '')
    wanted = f'give the folder of the photos in {ann} with --images'
    assert done.stderr == f'error: {photos}/10.png: no such photo; {wanted}\n'
    (photos / '10.png').write_text('no photo')
    done = run(pred_json, '--images', photos, '--ann', ann)
    assert done.stderr.startswith(f'error: {photos}/10.png: is not a photo that can be read; replace or remove it; ')
    assert out.read_text() == 'old'
    assert sorted(path.name for path in pred_json.parent.iterdir()) == ['detections.png', 'pred.json']


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--images', 'PHOTOS/none'], 'none: no such folder'),
        (['--images', 'EMPTY'], 'holds no photo'),
        (['--images', 'PHOTOS', '--ann', 'gone.json'], 'gone.json: no such file'),
        (['--images', 'PHOTOS', '--score-thr', '7'], 'score_thr=7.0: must be a number from 0 to 1'),
        (['--images', 'PHOTOS', '--photos', '0'], '--photos 0: must be from 1 to 200'),
        (['--images', 'PHOTOS', '--photos', '201'], '--photos 201: must be from 1 to 200'),
        (['--images', 'PHOTOS', '--out', 'x.jpg'], '--out x.jpg: must end in .png'),
        (['--images', 'PHOTOS', '--out', 'PHOTOS/1.png'], '1.png: would lie among the photos and count as one'),
        ([], 'the following arguments are required: --images'),
    ],
)
def test_wrong_arguments(tmp_path, photos, pred_json, arguments, said):
    (tmp_path / 'EMPTY').mkdir()
    before = (photos / '1.png').read_bytes()
    places = {'PHOTOS': str(photos), 'EMPTY': str(tmp_path / 'EMPTY')}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    done = run(pred_json, *arguments)
    assert (done.returncode, done.stdout) == (2, '')
    assert said in done.stderr
    assert 'Traceback' not in done.stderr
    assert (photos / '1.png').read_bytes() == before
    assert [path.name for path in pred_json.parent.iterdir()] == ['pred.json']


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda text: text.replace('"image_id": 10', '"image_id": 11'), '1 of its image ids are none of the 3 photos'),
        (lambda text: text[:-9], 'not JSON'),
        (lambda text: '{}', 'must be a list of detections'),
    ],
)
def test_a_wrong_pred_json_is_one_line(photos, pred_json, change, said):
    pred_json.write_text(change(pred_json.read_text()))
    done = run(pred_json, '--images', photos)
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith(f'error: {pred_json}: ')
    assert said in done.stderr
    assert done.stderr.count('\n') == 1
