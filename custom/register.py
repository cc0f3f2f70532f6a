"""The index: importing this module serves mmcv's operators and registers everything of ours with MMDetection.

Configs name it in `custom_imports`.
"""

import contextlib
import io
import os
import warnings

# torch then asks the system for large pages: of a training step of ResNet-50 a tenth is the first touch of small ones.
os.environ.setdefault('THP_MEM_ALLOC_ENABLE', '1')

from custom.quick_imports import quick_imports

with quick_imports(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    from custom.ops import serve_mmcv_ops

    serve_mmcv_ops()  # before anything imports mmcv.ops
    # mmdet tells of each optional package that is missing; none is used here, and stdout is for results.
    warnings.simplefilter('ignore')
    import mmdet.datasets
    import mmdet.evaluation
    import mmdet.models
    import mmdet.visualization  # noqa: F401

from custom.backbones import TimmFeatures
from custom.console import ConsoleHook
from custom.datasets import DigitDataset, DigitFolder
from custom.degrade import DigitDegrade
from custom.detector import DigitFasterRCNN
from custom.early_stop import EarlyStopHook
from custom.hooks import SubmissionHook
from custom.metrics import DigitMetric, NumberMetric
from custom.panel_hook import PanelHook
from custom.parallel import DigitDataParallel
from custom.roi_head import BatchedRoIHead
from custom.rpn_head import BatchedRPNHead
from custom.runner import DigitRunner
from custom.samplers import MixtureSampler, WholeBatchSampler
from custom.torchvision_parts import TorchvisionAnchors, TorchvisionBBoxHead, TorchvisionCoder
from custom.transforms import LoadPhoto, ShrinkToFit
from custom.tta import ScaleFusion
from custom.tune_hook import TuneReaderHook
from custom.visualizer import DigitVisualizer
from custom.warp import DigitWarp

__all__ = [
    'BatchedRPNHead',
    'BatchedRoIHead',
    'ConsoleHook',
    'DigitDataParallel',
    'DigitDataset',
    'DigitDegrade',
    'DigitFasterRCNN',
    'DigitFolder',
    'DigitMetric',
    'DigitRunner',
    'DigitVisualizer',
    'DigitWarp',
    'EarlyStopHook',
    'LoadPhoto',
    'MixtureSampler',
    'NumberMetric',
    'PanelHook',
    'ScaleFusion',
    'ShrinkToFit',
    'SubmissionHook',
    'TimmFeatures',
    'TorchvisionAnchors',
    'TorchvisionBBoxHead',
    'TorchvisionCoder',
    'TuneReaderHook',
    'WholeBatchSampler',
]
