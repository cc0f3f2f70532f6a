#!/bin/sh
# ONNX Runtime's static quantisation takes calibration images of different sizes with MinMax, but not with Percentile or
# Entropy.
#
# onnxruntime 1.32.0. Expected: ranges from all images with any method, for a model of dynamic height and width. Seen:
# MinMax quantises; Percentile and Entropy end with numpy's "inhomogeneous shape", since they stack the activations of all
# images in one array. With images of one size all three work.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import logging

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, quantize_static

logging.disable(logging.WARNING)  # of the missing pre-processing
rng = np.random.default_rng(0)
weights = numpy_helper.from_array(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), 'w')
nodes = [helper.make_node('Conv', ['x', 'w'], ['y'], name='conv', pads=[1, 1, 1, 1])]
ends = [
    helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 3, 'h', 'w_']),
    helper.make_tensor_value_info('y', TensorProto.FLOAT, [1, 4, 'h', 'w_']),
]
model = helper.make_model(
    helper.make_graph(nodes, 'conv', ends[:1], ends[1:], [weights]), opset_imports=[helper.make_opsetid('', 17)]
)
model.ir_version = 9
onnx.checker.check_model(model)
onnx.save(model, 'conv.onnx')


class Images(CalibrationDataReader):
    def __init__(self, widths):
        self.left = [{'x': rng.random((1, 3, 16, width), dtype=np.float32)} for width in widths]

    def get_next(self):
        return self.left.pop() if self.left else None


def outcome(method, widths):
    try:
        quantize_static('conv.onnx', 'int8.onnx', Images(widths), calibrate_method=method)
        return 'quantised'
    except ValueError as error:
        return 'inhomogeneous' if 'inhomogeneous' in str(error) else str(error)


print('onnxruntime', onnxruntime.__version__)
seen = {}
for name in ('MinMax', 'Percentile', 'Entropy'):
    for sizes, widths in (('one size', (24, 24, 24)), ('several sizes', (24, 32, 40))):
        seen[name, sizes] = outcome(getattr(CalibrationMethod, name), widths)
        print(f'{name}, images of {sizes}: {seen[name, sizes]}')
assert {name for name, outcome in seen.items() if outcome == 'inhomogeneous'} == {
    ('Percentile', 'several sizes'),
    ('Entropy', 'several sizes'),
}, seen
assert set(seen.values()) == {'quantised', 'inhomogeneous'}, seen
PYTHON
