#!/bin/sh
# A compiled OpenVINO model that is called by two threads at once raises "Infer Request is busy".
#
# openvino 2026.4.0 on a CPU. Expected: both threads get a result, as from InferenceSession.run of ONNX Runtime 1.32.0,
# in whose place such a model is put. Seen: `compiled(inputs)` keeps one request for all calls, and the second thread
# fails. `compiled.infer_new_request(inputs)` serves both.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.0 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

weights = numpy_helper.from_array(np.ones((64, 64, 3, 3), np.float32), 'w')
nodes = [helper.make_node('Conv', ['x', 'w'], ['y'], pads=[1, 1, 1, 1])]
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64, 'h', 'w_']) for name in 'xy']
model = helper.make_model(
    helper.make_graph(nodes, 'conv', ends[:1], ends[1:], [weights]), opset_imports=[helper.make_opsetid('', 17)]
)
model.ir_version = 9
onnx.checker.check_model(model)
onnx.save(model, 'conv.onnx')

session = onnxruntime.InferenceSession('conv.onnx', providers=['CPUExecutionProvider'])
compiled = openvino.Core().compile_model('conv.onnx', 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
x = np.ones((1, 64, 200, 200), np.float32)
engines = {
    'onnxruntime run': lambda: session.run(None, {'x': x})[0],
    'openvino call': lambda: compiled({'x': x})['y'],
    'openvino infer_new_request': lambda: compiled.infer_new_request({'x': x})['y'],
}


def outcome(run):
    try:
        run()
        return 'result'
    except RuntimeError as error:
        return str(error).strip().splitlines()[-1]


print('onnxruntime', onnxruntime.__version__, 'openvino', openvino.__version__)
seen = {}
for name, run in engines.items():
    with ThreadPoolExecutor(2) as pool:
        seen[name] = set(pool.map(outcome, [run] * 40))
    print(f'{name}, 40 calls of 2 threads: {sorted(seen[name])}')
assert seen['onnxruntime run'] == seen['openvino infer_new_request'] == {'result'}, seen
assert any('Infer Request is busy' in one for one in seen['openvino call']), seen
PYTHON
