import numpy as np
import pytest
from helpers.onnx_models import FACTS, save, whole_image_model
from PIL import Image

from custom.onnx_reader import digit_reader
from custom.onnx_reader.digit_reader import DigitReader
from custom.reading.settings import ReaderConfig, ReaderSettings, Views, write_reader
from custom.utils.errors import UserError


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return save(whole_image_model(), tmp_path_factory.mktemp('onnx') / 'a.onnx')


def test_a_photo_is_read_whatever_it_is_given_as(model, tmp_path):
    path = tmp_path / 'a.png'
    Image.new('RGB', (100, 40)).save(path)
    reader = DigitReader(model)
    with path.open('rb') as file:
        readings = [reader.read(one) for one in (path, str(path), path.read_bytes(), file, Image.open(path))]
    readings.append(reader.read(np.zeros((40, 100, 3), np.uint8)))
    for reading in readings:
        assert reading.number == '7'
        assert reading.digits[0].bbox == pytest.approx((0, 0, 100, 40), abs=0.01)


def test_the_views_are_those_of_the_settings(model, tmp_path):
    write_reader(tmp_path / 'reader.json', ReaderSettings(views=Views((0.5, 1), (0.4,))))
    reader = DigitReader(model, tmp_path / 'reader.json')
    photo = np.zeros((40, 80, 3), np.uint8)
    assert reader.view(photo).pixels is photo
    assert (reader.multiview.size, reader.multiview.scales) == ((64, 32), (0.5, 1))
    assert reader.multiview.iou_thr == FACTS.fusion['iou_thr']
    assert reader.multiview.digit_heights == (0.4 * 32,)
    assert reader.read(np.zeros((40, 80, 3), np.uint8)).number == '7'


def test_a_reader_json_of_other_weights_is_refused(model, tmp_path):
    path = tmp_path / 'reader.json'
    write_reader(path, ReaderSettings(ReaderConfig(score_thr=0.95)))
    assert DigitReader(model, path).read(np.zeros((40, 80, 3), np.uint8)).number == ''
    write_reader(path, ReaderSettings(fingerprint='f' * 16))
    with pytest.raises(UserError, match=r'reader\.json: tuned for other weights \(f{16}\) than those of the model'):
        DigitReader(model, path)


def test_without_a_model_the_message_names_the_tool_that_makes_one(monkeypatch, tmp_path):
    monkeypatch.setattr(digit_reader, 'MODEL', tmp_path / 'gone.onnx')
    with pytest.raises(UserError, match=r'no model in this installation; name one, which tools/export_onnx.py makes'):
        DigitReader()
