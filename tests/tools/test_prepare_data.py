"""`tools/prepare_data.py` as a person runs it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from helpers.project import ROOT, coco, run_tool
from helpers.svhn_files import write_part
from PIL import Image

pytestmark = pytest.mark.integration


def prepare(*arguments, fresh=False):
    return run_tool('prepare_data.py', *arguments, fresh=fresh)


def test_synth_makes_a_set_once(tmp_path):
    out = tmp_path / 'set'
    arguments = ('synth', '--out', out, '--images', 10, '--seed', 1, '--hardness', 0.3, '--workers', 1)
    first = prepare(*arguments, fresh=True)
    assert first.returncode == 0, first.stderr
    assert f'{out}: 10 photos (train 8, valid 1, test 1; test has no labels)' in first.stdout
    assert first.stdout.rstrip().endswith('photos/s')
    assert json.loads((out / 'synth.json').read_text())['hardness'] == 0.3
    again = prepare(*arguments)
    assert (again.returncode, again.stdout) == (0, f'{out}: already there, with the same settings\n')


@pytest.mark.parametrize(
    ('changed', 'named'),
    [
        (('--images', 3), 'images=3'),
        (('--hardness', 2), 'hardness=2.0'),
        (('--workers', 0), 'workers=0'),
        (('--domains', 'house=1'), "domain 'house'"),
    ],
)
def test_synth_refuses_bad_values_in_one_line(tmp_path, changed, named):
    done = prepare('synth', '--out', tmp_path / 'set', '--images', 10, *changed)
    assert done.returncode == 2
    assert done.stdout == ''
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith('note: ')]
    assert line.startswith('error: ')
    assert named in line
    assert not (tmp_path / 'set').exists()


def ends_well(done, said):
    """The last line on stdout; notes only on stderr."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == said
    assert all(line.startswith('note: ') for line in done.stderr.splitlines()), done.stderr


def fails(done, *said):
    assert (done.returncode, done.stdout) == (2, ''), done.stdout
    assert done.stderr.startswith('error: ') and 'Traceback' not in done.stderr
    assert all(words in done.stderr for words in said), done.stderr


