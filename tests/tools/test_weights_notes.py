"""Every tool that takes predictions notes that they are of other weights than the checkpoint of their work dir."""

import json

import pytest
from helpers.project import coco, run_tool
from PIL import Image

from custom.reading.settings import ReaderSettings, write_reader


@pytest.fixture
def work_dir(tmp_path):
    """A work dir with a checkpoint, and predictions of two photos in valid/ that other weights made."""
    work_dir, photos = tmp_path / 'work', tmp_path / 'photos'
    images, truth, found = [], [], []
    photos.mkdir()
    for image_id in (1, 2):
        Image.new('RGB', (60, 30)).save(photos / f'{image_id}.png')
        images.append({'id': image_id, 'file_name': f'{image_id}.png', 'width': 60, 'height': 30})
        box = {'image_id': image_id, 'category_id': 8, 'bbox': [10, 5, 8, 20]}
        truth.append(box | {'id': image_id, 'area': 160, 'iscrowd': 0})
        found.append(box | {'score': 0.9})
    (tmp_path / 'photos.json').write_text(json.dumps(coco(images, truth)))
    for name in ('valid', 'test'):
        (work_dir / name).mkdir(parents=True)
        (work_dir / name / 'pred.json').write_text(json.dumps(found))
        write_reader(work_dir / name / 'reader.json', ReaderSettings(fingerprint='cd34'))
    (work_dir / 'best_score_epoch_1.pth').write_bytes(b'')
    write_reader(work_dir / 'reader.json', ReaderSettings(fingerprint='ab12'))
    return work_dir


TOOLS = {
    'report': ['{pred}', '{ann}', '--images', '{photos}', '--out', '{out}.html'],
    'tune_reader': ['{pred}', '{ann}', '--out', '{out}.json'],
    'dump_results': ['{pred}', '--ann', '{ann}', '--out', '{out}'],
    'dump_results --check': ['{pred}', '--images', '{photos}', '--check'],
    'draw_detections': ['{pred}', '--images', '{photos}', '--out', '{out}.png'],
    'fuse_results': ['{pred}', '{test}', '--out', '{out}'],
    'pseudo_label': ['{pred}', '{test}', '--images', '{photos}', '--out', '{out}.json'],
}


@pytest.mark.integration
@pytest.mark.parametrize('tool', TOOLS)
def test_other_weights_are_noted(tool, work_dir, tmp_path):
    pred, test = (work_dir / name / 'pred.json' for name in ('valid', 'test'))
    names = {'ann': tmp_path / 'photos.json', 'photos': tmp_path / 'photos', 'out': tmp_path / 'out'}
    arguments = [text.format(pred=pred, test=test, **names) for text in TOOLS[tool]]
    done = run_tool(f'{tool.split()[0]}.py', *arguments, fresh=True)
    assert done.returncode == (tool == 'dump_results --check'), done.stderr  # there is no pred.csv to check
    expected = [
        f'note: {path}: predictions of other weights (cd34) than {work_dir / "best_score_epoch_1.pth"} (ab12); '
        'make them again by tools/test.py --dump'
        for path in ([pred, test] if '{test}' in TOOLS[tool] else [pred])
    ]
    assert done.stderr.splitlines() == expected
    if tool == 'report':
        assert expected[0].removeprefix('note: ') in (tmp_path / 'out.html').read_text().replace('&#34;', '"')
    if tool == 'dump_results':  # the hash goes with the copy
        assert json.loads((tmp_path / 'out' / 'reader.json').read_text())['fingerprint'] == 'cd34'
