import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.project import ROOT, make_tiny_root, run_tool
from PIL import Image

from custom import DigitReader
from custom.digit_reader import CONFIG, WEIGHTS, _files
from custom.reading.settings import ReaderSettings, Views, write_reader
from custom.structures.photos import read_photo
from custom.submission.pred_json import read_pred_json
from custom.utils.errors import UserError


@pytest.fixture(scope='module')
def reader(random_weights):
    return DigitReader(checkpoint=random_weights, device='cpu', batch_size=2)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return make_tiny_root(tmp_path_factory.mktemp('data'))


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize('views', [Views(), Views((0.75, 1.5)), Views((1,), (0.5,))])
def test_its_detections_equal_those_of_the_test_tool(root, random_weights, tmp_path, views):
    write_reader(tmp_path / 'reader.json', ReaderSettings(views=views))
    wanted = str(tmp_path / 'reader.json')
    reader = DigitReader(checkpoint=random_weights, reader=wanted, device='cpu', batch_size=2)
    options = ['--cfg-options', f'data_root={root}', 'test_dataloader.num_workers=0']
    options += ['test_dataloader.persistent_workers=False', 'test_dataloader.batch_size=2']
    arguments = [CONFIG, random_weights, '--dump', tmp_path / 'out', '--work-dir', tmp_path, '--reader', wanted]
    done = run_tool('test.py', *arguments, *options)
    assert done.returncode == 0, done.stderr
    dumped = read_pred_json(tmp_path / 'out/pred.json')
    readings = list(reader.read_many([root / 'test/1.png', root / 'test/2.png']))
    for image_id, reading in zip((1, 2), readings, strict=True):
        rows = dumped.image_ids == image_id
        assert rows.sum() > 10
        np.testing.assert_allclose(reading.detections.bboxes, dumped.bboxes[rows], atol=0.002)
        np.testing.assert_allclose(reading.detections.scores, dumped.scores[rows], atol=2e-6)
        assert reading.detections.labels.tolist() == dumped.labels[rows].tolist()


def test_the_random_state_of_the_caller_stays(random_weights):
    state = torch.get_rng_state()
    DigitReader(checkpoint=random_weights, device='cpu')
    assert torch.equal(torch.get_rng_state(), state)


def test_pixels_read_like_the_file(reader, root):
    path = root / 'valid/1.png'
    from_file, from_pixels = reader.read(path), reader.read(read_photo(path))
    assert len(from_file.detections) > 10
    assert from_pixels.detections.bboxes.tolist() == from_file.detections.bboxes.tolist()
    assert from_pixels.number == from_file.number


def test_the_digits_are_those_of_the_number_with_xyxy_boxes(reader, root, monkeypatch):
    import dataclasses

    config = dataclasses.replace(reader.settings.number, score_thr=0.0)
    monkeypatch.setattr(reader, 'settings', dataclasses.replace(reader.settings, number=config))
    reading = reader.read(root / 'valid/1.png')
    assert reading.number
    assert ''.join(str(digit.label) for digit in reading.digits) == reading.number
    for digit, index in zip(reading.digits, reading.used, strict=True):
        x, y, w, h = reading.detections.bboxes[index].tolist()
        assert digit.bbox == pytest.approx((x, y, x + w, y + h))
        assert digit.score == reading.detections.scores[index]


def test_the_error_of_an_unreadable_photo_is_in_its_place(reader, root, tmp_path):
    (tmp_path / 'bad.png').write_text('no photo')
    photos = [root / 'valid/1.png', tmp_path / 'bad.png', root / 'valid/2.png', tmp_path / 'gone.png']
    first, second, third, fourth = reader.read_many(photos)
    assert isinstance(second, UserError)
    assert 'bad.png' in str(second)
    assert isinstance(fourth, UserError)
    alone = reader.read(root / 'valid/2.png').detections
    np.testing.assert_allclose(third.detections.scores, alone.scores, atol=1e-5)
    assert len(first.detections) > 0
    with pytest.raises(UserError, match=r'bad\.png'):
        reader.read(tmp_path / 'bad.png')


def test_no_photos_give_no_readings(reader):
    assert list(reader.read_many([])) == []


def test_a_photo_too_thin_to_be_scaled_is_an_error(reader, tmp_path):
    Image.new('RGB', (4000, 1)).save(tmp_path / 'thin.png')
    Image.new('RGB', (40, 20)).save(tmp_path / 'good.png')
    thin, good = reader.read_many([tmp_path / 'thin.png', tmp_path / 'good.png'])
    assert 'thin.png: 4000x1 pixels are too thin' in str(thin)
    assert not isinstance(good, UserError)