def make_photos(folder, count=10):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        pixels = rng.integers(0, 255, (20, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f'нет, "{i}"\n.png')
    return sorted(folder.iterdir())


@pytest.fixture
def yolo(tmp_path):
    """Ten photos of odd names, each with a ten and its digit."""
    for i, path in enumerate(make_photos(tmp_path / 'my labels' / 'images')):
        label_file = tmp_path / 'my labels' / 'labels' / f'{path.stem}.txt'
        label_file.parent.mkdir(exist_ok=True)
        label_file.write_text(f'10 0.25 0.5 0.2 0.6\n{i} 0.6 0.5 0.2 0.6\n')
    (tmp_path / 'my labels/data.yaml').write_text('names: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ten]')
    return tmp_path / 'my labels'


def test_yolo_to_check(yolo, tmp_path):
    out = tmp_path / 'out'
    fails(prepare('yolo', '--src', yolo, '--out', out), "'ten' (10 boxes; first: ", 'line 1)', '--classes ten=DIGIT')
    assert not out.exists()
    arguments = ('yolo', '--src', yolo, '--out', out, '--valid-fraction', 0.2, '--classes', 'ten=0')
    ends_well(prepare(*arguments), f'{out}: 10 photos (train 8, valid 2)')
    fails(prepare(*arguments), f'{out}: holds something else')
    checked = prepare('check', out)
    assert (checked.returncode, checked.stderr) == (0, '')
    assert 'valid: 2 photos, 4 digits' in checked.stdout
    assert checked.stdout.endswith('near-duplicates: none between train and valid\n')
    dealt = prepare('split', out, '--out', tmp_path / 'again', '--valid-fraction', 0.5)
    ends_well(dealt, f'{tmp_path / "again"}: 10 photos (train 5, valid 5)')


def test_voc(tmp_path):
    box = '<bndbox><xmin>5</xmin><ymin>4</ymin><xmax>13</xmax><ymax>16</ymax></bndbox>'
    for path in make_photos(tmp_path / 'src/JPEGImages'):
        xml = tmp_path / 'src/Annotations' / f'{path.stem}.xml'
        xml.parent.mkdir(exist_ok=True)
        xml.write_text(f'<annotation><object><name>digit_5</name>{box}</object></annotation>')
    arguments = ('voc', '--src', tmp_path / 'src', '--out', tmp_path / 'out')
    fails(prepare(*arguments), "'digit_5' (10 boxes; first: ", 'object 1)', '--classes digit_5=DIGIT')
    ends_well(prepare(*arguments, '--classes', 'digit_5=5'), f'{tmp_path / "out"}: 10 photos (train 9, valid 1)')


def test_coco_and_photos_with_mistakes(tmp_path):
    photos = make_photos(tmp_path / 'elsewhere')
    photos[0].write_bytes(photos[0].read_bytes()[:500])
    Image.new('RGB', (1, 1)).save(photos[1])
    photos[2].write_text('no photo')
    images = [{'id': i, 'file_name': path.name, 'width': 40, 'height': 20} for i, path in enumerate(photos)]
    boxes = [{'id': i, 'image_id': i, 'category_id': 4, 'bbox': [5, 4, 8, 12]} for i in range(10)]
    (tmp_path / 'labels.json').write_text(json.dumps(coco(images, boxes)))
    arguments = ('coco', '--src', tmp_path / 'labels.json', '--out', tmp_path / 'out')
    fails(prepare(*arguments), 'name their folder')
    arguments += ('--images', tmp_path / 'elsewhere')
    fails(prepare(*arguments), '3 of 10 photos have mistakes', '2 × unreadable photo', '1x1, not 40x20')
    ends_well(prepare(*arguments, '--skip-bad'), f'{tmp_path / "out"}: 7 photos (train 6, valid 1)')


def test_svhn(tmp_path):
    write_part(tmp_path / 'src/train', ['12', '305', '7', '90', '44', '10', '2', '356', '81', '63'])
    write_part(tmp_path / 'src/test', ['5'], seed=1)
    done = prepare('svhn', '--src', tmp_path / 'src', '--out', tmp_path / 'out', '--download')  # all of it is there
    ends_well(done, f'{tmp_path / "out"}: 11 photos (train 9, valid 1, test 1)')
    fails(prepare('svhn', '--src', tmp_path, '--out', tmp_path / 'new'), 'holds neither train.tar.gz', '--download')


def test_check_draws_sheets(tiny_root, tmp_path):
    done = prepare('check', tiny_root, '--out', tmp_path / 'sheets', '--photos', 3)
    assert (done.returncode, done.stderr) == (0, '')
    names = ('train.png', 'train_augmented.png', 'valid.png')
    assert done.stdout.splitlines()[-3:] == [str(tmp_path / 'sheets' / name) for name in names]


def test_bad_input_ends_in_one_line(tmp_path, tiny_root):
    (tmp_path / 'empty').mkdir()
    for command in ('yolo', 'voc', 'svhn'):
        for source in ('empty', 'gone'):
            done = prepare(command, '--src', tmp_path / source, '--out', tmp_path / 'out')
            fails(done, f'{source}: ')
            assert len(done.stderr.splitlines()) == 1
    fails(prepare('coco', '--src', tmp_path / 'empty', '--out', tmp_path / 'out'), 'empty: holds no COCO json')
    fails(prepare('check', tmp_path / 'empty'), 'holds neither train.json nor valid.json')
    fails(prepare('split', tiny_root, '--out', tmp_path / 'out', '--seed', -1), '--seed -1: must be 0 or more')
    fails(prepare('split', tiny_root, '--out', tiny_root / 'train.json/x'), 'cannot write here')
    assert not (tmp_path / 'out').exists()


def test_a_stopped_run_leaves_nothing_behind(yolo, tmp_path):
    code = (
        'import os, runpy, signal, sys, custom.data.layout\n'
        'custom.data.layout.copy_photo = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n'
        f'sys.argv = ["prepare_data.py", "yolo", "--src", {str(yolo)!r}, "--out", {str(tmp_path / "out")!r},'
        ' "--classes", "ten=0"]\n'
        'runpy.run_path("tools/prepare_data.py", run_name="__main__")'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 143, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ['my labels']
