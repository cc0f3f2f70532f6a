"""Static quantisation of a small network with the inputs of a detector."""

import copy

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from custom.inference.multiview import View
from custom.models.onnx_quantise import WIDTHS, ViewSample, other_sizes, quantise


@pytest.fixture(scope='module')
def network():
    """A model of two convolutions with strides and a head; `scores` are the means of its maps."""
    rng = np.random.default_rng(0)
    tensors = {
        'first': rng.normal(0, 0.2, (8, 3, 3, 3)).astype(np.float32),
        'second': rng.normal(0, 0.2, (8, 8, 3, 3)).astype(np.float32),
        'third': rng.normal(0, 0.2, (8, 8, 1, 1)).astype(np.float32),
        'axes': np.array([2, 3]),
        'spread': np.float32(1 / 255),
    }
    nodes = [
        helper.make_node('Cast', ['images'], ['floats'], to=TensorProto.FLOAT),
        helper.make_node('Transpose', ['floats'], ['planes'], perm=[0, 3, 1, 2]),
        helper.make_node('Mul', ['planes', 'spread'], ['scaled'], name='scale'),
        helper.make_node('Conv', ['scaled', 'first'], ['one'], name='one', pads=[0, 0, 1, 1], strides=[2, 2]),
        helper.make_node('Relu', ['one'], ['positive']),
        helper.make_node('Conv', ['positive', 'second'], ['two'], name='two', pads=[0, 0, 1, 1], strides=[2, 2]),
        helper.make_node('Conv', ['two', 'third'], ['three'], name='/rpn_head/three'),
        helper.make_node('ReduceMean', ['three', 'axes'], ['scores'], keepdims=0),
        helper.make_node('Identity', ['sizes'], ['labels']),
    ]
    inputs = [
        helper.make_tensor_value_info('images', TensorProto.UINT8, ['b', 'h', 'w', 3]),
        helper.make_tensor_value_info('sizes', TensorProto.INT64, ['b', 2]),
    ]
    outputs = [
        helper.make_tensor_value_info('scores', TensorProto.FLOAT, ['b', 8]),
        helper.make_tensor_value_info('labels', TensorProto.INT64, ['b', 2]),
    ]
    graph = helper.make_graph(
        nodes, 'small', inputs, outputs, [numpy_helper.from_array(np.asarray(v), k) for k, v in tensors.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)])
    model.ir_version = 8
    helper.set_model_props(model, {'detector.json': '{}'})
    return model


@pytest.fixture(scope='module')
def views():
    rng = np.random.default_rng(1)
    return [View(rng.integers(0, 256, (24, width, 3), np.uint8), (1, 1)) for width in (30, 41, 64)]


def run(model, view):
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    return session.run(['scores'], {'images': view.pixels[None], 'sizes': np.array([view.pixels.shape[:2]])})[0]


def test_convolutions_get_8_bits_but_the_first_one_the_heads_and_all_else(network, views):
    small = quantise(network, views)
    onnx.checker.check_model(small)
    assert {one.key: one.value for one in small.metadata_props} == {'detector.json': '{}'}
    weights = [one for one in small.graph.initializer if one.data_type == TensorProto.INT8 and len(one.dims) == 4]
    assert [one.name for one in weights] == ['second_quantized']
    exact = [one.name for one in small.graph.initializer if one.data_type == TensorProto.FLOAT and len(one.dims) == 4]
    assert exact == ['first', 'third']
    zeros = [one for one in small.graph.initializer if one.data_type == TensorProto.UINT8]
    assert zeros  # zero points of activations


def test_values_are_near_those_of_float32(network, views):
    small = quantise(network, views)
    for view in views:
        exact = run(network, view)
        np.testing.assert_allclose(run(small, view), exact, atol=0.02 * abs(exact).max())


def test_the_logger_of_others_is_as_before(network, views):
    import logging

    before = logging.root.manager.disable
    quantise(network, views)
    assert logging.root.manager.disable == before


def test_the_sample_of_views_is_bounded_random_and_a_copy():
    class Nothing:
        def detect(self, views):
            return [len(view.pixels) for view in views]

    sample = ViewSample(Nothing(), 20)
    pixels = np.zeros((4, 6, 3), np.uint8)
    for start in range(0, 200, 10):
        views = [View(pixels, (i, 1)) for i in range(start, start + 10)]
        assert sample.detect(views) == [4] * 10
    kept = [view.scale[0] for view in sample.views]
    assert len(kept) == len(set(kept)) == 20
    assert min(kept) < 100 < max(kept)  # neither the first nor the last ones
    pixels[:] = 1
    assert all((view.pixels == 0).all() for view in sample.views)


def test_other_sizes_of_feature_maps_are_found(network):
    assert other_sizes(network, network) == []
    other = copy.deepcopy(network)
    (pads,) = (one for node in other.graph.node if node.name == 'one' for one in node.attribute if one.name == 'pads')
    pads.ints[:] = [0, 0, 1, 2]
    # One column more on the right: an odd width gets another column of results.
    assert other_sizes(network, other) == [width for width in WIDTHS if width % 2]