def test_a_program_that_is_no_config_is_refused(random_weights, tmp_path):
    (tmp_path / 'script.py').write_text('x = 1')
    with pytest.raises(UserError, match='is no config to test with, it has no default_scope, model'):
        DigitReader(tmp_path / 'script.py', random_weights)


def test_the_smallest_photo_is_read(reader, tmp_path):
    Image.new('RGB', (1, 1)).save(tmp_path / 'dot.png')
    assert reader.read(tmp_path / 'dot.png').confidence >= 0


def test_the_config_beside_a_checkpoint_is_taken(tmp_path):
    assert _files(None, None) == (CONFIG, WEIGHTS)
    assert _files('a.py', 'b.pth') == (Path('a.py'), Path('b.pth'))
    checkpoint = tmp_path / 'best_number_accuracy_epoch_1.pth'
    checkpoint.touch()
    assert _files(None, str(checkpoint)) == (CONFIG, checkpoint)
    (tmp_path / 'mine.py').touch()
    assert _files(None, checkpoint) == (CONFIG, checkpoint)  # any program may lie there
    (tmp_path / 'last_checkpoint').touch()
    assert _files(None, checkpoint) == (tmp_path / 'mine.py', checkpoint)
    assert _files(None, tmp_path) == (tmp_path / 'mine.py', checkpoint)  # a work dir
    (tmp_path / 'other.py').touch()
    with pytest.raises(UserError, match='2 configs lie there'):
        _files(None, checkpoint)


def test_a_config_beside_a_checkpoint_is_not_run(random_weights, tmp_path):
    from mmengine.config import Config

    (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
    (tmp_path / 'epoch_1.pth').symlink_to(random_weights)
    config, ran = tmp_path / 'mine.py', tmp_path / 'ran'
    Config.fromfile(CONFIG).dump(config)
    assert DigitReader(checkpoint=tmp_path, device='cpu').read(np.zeros((20, 30, 3), np.uint8)).confidence >= 0
    text = config.read_text()
    config.write_text(f"{text}\nopen({str(ran)!r}, 'w')")
    with pytest.raises(UserError, match=r'mine\.py: is no dumped config'):
        DigitReader(checkpoint=tmp_path)
    config.write_text(text.replace("type='LoadPhoto'", f"type='pathlib.Path.touch', self={str(ran)!r}"))
    with pytest.raises(UserError, match=r"mine\.py: refused, type='pathlib.Path.touch' may name code"):
        DigitReader(checkpoint=tmp_path / 'epoch_1.pth')
    assert not ran.exists()
    for wrong in (text.replace("type='DigitFasterRCNN'", "type='NoSuch'"), f'{text}\ntest_dataloader = 5'):
        config.write_text(wrong)
        with pytest.raises(UserError, match=r'mine\.py: cannot be built with these settings'):
            DigitReader(checkpoint=tmp_path)


def test_weights_of_another_model_are_refused(random_weights):
    with pytest.raises(UserError, match='another architecture'):
        DigitReader(ROOT / 'configs/digits_frcnn.py', random_weights)


@pytest.mark.integration
@pytest.mark.parametrize('device', ['nonsense', 'cuda:99'])
def test_a_device_that_torch_cannot_use_is_refused(device):
    with pytest.raises(UserError, match=f"^device='{device}': torch cannot use it .*; give cpu, or leave it out$"):
        DigitReader(device=device)


def test_importing_the_package_needs_no_torch():
    import subprocess
    import sys

    code = 'import custom, sys; print("torch" in sys.modules, hasattr(custom, "x"), custom.DigitReader.__name__)'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == 'False False DigitReader\n'


@pytest.mark.integration
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork on this system')
def test_a_reader_reads_after_a_fork(random_weights, tmp_path):
    """In a process whose OpenMP threads have started, which a fork does not have."""
    code = f"""
import os, signal
import numpy as np, torch
from custom import DigitReader
torch.set_num_threads(2)
reader = DigitReader(checkpoint={str(random_weights)!r})
photos = list(np.random.default_rng(0).integers(0, 255, (12, 40, 80, 3), dtype=np.uint8))
before = [reading.number for reading in reader.read_many(photos)]
torch.randn(2000, 2000) @ torch.randn(2000, 2000)
child = os.fork()
if not child:
    signal.alarm(100)
    os._exit([reading.number for reading in reader.read_many(photos)] != before)
print(os.waitpid(child, 0)[1])
"""
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout.split()[-1:] == ['0'], done.stderr
