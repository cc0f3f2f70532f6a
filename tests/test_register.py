import subprocess
import sys

import mmdet.registry
import pytest
from helpers.project import ROOT

from custom import register

REGISTRIES = {
    'BatchedRPNHead': 'MODELS',
    'BatchedRoIHead': 'MODELS',
    'ConsoleHook': 'HOOKS',
    'DigitCheckpointHook': 'HOOKS',
    'DigitDataParallel': 'MODEL_WRAPPERS',
    'DigitDataset': 'DATASETS',
    'DigitDegrade': 'TRANSFORMS',
    'DigitFasterRCNN': 'MODELS',
    'DigitFolder': 'DATASETS',
    'DigitMetric': 'METRICS',
    'DigitRunner': 'RUNNERS',
    'DigitVisualizer': 'VISUALIZERS',
    'DigitWarp': 'TRANSFORMS',
    'EarlyStopHook': 'HOOKS',
    'LoadPhoto': 'TRANSFORMS',
    'MixtureSampler': 'DATA_SAMPLERS',
    'NumberMetric': 'METRICS',
    'PanelHook': 'HOOKS',
    'ReduceLarge': 'TRANSFORMS',
    'ScaleFusion': 'MODELS',
    'SubmissionHook': 'HOOKS',
    'TimmFeatures': 'MODELS',
    'TorchvisionAnchors': 'TASK_UTILS',
    'TorchvisionBBoxHead': 'MODELS',
    'TorchvisionCoder': 'TASK_UTILS',
    'TuneReaderHook': 'HOOKS',
    'WholeBatchSampler': 'DATA_SAMPLERS',
}


def test_every_registered_class_is_checked():
    assert sorted(name for name, value in vars(register).items() if isinstance(value, type)) == sorted(REGISTRIES)


@pytest.mark.parametrize('name', REGISTRIES)
def test_classes_are_registered(name):
    assert getattr(mmdet.registry, REGISTRIES[name]).get(name) is getattr(register, name)


@pytest.mark.integration
def test_the_import_is_silent_and_replaces_the_operators():
    code = (
        'import custom.register, torch, mmcv.ops\n'
        'boxes = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10.0]])\n'
        'print(mmcv.ops.nms(boxes, torch.tensor([0.6, 0.9, 0.7]), 0.5)[1].tolist())\n'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ('[1, 2]\n', '')
