#!/bin/sh
# onnxruntime's Sigmoid does not keep the order of low logits, so a detector ranks its weak proposals at random.
#
# onnxruntime 1.32.0, CPU. Expected: a sigmoid rises with its input, and float32 has it exactly to about 1e-7 of its
# value, as PyTorch and numpy have it. Seen: an absolute error of about 1e-7. Of 20,001 ascending logits from -17 to -10
# more than 5,000 scores are lower than the one before, and sigmoid(-18) is 0. In a detector whose RPN has logits of
# -12 for background, NonMaxSuppression and TopK then keep other proposals than PyTorch, and a test for a score above
# 0 drops boxes. 1 / (1 + Exp(-x)) as four nodes has neither fault.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def scores(steps, logits):
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output]) for kind, inputs, output in steps], 'scores',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, ['n'])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, ['n'])],
        [numpy_helper.from_array(np.float32(1), 'one')] if len(steps) > 1 else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    return session.run(None, {'x': logits})[0]


operator = [('Sigmoid', ['x'], 'y')]
formula = [('Neg', ['x'], 'n'), ('Exp', ['n'], 'e'), ('Add', ['e', 'one'], 's'), ('Div', ['one', 's'], 'y')]
logits = np.linspace(-17, -10, 20001, dtype=np.float32)
print('onnxruntime', onnxruntime.__version__)
for name, steps in (('Sigmoid', operator), ('1 / (1 + Exp(-x))', formula)):
    found = scores(steps, logits)
    lower = int((np.diff(found) < 0).sum())
    last = float(scores(steps, np.array([-18], np.float32))[0])
    print(f'{name}: {lower} of {len(found)} scores lower than the one before; of -18: {last:.3g}, exact 1.52e-08')
    assert (lower > 5000 and last == 0) if steps is operator else (lower == 0 and abs(last / 1.522998e-08 - 1) < 1e-5)
PYTHON
