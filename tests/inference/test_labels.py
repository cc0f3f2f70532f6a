import json
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from helpers.columns import photo_of, reader_of_columns
from helpers.project import ROOT, run_tool

from custom.data.coco_reading import Findings, read_annotations
from custom.data.formats.coco import read_coco
from custom.data.formats.labels import check_labels
from custom.data.formats.yolo import read_yolo
from custom.inference.answers import answer_of
from custom.inference.labels import CONFIG, FORMATS, PHOTO_TAG, TAG, digits_of, labels_folder, write_labels
from custom.utils.errors import UserError


@pytest.fixture
def answers(tmp_path):
    """Answers of photos of 21, 1 and nothing; two have one stem, one name is unusual, all are unsure."""
    paths = [tmp_path / 'in' / name for name in ('a.png', 'a.bmp', 'tür & %.png')]
    paths[0].parent.mkdir()
    for path, number in zip(paths, ('21', '1', ''), strict=True):
        path.write_bytes(photo_of(number, path.suffix[1:].upper()))
    readings = reader_of_columns().read_many(paths)
    return [answer_of(i, path, reading, 1) for i, (path, reading) in enumerate(zip(paths, readings, strict=True))]


def boxes_of(truth):
    """Digit and xywh of each box, by the name of the photo."""
    names = dict(zip(truth.image_ids.tolist(), (Path(name).name for name in truth.file_names), strict=True))
    found = {name: [] for name in names.values()}
    for image_id, label, box in zip(truth.box_image_ids.tolist(), truth.labels, truth.bboxes.round(3), strict=True):
        found[names[image_id]].append((int(label), *box.tolist()))
    return {name: sorted(boxes) for name, boxes in found.items()}


EXPECTED = {'a.png': [(1, 20, 0, 10, 20), (2, 0, 0, 10, 20)], 'in_a.bmp': [(1, 0, 0, 10, 20)], 'tür & %.png': []}


def test_what_was_read_comes_back_from_coco_and_yolo(answers, tmp_path):
    for kind, read in (('coco', lambda folder, notes: read_coco(folder, None, notes)), ('yolo', read_yolo)):
        assert write_labels(tmp_path / kind, kind, answers) == 3
        truth, *_ = check_labels(tmp_path / kind, read(tmp_path / kind, Findings()), {})
        assert boxes_of(truth) == EXPECTED, kind
        assert (tmp_path / kind / 'images/in_a.bmp').read_bytes() == photo_of('1', 'BMP')


def test_scores_are_in_coco_and_in_label_studio(answers, tmp_path):
    write_labels(tmp_path / 'coco', 'coco', answers)
    content = json.loads((tmp_path / 'coco/annotations/instances_default.json').read_text())
    assert [entry['score'] for entry in content['annotations']] == [0.9] * 3
    assert min(entry['id'] for entry in [*content['annotations'], *content['images'], *content['categories']]) == 1
    assert write_labels(tmp_path / 'ls', 'label-studio', answers) == 3
    tasks = json.loads((tmp_path / 'ls/tasks.json').read_text())
    assert [[region['score'] for region in task['predictions'][0]['result']] for task in tasks] == [
        [0.9] * 2,
        [0.9],
        [],
    ]
    assert tasks[0]['predictions'][0]['score'] == 0.81  # of the number, by which photos are sorted


def test_label_studio_finds_the_photos_and_the_tags_and_the_boxes_are_percent(answers, tmp_path):
    write_labels(tmp_path / 'ls', 'label-studio', answers)
    for task in json.loads((tmp_path / 'ls/tasks.json').read_text()):
        place = re.fullmatch(r'/data/local-files/\?d=([\x21-\x7e]+)', task['data']['image'])[1]
        assert (tmp_path / 'ls' / unquote(place)).is_file()
        for region in task['predictions'][0]['result']:
            assert (region['from_name'], region['to_name']) == (TAG, PHOTO_TAG)
            value, size = region['value'], (region['original_width'], region['original_height'])
            box = [value[key] * size[i % 2] / 100 for i, key in enumerate(('x', 'y', 'width', 'height'))]
            name = Path(unquote(place)).name
            assert (int(value['rectanglelabels'][0]), *box) in [pytest.approx(one, abs=1e-4) for one in EXPECTED[name]]
    assert [label.get('value') for label in ElementTree.fromstring(CONFIG).iter('Label')] == list('0123456789')


def test_the_digits_of_all_numbers_and_those_left_out_are_labels_once():
    reading = reader_of_columns().read(photo_of('12'))
    assert digits_of(reading) == reading.digits
    assert digits_of(reading._replace(left_out=(reading.digits[0],))) == reading.digits
    assert digits_of(reading._replace(numbers=(), left_out=reading.digits)) == reading.digits


def test_boxes_stay_in_the_photo(answers, tmp_path):
    reading = answers[1].reading
    digit = reading.digits[0]._replace(bbox=(-3.0, -2.0, 9.5, 99.0))
    gone = digit._replace(bbox=(-9.0, 0.0, 0.4, 20.0))
    reading = reading._replace(numbers=(reading.numbers[0]._replace(digits=(digit, gone)),))
    assert write_labels(tmp_path / 'out', 'coco', [answers[1]._replace(reading=reading)]) == 1
    entry = json.loads((tmp_path / 'out/annotations/instances_default.json').read_text())['annotations'][0]
    assert entry['bbox'] == [0, 0, 9.5, 20]


@pytest.mark.parametrize('kind', FORMATS)
def test_corrected_labels_are_not_replaced(answers, tmp_path, kind):
    write_labels(labels_folder(tmp_path, kind), kind, answers)
    with pytest.raises(UserError, match=f'{kind}: holds labels, perhaps corrected ones; choose another --out'):
        labels_folder(tmp_path, kind)
    answers[0].path.unlink()
    with pytest.raises(UserError, match=r'a\.png: no such file'):
        write_labels(tmp_path / 'other', kind, answers)
    assert not (tmp_path / 'other').exists()


@pytest.mark.integration
def test_predict_writes_labels_that_prepare_data_imports(tmp_path):
    (tmp_path / 'in').mkdir()
    for i in range(4):
        (tmp_path / f'in/{i}.png').write_bytes((ROOT / 'examples/house.png').read_bytes())
    done = run_tool('predict.py', tmp_path / 'in', '--out', tmp_path / 'out', '--labels', 'coco', '--device', 'cpu')
    assert done.returncode == 0, done.stderr
    assert ' boxes on 4 photos, to be corrected; tools/prepare_data.py imports the export' in done.stderr
    command = ['coco', '--src', tmp_path / 'out/coco', '--out', tmp_path / 'data', '--valid-fraction', '0.5']
    done = run_tool('prepare_data.py', *command, '--ignore-copies')
    assert done.returncode == 0, done.stderr
    labels = [
        read_annotations(tmp_path / f'data/{split}.json', tmp_path / 'data' / split) for split in ('train', 'valid')
    ]
    read = json.loads((tmp_path / 'out/pred.json').read_text())
    assert sum(map(len, (truth.labels for truth in labels))) <= len(read)
    done = run_tool('predict.py', tmp_path / 'in', '--out', tmp_path / 'out', '--labels', 'coco')
    assert (done.returncode, done.stderr.count('\n')) == (2, 1)
    done = run_tool('predict.py', tmp_path / 'in', '--labels', 'coco')
    assert (done.returncode, '--labels: needs --out DIR, and photos' in done.stderr) == (2, True)
