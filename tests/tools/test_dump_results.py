"""tools/dump_results.py as a person runs it."""

import csv
import json
import zipfile

import pytest
from helpers.project import run_tool
from PIL import Image

pytestmark = pytest.mark.integration

DEFAULT = 'reader: score threshold 0.6 from the defaults (no reader.json)\n'


def run(*arguments):
    return run_tool('dump_results.py', *arguments)


def entry(image_id, left, digit, score):
    return {'image_id': image_id, 'bbox': [left, 5, 10, 20], 'score': score, 'category_id': digit + 1}


@pytest.fixture
def photos(tmp_path):
    """Photos 1, 2 and 10, of 60x40 pixels, in tmp_path/photos."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    for name in ('10.png', '2.png', '1.png'):
        Image.new('RGB', (60, 40)).save(folder / name)
    return folder


@pytest.fixture
def pred_json(tmp_path):
    """10 reads 05, 2 reads 3 (from 0.3 on: 37), 1 has no box."""
    boxes = [entry(10, 30, 5, 0.9), entry(10, 5, 0, 0.8), entry(2, 5, 3, 0.7), entry(2, 20, 7, 0.3)]
    path = tmp_path / 'out' / 'pred.json'
    path.parent.mkdir()
    path.write_text(json.dumps(boxes))
    return path


@pytest.fixture
def ann(tmp_path):
    """The truth of the same photos: 05, 37, 1."""
    boxes = [(10, 5, 0), (10, 30, 5), (2, 5, 3), (2, 20, 7), (1, 5, 1)]
    path = tmp_path / 'valid.json'
    truth = {
        'images': [{'id': i, 'file_name': f'{i}.png', 'width': 60, 'height': 40} for i in (1, 2, 10)],
        'categories': [{'id': i + 1, 'name': str(i)} for i in range(10)],
        'annotations': [
            {
                'id': i,
                'image_id': image_id,
                'bbox': [left, 5, 10, 20],
                'area': 200,
                'iscrowd': 0,
                'category_id': digit + 1,
            }
            for i, (image_id, left, digit) in enumerate(boxes, start=1)
        ],
    }
    path.write_text(json.dumps(truth))
    return path


def test_makes_csv_and_zip_beside_pred_json(photos, pred_json):
    done = run(pred_json, '--images', photos)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f'{pred_json.parent}: 3 photos, 2 with a number, 4 boxes\n{DEFAULT}'
    assert sorted(path.name for path in pred_json.parent.iterdir()) == ['pred.csv', 'pred.json', 'submission.zip']
    text = 'image_id,pred_label\n1,-1\n2,3\n10,05\n'
    assert (pred_json.parent / 'pred.csv').read_text() == text
    with zipfile.ZipFile(pred_json.parent / 'submission.zip') as archive:
        assert archive.namelist() == ['pred.json', 'pred.csv']
        assert archive.read('pred.json') == pred_json.read_bytes()
        assert archive.read('pred.csv').decode() == text
    for checked in (pred_json, pred_json.with_name('submission.zip')):
        done = run(checked, '--images', photos, '--check')
        assert (done.returncode, done.stdout) == (0, 'ok: 3 photos, 2 with a number, 4 boxes\n')


def test_writes_to_another_folder_with_another_threshold(tmp_path, photos, pred_json):
    out = tmp_path / 'deep' / 'er'
    mine = pred_json.rename(pred_json.with_name('mine.json'))
    done = run(mine, '--images', photos, '--out', out, '--score-thr', 0.3)
    assert done.returncode == 0, done.stderr
    assert (out / 'pred.csv').read_text() == 'image_id,pred_label\n1,-1\n2,37\n10,05\n'
    assert (out / 'pred.json').read_bytes() == mine.read_bytes()
    assert [path.name for path in mine.parent.iterdir()] == ['mine.json']
    again = run(out / 'pred.json', '--images', photos)  # the way to read was written beside
    assert again.stdout.splitlines()[1] == f'reader: score threshold 0.3 from {out / "reader.json"}'
    assert (out / 'pred.csv').read_text() == 'image_id,pred_label\n1,-1\n2,37\n10,05\n'


def test_another_pred_json_is_not_overwritten_unasked(photos, pred_json):
    mine = pred_json.with_name('mine.json')
    mine.write_text('[]')
    before = pred_json.read_bytes()
    done = run(mine, '--images', photos)
    assert done.returncode == 2
    assert 'choose a place with --out' in done.stderr
    assert pred_json.read_bytes() == before
    assert not pred_json.with_name('pred.csv').exists()


def test_scores_with_the_truth(ann, pred_json):
    done = run(pred_json, '--ann', ann)
    # digits 0, 3, 5, 7 are found, 1 is not: AP 4/5; of the numbers only 05 is right
    lines = done.stdout.splitlines()
    assert lines[2] == 'number accuracy 0.333 (1 of 3 photos; 95 % interval 0.061-0.792, Wilson)'
    assert [line for line in lines if line.startswith('AP 0.800 (')]
    assert '  by digit: 0 1.000  1 0.000  3 1.000  5 1.000  7 1.000' in lines
    done = run(pred_json, '--ann', ann, '--score-thr', 0.3)
    assert done.stdout.splitlines()[2].startswith('number accuracy 0.667 (2 of 3 photos; ')
    assert run(pred_json, '--ann', ann, '--check').stdout.startswith('ok: 3 photos')


def test_the_reader_beside_pred_json_is_used_unless_another_is_given(tmp_path, photos, pred_json):
    beside, mine = pred_json.with_name('reader.json'), tmp_path / 'mine.json'
    beside.write_text('{"number": {"score_thr": 0.75, "fallback_thrs": [0.3]}, "fingerprint": "0123456789abcdef"}')
    mine.write_text('{"number": {"score_thr": 0.85}}')

    def numbers(*arguments):
        done = run(pred_json, '--images', photos, *arguments)
        assert done.returncode == 0, done.stderr
        return pred_json.with_name('pred.csv').read_text().split()[1:], done.stdout.splitlines()[1]

    assert numbers() == (['1,-1', '2,37', '10,05'], f'reader: score thresholds 0.75, 0.3 from {beside}')
    assert numbers('--reader', mine) == (['1,-1', '2,-1', '10,5'], f'reader: score threshold 0.85 from {mine}')
    assert numbers('--reader', 'none') == (
        ['1,-1', '2,3', '10,05'],
        'reader: score threshold 0.6 from the defaults (no reader.json)',
    )
    assert numbers('--score-thr', 0.3) == (
        ['1,-1', '2,37', '10,05'],
        f'reader: score threshold 0.3 from --score-thr, other settings from {beside}',
    )
    assert json.loads(beside.read_text())['fingerprint'] == '0123456789abcdef'  # as it was


def test_a_json_without_boxes_is_an_unlabelled_list(ann, pred_json):
    images = json.loads(ann.read_text())['images']
    ann.write_text(json.dumps({'images': images[::-1]}))
    done = run(pred_json, '--ann', ann)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f'{pred_json.parent}: 3 photos, 2 with a number, 4 boxes\n{DEFAULT}'
    assert pred_json.with_name('pred.csv').read_text() == 'image_id,pred_label\n10,05\n2,3\n1,-1\n'
    done = run(pred_json, '--ann', ann, '--check')
    assert (done.returncode, done.stdout) == (0, 'ok: 3 photos, 2 with a number, 4 boxes\n')


def test_photos_whose_names_are_no_ids_get_a_map(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    Image.new('RGB', (60, 40)).save(folder / 'my, house.png')
    (tmp_path / 'pred.json').write_text('[]')
    done = run(tmp_path / 'pred.json', '--images', folder)
    assert done.returncode == 0, done.stderr
    with (tmp_path / 'images.csv').open(newline='') as file:
        (row,) = csv.DictReader(file)
    assert row['file_name'] == 'my, house.png'
    assert (tmp_path / 'pred.csv').read_text() == f'image_id,pred_label\n{row["image_id"]},-1\n'


def test_check_lists_the_problems_of_the_zip(photos, pred_json):
    run(pred_json, '--images', photos)
    pred_csv, zipped = pred_json.with_name('pred.csv'), pred_json.with_name('submission.zip')
    with zipfile.ZipFile(zipped, 'w') as archive:
        archive.write(pred_json, 'pred.json')
        archive.writestr('pred.csv', 'image_id,pred_label\n1,-1\n10,5\n')
    done = run(zipped, '--images', photos, '--check')
    assert (done.returncode, done.stderr) == (1, '')
    assert done.stdout.splitlines() == [
        f'{zipped}: 2 kind(s) of problem',
        f'  - {zipped}: its pred.csv is not the same as {pred_csv}; make the zip again',
        f'  - {zipped}:pred.csv: 1 of 3 photos have no row; first: 2',
    ]


def test_check_writes_nothing(photos, pred_json):
    done = run(pred_json, '--images', photos, '--check')
    assert done.returncode == 1
    assert done.stdout.count('no such file') == 2
    assert [path.name for path in pred_json.parent.iterdir()] == ['pred.json']


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda text: text.replace('"image_id": 10', '"image_id": 11'), '1 of its image ids are none of the 3 photos'),
        (lambda text: text.replace('0.9', 'NaN'), 'entry 0 (from 0): score nan is not finite'),
        (lambda text: text[:-9], 'not JSON'),
    ],
)
def test_a_wrong_pred_json_is_one_line_and_writes_nothing(photos, pred_json, change, said):
    pred_json.write_text(change(pred_json.read_text()))
    done = run(pred_json, '--images', photos)
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith(f'error: {pred_json}: ')
    assert said in done.stderr
    assert done.stderr.count('\n') == 1
    assert [path.name for path in pred_json.parent.iterdir()] == ['pred.json']


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--images', 'PHOTOS', '--score-thr', '7'], 'score_thr=7.0: must be a number from 0 to 1'),
        (['--images', 'PHOTOS', '--reader', 'PHOTOS/1.png'], '1.png: not JSON'),
        (['--images', 'PHOTOS', '--check', '--reader', 'none'], '--check writes nothing'),
        (['--images', 'PHOTOS/none'], 'none: no such folder'),
        (['--images', 'PHOTOS', '--check', '--out', 'x'], '--check writes nothing'),
        ([], 'one of the arguments --images --ann is required'),
    ],
)
def test_wrong_arguments(photos, pred_json, arguments, said):
    done = run(pred_json, *(argument.replace('PHOTOS', str(photos)) for argument in arguments))
    assert done.returncode == 2
    assert said in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_missing_pred_json(tmp_path, photos):
    for extra in ([], ['--check']):
        done = run(tmp_path / 'gone.json', '--images', photos, *extra)
        assert done.returncode == 2
        assert done.stderr.startswith(f'error: {tmp_path}/gone.json: ')


@pytest.mark.parametrize('name', ['', 'pred.csv', 'submission.zip', 'pred.json'])
def test_the_check_takes_any_of_the_files_or_their_folder(photos, pred_json, name):
    run(pred_json, '--images', photos)
    done = run(pred_json.parent / name, '--images', photos, '--check')
    assert (done.returncode, done.stdout) == (0, 'ok: 3 photos, 2 with a number, 4 boxes\n')
    (pred_json.parent / 'pred.csv').write_text('image_id,pred_label\n')
    done = run(pred_json.parent / name, '--images', photos, '--check')
    assert done.returncode == 1
    assert 'its pred.csv is not the same as' in done.stdout


def test_a_folder_without_the_files_is_refused(photos, tmp_path):
    done = run(photos, '--images', photos, '--check')
    assert done.returncode == 2
    assert 'no such file; give a pred.json, pred.csv or submission.zip, or their folder' in done.stderr


def test_a_submission_on_a_photo_of_any_shape_is_checked(photos, pred_json):
    Image.new('RGB', (2000, 2)).save(photos / '3.png')
    run(pred_json, '--images', photos)
    done = run(pred_json, '--images', photos, '--check')
    assert (done.returncode, done.stdout) == (0, 'ok: 4 photos, 2 with a number, 4 boxes\n')
