import json

import numpy as np
import onnx
import pytest
from helpers.onnx_models import FACTS, changed_metadata, save, whole_image_model
from onnx import TensorProto, helper

from custom.onnx_reader.model_file import KEY, DetectorFacts, from_metadata, open_session, to_metadata
from custom.reading.settings import ReaderSettings, Views
from custom.utils.errors import UserError


def test_metadata_come_back():
    reader = ReaderSettings(views=Views((0.8, 1.15), (0.45,)), fingerprint=FACTS.fingerprint)
    assert from_metadata(to_metadata(FACTS, reader), 'a.onnx') == (FACTS, reader)


@pytest.mark.parametrize(
    ('metadata', 'fault'),
    [
        ({}, 'is no digit detector, it has no detector.json, reader.json; tools/export_onnx.py makes such a file'),
        ({**to_metadata(FACTS, ReaderSettings()), KEY: '[' * 99}, 'its metadata are damaged'),
        ({**to_metadata(FACTS, ReaderSettings()), KEY: '{}'}, 'its metadata are damaged'),
        (changed_metadata(KEY, scale=[0, 9]), 'scale=0: must be a number of at least 1'),
        (changed_metadata(KEY, scale=5), 'scale=5: must be two sides in pixels'),
        (changed_metadata(KEY, group_size=-1), 'group_size=-1: must be a number of at least 0'),
        (changed_metadata(KEY, divisor=0), 'divisor=0: must be a number of at least 1'),
        (changed_metadata(KEY, fusion={'lr': 1}), "fusion={'lr': 1}: must be an object with iou_thr"),
        (changed_metadata(KEY, fingerprint=7), 'fingerprint=7: must be text'),
        (changed_metadata('reader.json', views={'scales': [99]}), 'scales'),
    ],
)
def test_metadata_of_another_kind_are_refused_in_one_line(metadata, fault):
    with pytest.raises(UserError) as error:
        from_metadata(metadata, 'a.onnx')
    assert str(error.value).startswith('a.onnx: ')
    assert fault in str(error.value)
    assert '\n' not in str(error.value)


def test_a_model_of_a_detector_is_opened(tmp_path):
    session = open_session(save(whole_image_model(), tmp_path / 'a.onnx'), 1)
    images, sizes = np.zeros((1, 8, 12, 3), np.uint8), np.array([[6, 10]])
    boxes, scores, labels = session.run(None, {'images': images, 'sizes': sizes})
    assert boxes.tolist() == [[[0, 0, 10, 6], [0, 0, 0, 0]]]
    assert (scores.round(1).tolist(), labels.tolist()) == ([[pytest.approx(0.9), 0]], [[7, 0]])


def refusal(path, **kwargs):
    with pytest.raises(UserError) as error:
        open_session(path, 1, **kwargs)
    assert '\n' not in str(error.value)
    return str(error.value)


def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, capfd):
    assert 'gone.onnx: cannot be read (No such file or directory)' in refusal(tmp_path / 'gone.onnx')
    whole = save(whole_image_model(), tmp_path / 'a.onnx').read_bytes()
    (tmp_path / 'cut.onnx').write_bytes(whole[: len(whole) // 2])
    assert 'cut.onnx: is no model, or damaged (' in refusal(tmp_path / 'cut.onnx')
    (tmp_path / 'text.onnx').write_text('no model')
    assert 'text.onnx: is no model, or damaged (' in refusal(tmp_path / 'text.onnx')
    (tmp_path / 'empty.onnx').touch()
    assert 'empty.onnx: is no model, or damaged' in refusal(tmp_path / 'empty.onnx')
    assert capfd.readouterr() == ('', '')


def test_a_model_of_a_newer_opset_is_refused(tmp_path):
    path = save(whole_image_model(opset=99), tmp_path / 'new.onnx')
    assert 'is too old for this file' in refusal(path)


def test_a_model_of_another_kind_is_refused(tmp_path):
    one = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in 'xy']
    graph = helper.make_graph([helper.make_node('Relu', ['x'], ['y'])], 'relu', one[:1], one[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / 'relu.onnx')
    assert 'relu.onnx: is a model of another kind (inputs x; outputs y)' in refusal(tmp_path / 'relu.onnx')


def test_a_provider_that_onnxruntime_lacks_is_refused(tmp_path):
    path = save(whole_image_model(), tmp_path / 'a.onnx')
    fault = refusal(path, provider='NoSuchExecutionProvider')
    assert fault.startswith('NoSuchExecutionProvider: this onnxruntime has no such execution provider, but ')
    assert 'CPUExecutionProvider' in fault


def test_facts_are_json(tmp_path):
    assert json.loads(to_metadata(FACTS, ReaderSettings())[KEY])['scale'] == [64, 32]
    facts = DetectorFacts([64, 32], 0, {}, '', '')  # as a file of an earlier version
    assert (facts.scale, facts.divisor) == ((64, 32), 1)
