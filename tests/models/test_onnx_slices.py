import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from custom.models.onnx_slices import slice_channels

STEM = [('Conv', (8, 3, 3, 3), 2)]  # operator, shape of its weights, stride
BLOCK = [('Conv', (40, 8, 1, 1), 1), ('Clip',), ('Conv', (40, 1, 3, 3), 2), ('Relu',), ('Conv', (8, 40, 1, 1), 1)]


def network(*layers, outputs=(-1,), constant=True):
    """A chain of layers from 'x' with random weights; `outputs` are the layers whose maps the model returns."""
    rng = np.random.default_rng(0)
    nodes, weights, value = [], [], 'x'
    for i, (kind, *settings) in enumerate(layers):
        if kind == 'Conv':
            shape, stride = settings
            weights += [
                numpy_helper.from_array(rng.normal(size=size).astype(np.float32), f'{name}{i}')
                for name, size in (('w', shape), ('b', shape[:1]))
            ]
            side = {'strides': [stride] * 2, 'kernel_shape': shape[2:], 'pads': [shape[2] // 2] * 4}
            groups = shape[0] if shape[1] == 1 else 1
            nodes.append(helper.make_node('Conv', [value, f'w{i}', f'b{i}'], [f'y{i}'], f'n{i}', group=groups, **side))
        else:
            limits = ['low', 'high'] if kind == 'Clip' else []
            nodes.append(helper.make_node(kind, [value, *limits], [f'y{i}'], f'n{i}'))
        value = f'y{i}'
    weights += [numpy_helper.from_array(np.float32(limit), name) for name, limit in (('low', 0), ('high', 6))]
    inputs = [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 3, 'height', 'width'])]
    if not constant:
        inputs += [helper.make_tensor_value_info(one.name, TensorProto.FLOAT, one.dims) for one in weights[-4:-2]]
        weights = [*weights[:-4], *weights[-2:]]
    wanted = [helper.make_tensor_value_info(nodes[i].output[0], TensorProto.FLOAT, [None] * 4) for i in outputs]
    graph = helper.make_graph(nodes, 'a', inputs, wanted, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)


def kinds(model):
    return [node.op_type for node in model.graph.node]


def run(model):
    image = np.random.default_rng(1).normal(size=(1, 3, 20, 28)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    return session.run(None, {'x': image})


def test_slices_have_at_most_four_values_per_pixel_and_the_same_results():
    model = network(*STEM, *BLOCK)
    sliced = slice_channels(model)
    onnx.checker.check_model(sliced)
    assert kinds(sliced) == ['Conv', *['Conv', 'Clip', 'Conv', 'Relu'] * 3, 'Concat', 'Conv']
    shapes = [list(one.dims) for one in sliced.graph.initializer if len(one.dims) == 4]
    assert sorted(shapes)[:6] == [[8, 1, 3, 3], [8, 3, 3, 3], [8, 8, 1, 1], [8, 40, 1, 1], [16, 1, 3, 3], [16, 1, 3, 3]]
    assert len(shapes) == 8  # no weight of the model before is left
    np.testing.assert_array_equal(run(sliced)[0], run(model)[0])


@pytest.mark.parametrize(
    'model',
    [
        network(('Conv', (40, 3, 3, 3), 2), *BLOCK[1:]),
        network(*STEM, BLOCK[0], BLOCK[1], ('Sigmoid',), BLOCK[2]),
        network(*STEM, BLOCK[0], BLOCK[-1]),
        network(*STEM, ('Conv', (8, 8, 3, 3), 2), *BLOCK),  # 40 channels of stride 4 are few
        network(*STEM, *BLOCK[:3], constant=False),
    ],
    ids=['no pointwise', 'another operator', 'no depthwise', 'small map', 'weights from outside'],
)
def test_other_nodes_stay(model):
    assert slice_channels(model).graph.node == model.graph.node


def test_a_map_that_others_read_too_stays_whole():
    model = network(*STEM, *BLOCK)
    model.graph.node.append(helper.make_node('Relu', ['y1'], ['z']))
    model.graph.output.append(helper.make_tensor_value_info('z', TensorProto.FLOAT, [None] * 4))
    assert kinds(slice_channels(model)) == kinds(model)


def test_an_output_of_the_model_stays_whole():
    model = network(*STEM, *BLOCK, outputs=(1, -1))
    sliced = slice_channels(model)
    for found, wanted in zip(run(sliced), run(model), strict=True):
        np.testing.assert_array_equal(found, wanted)
