import pytest
from helpers.project import ROOT, run_tool
from PIL import Image, ImageDraw, ImageFont

from custom import DigitReader as TorchReader
from custom.commands import export_onnx as module
from custom.commands.export_onnx import export_onnx
from custom.models.onnx_check import Difference
from custom.onnx_reader.digit_reader import DigitReader
from custom.utils.errors import UserError

CONFIG, WEIGHTS = ROOT / 'configs/digits_frcnn_lite.py', ROOT / 'weights/digits_frcnn_lite.safetensors'


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    """A folder of drawn numbers of two sizes, and a photo without any."""
    folder = tmp_path_factory.mktemp('photos')
    for i, text in enumerate(['42', '1807', '', '5']):
        image = Image.new('RGB', (160 + 40 * i, 80), (40, 50, 70))
        ImageDraw.Draw(image).text((20, 10), text, 'white', ImageFont.load_default(50))
        image.save(folder / f'{i}.png')
    return folder


@pytest.mark.integration
def test_the_exported_model_reads_what_the_model_in_torch_reads(tmp_path, photos):
    out = tmp_path / 'lite.onnx'
    done = export_onnx('digits_frcnn_lite', WEIGHTS, out)
    assert done.size == out.stat().st_size < 10e6
    assert done.check.startswith('as in torch: ')
    paths = sorted(photos.iterdir())
    ours, torchs = (list(reader.read_many(paths)) for reader in (DigitReader(out), TorchReader(device='cpu')))
    assert [reading.number for reading in ours] == [reading.number for reading in torchs]
    assert any(reading.number for reading in ours)
    for a, b in zip(ours, torchs, strict=True):
        assert a.confidence == pytest.approx(b.confidence, abs=1e-3)
        assert len(a.digits) == len(b.digits)


@pytest.mark.integration
def test_a_model_with_other_boxes_is_not_written(tmp_path, monkeypatch, photos):
    out = tmp_path / 'lite.onnx'
    out.write_text('earlier')
    monkeypatch.setattr(module, 'difference', lambda *_: Difference(0.6, 0.0, 7, 0))
    with pytest.raises(UserError, match=r'lite\.onnx: not written; ONNX Runtime and torch disagree: 7 boxes differ'):
        export_onnx(CONFIG, WEIGHTS, out)
    monkeypatch.setattr(module, 'difference', lambda *_: Difference(0.0, 0.0, 7, 0))
    monkeypatch.setattr(module, 'quantise', lambda model, views: model)
    monkeypatch.setattr(module, 'other_sizes', lambda *_: [33, 35])
    with pytest.raises(
        UserError, match=r'lite\.onnx: not written; 8 bits change the feature maps of widths \[33, 35\]'
    ):
        export_onnx(CONFIG, WEIGHTS, out, int8=photos)
    assert out.read_text() == 'earlier'
    assert [path.name for path in tmp_path.iterdir()] == ['lite.onnx']


def test_numbers_of_8_bits_may_differ_by_chance_only(tmp_path):
    def compared(alike, photos):
        return module._alike(['7'] * photos, ['7'] * alike + [''] * (photos - alike), tmp_path / 'a.onnx')

    assert compared(7, 8) == '8 bits read 7 of 8 photos as float32 does'  # 0.53 to 0.98 with 95 % confidence
    assert compared(176, 200).startswith('8 bits read 176 of 200')  # up to 0.92
    with pytest.raises(UserError, match='not written; 8 bits read 160 of 200 photos as float32 does; give more photos'):
        compared(160, 200)


@pytest.mark.integration
def test_bad_input_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r'a\.pt: give a name that ends in \.onnx'):
        export_onnx(CONFIG, WEIGHTS, tmp_path / 'a.pt')
    done = run_tool('export_onnx.py', ROOT / 'configs/digits_frcnn.py', WEIGHTS, tmp_path / 'a.onnx')
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.splitlines()[-1].startswith(f'error: {WEIGHTS}: another architecture')
    assert list(tmp_path.iterdir()) == []
