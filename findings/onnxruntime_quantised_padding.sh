#!/bin/sh
# onnxruntime quantises the arithmetic of dynamic padding, and feature maps lose a column on many widths.
#
# onnxruntime 1.32.0. Expected: quantize_static changes values, not shapes. Seen: a model whose SAME padding is computed
# from the width (as timm exports it) has the wrong output width on 59 of 130 input widths, without a warning, since Mul
# and Add of the padding become 8-bit. With op_types_to_quantize=["Conv"] every width is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

rng = np.random.default_rng(0)
constants = {
    'weight': rng.normal(0, 0.2, (8, 3, 3, 3)).astype(np.float32),
    'zero': np.float32(0), 'one': np.float32(1), 'two': np.float32(2), 'three': np.float32(3),
    'last': np.array([3]), 'front': np.array([0, 0, 0, 0, 0, 0, 1]),
}
# A 3x3 convolution with stride 2 along the width; padding on the right: max((ceil(w / 2) - 1) * 2 + 3 - w, 0)
steps = [
    ('Shape', ['x'], 'shape', {}), ('Gather', ['shape', 'last'], 'width', {'axis': 0}),
    ('Cast', ['width'], 'w', {'to': TensorProto.FLOAT}), ('Div', ['w', 'two'], 'half', {}),
    ('Ceil', ['half'], 'out', {}), ('Sub', ['out', 'one'], 'before', {}), ('Mul', ['before', 'two'], 'moved', {}),
    ('Add', ['moved', 'three'], 'needed', {}), ('Sub', ['needed', 'w'], 'lacking', {}),
    ('Max', ['lacking', 'zero'], 'pad', {}), ('Cast', ['pad'], 'right', {'to': TensorProto.INT64}),
    ('Concat', ['front', 'right'], 'pads', {'axis': 0}), ('Pad', ['x', 'pads'], 'padded', {}),
    ('Conv', ['padded', 'weight'], 'y', {'strides': [1, 2], 'kernel_shape': [3, 3]}),
]
graph = helper.make_graph(
    [helper.make_node(kind, inputs, [output], **attributes) for kind, inputs, output, attributes in steps], 'padding',
    [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 3, 8, 'w'])],
    [helper.make_tensor_value_info('y', TensorProto.FLOAT, [1, 8, 'h', 'v'])],
    [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
model.ir_version = 9
onnx.checker.check_model(model)
onnx.save(model, 'float.onnx')


class Batches(CalibrationDataReader):
    def __init__(self):
        self.left = iter([{'x': rng.random((1, 3, 8, width), dtype=np.float32)} for width in (32, 48, 64, 96, 160)])

    def get_next(self):
        return next(self.left, None)


def widths(path):
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    return {w: session.run(None, {'x': np.zeros((1, 3, 8, w), np.float32)})[0].shape[3] for w in range(30, 160)}


quantize_static('float.onnx', 'all.onnx', Batches(), activation_type=QuantType.QUInt8)
quantize_static('float.onnx', 'conv.onnx', Batches(), activation_type=QuantType.QUInt8, op_types_to_quantize=['Conv'])
right = {w: (w + 1) // 2 for w in range(30, 160)}
wrong = {path: sum(widths(path)[w] != right[w] for w in right) for path in ('float.onnx', 'all.onnx', 'conv.onnx')}
print(f'onnxruntime {onnxruntime.__version__}, wrong output widths of {len(right)}: {wrong}')
assert wrong == {'float.onnx': 0, 'all.onnx': 59, 'conv.onnx': 0}
PYTHON
