#!/bin/sh
# OpenVINO fills the pooled features of an empty region with NaN where RoiAlign has sampling_ratio 0.
#
# openvino 2026.4.0 on a CPU. Expected: zeros, as ONNX Runtime 1.32.0 gives (sampling_ratio 0 means adaptive). Seen: NaN,
# which the box head passes on to all scores of the region. With sampling_ratio 2 both engines give numbers. Detectors
# export empty regions: proposals that are clipped to a side of the image.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.0 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper


def model(sampling_ratio):
    node = helper.make_node(
        'RoiAlign', ['x', 'rois', 'batch'], ['y'], output_height=7, output_width=7, sampling_ratio=sampling_ratio,
        spatial_scale=0.25, mode='avg', coordinate_transformation_mode='half_pixel',
    )
    inputs = [
        helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 4, 16, 16]),
        helper.make_tensor_value_info('rois', TensorProto.FLOAT, ['n', 4]),
        helper.make_tensor_value_info('batch', TensorProto.INT64, ['n']),
    ]
    outputs = [helper.make_tensor_value_info('y', TensorProto.FLOAT, ['n', 4, 7, 7])]
    built = helper.make_model(helper.make_graph([node], 'roi', inputs, outputs), opset_imports=[helper.make_opsetid('', 16)])
    built.ir_version = 9
    onnx.checker.check_model(built)
    return built.SerializeToString()


feeds = {
    'x': np.ones((1, 4, 16, 16), np.float32),
    'rois': np.array([[8, 8, 24, 24], [10, 10, 10, 10]], np.float32),  # the second one is empty
    'batch': np.zeros(2, np.int64),
}
core = openvino.Core()
seen = {}
for ratio in (0, 2):
    vino = core.compile_model(core.read_model(model(ratio)), 'CPU')(feeds)[0][1]
    ort = onnxruntime.InferenceSession(model(ratio), providers=['CPUExecutionProvider']).run(None, feeds)[0][1]
    seen[ratio] = bool(np.isnan(vino).any()), bool(np.isnan(ort).any())
    print(f'sampling_ratio {ratio}, empty region: OpenVINO {vino.flat[0]}, ONNX Runtime {ort.flat[0]}')
assert seen == {0: (True, False), 2: (False, False)}
PYTHON
