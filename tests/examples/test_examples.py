"""The programs of examples/, run as a person would, outside the project's folder."""

import json
import os
import subprocess
import sys

import pytest
from helpers.project import FAST, ROOT, coco, run_tool
from PIL import Image, ImageDraw, ImageFont

pytestmark = pytest.mark.integration
HOUSE = '43250'  # the number on examples/house.png


def run_example(name, *args, cwd):
    command = [sys.executable, ROOT / 'examples' / name, *args]
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, 'PYTHONPATH': str(ROOT)}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_example_has_a_test():
    assert {path.name for path in (ROOT / 'examples').iterdir() if path.suffix in ('.py', '.ipynb')} == {
        'read_boxes.py',
        'read_photos.ipynb',
        'read_photos.py',
        'score_predictions.py',
        'search_settings.py',
    }


def test_the_photo_of_the_readme_is_read_rightly():
    name, number, confidence, *_ = run_tool('predict.py', 'examples/house.png').stdout.split('\t')
    assert (name, number) == ('examples/house.png', HOUSE)
    assert float(confidence) >= 0.5  # so that it is no "unsure" in the examples
    assert (ROOT / 'examples/house.png').stat().st_size < 100_000


def test_read_photos_in_a_notebook(monkeypatch):
    nbclient = pytest.importorskip('nbclient', reason='nbclient is not installed')
    nbformat = pytest.importorskip('nbformat', reason='nbformat is not installed')
    pytest.importorskip('ipykernel', reason='ipykernel is not installed')
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    content = nbformat.read(ROOT / 'examples/read_photos.ipynb', 4)
    nbclient.NotebookClient(content, timeout=300, resources={'metadata': {'path': ROOT / 'examples'}}).execute()
    reader, picture, digits, _, table = [cell for cell in content.cells if cell.cell_type == 'code']
    assert reader.outputs[-1].data['text/plain'].startswith('<DigitReader: score threshold ')
    assert picture.outputs[-1].data['text/html'].startswith('<img alt="&lt;PhotoReading ')
    assert digits.outputs[0].text.startswith(f'{HOUSE} ')
    assert 'gone.jpg: no such file' in table.outputs[-1].data['text/html']


def test_read_photos(tmp_path):
    photo = Image.new('RGB', (120, 80), 'white')
    ImageDraw.Draw(photo).text((20, 10), '58', 'black', font=ImageFont.load_default(60))
    photo.save(tmp_path / 'house.png')
    first, *digits, error = run_example('read_photos.py', 'house.png', 'gone.png', cwd=tmp_path)
    assert first.startswith('house.png: 58, confidence ')
    assert [line.split()[0] for line in digits] == ['5', '8']
    assert error == 'error: gone.png: no such file'


def test_read_boxes(tmp_path):
    lines = run_example('read_boxes.py', cwd=tmp_path)
    assert [line.rpartition(' ')[2] for line in lines] == ['105', '1057', '15']


def test_score_predictions(tmp_path):
    images = [{'id': 1, 'file_name': '1.png', 'width': 40, 'height': 20}]
    box = {'id': 1, 'image_id': 1, 'category_id': 8, 'bbox': [5, 4, 8, 12], 'area': 96, 'iscrowd': 0}
    (tmp_path / 'ann.json').write_text(json.dumps(coco(images, [box])))
    found = {'image_id': 1, 'bbox': [5, 4, 8, 12], 'score': 0.9, 'category_id': 8}
    (tmp_path / 'pred.json').write_text(json.dumps([found]))
    lines = run_example('score_predictions.py', 'pred.json', 'ann.json', cwd=tmp_path)
    assert lines[0].startswith('number accuracy 1.000 (1 of 1 photo')
    assert any(line.startswith('AP 1.000') for line in lines)


@pytest.mark.slow
def test_search_settings(tmp_path, tiny_root):
    """Two trials, the second one by a search that goes on."""
    pytest.importorskip('optuna', reason='optuna is not installed')
    for count in (1, 2):
        shared = ['train_cfg.max_epochs=1', *FAST]
        lines = run_example('search_settings.py', str(tiny_root), 'search', '1', *shared, cwd=tmp_path)
        best, settings = lines[-2:]
        assert best.startswith(f'best of {count} trial'), best
    assert [pair.partition('=')[0] for pair in settings.split()] == ['lr', 'weight_decay', 'head']
    assert sorted(path.name for path in (tmp_path / 'search').iterdir()) == ['study.db', 'trial_0', 'trial_1']
    config = (tmp_path / 'search/trial_1/digits_frcnn_lite.py').read_text()
    assert 'fc_out_channels=' in config and f"data_root = '{tiny_root}'" in config
