"""The index: importing this module serves mmcv's operators and registers everything of ours with MMDetection.

Configs name it in `custom_imports`.
"""

import contextlib
import io
import warnings

from custom.ops import serve_mmcv_ops

serve_mmcv_ops()  # before anything imports mmcv.ops

with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    # mmdet tells of each optional package that is missing; none is used here, and stdout is for results.
    warnings.simplefilter('ignore')
    import mmdet.datasets
    import mmdet.evaluation  # noqa: F401

from custom.backbones import TimmFeatures  # noqa: E402
from custom.console import ConsoleHook  # noqa: E402
from custom.datasets import DigitDataset, DigitFolder  # noqa: E402
from custom.degrade import DigitDegrade  # noqa: E402
from custom.early_stop import EarlyStopHook  # noqa: E402
from custom.hooks import SubmissionHook  # noqa: E402
from custom.metrics import DigitMetric, NumberMetric  # noqa: E402
from custom.panel_hook import PanelHook  # noqa: E402
from custom.runner import DigitRunner  # noqa: E402
from custom.samplers import MixtureSampler  # noqa: E402
from custom.torchvision_parts import TorchvisionAnchors, TorchvisionBBoxHead, TorchvisionCoder  # noqa: E402
from custom.transforms import LoadPhoto  # noqa: E402
from custom.tta import ScaleFusion  # noqa: E402
from custom.tune_hook import TuneReaderHook  # noqa: E402
from custom.warp import DigitWarp  # noqa: E402

__all__ = [
    'ConsoleHook',
    'DigitDataset',
    'DigitDegrade',
    'DigitFolder',
    'DigitMetric',
    'DigitRunner',
    'DigitWarp',
    'EarlyStopHook',
    'LoadPhoto',
    'MixtureSampler',
    'NumberMetric',
    'PanelHook',
    'ScaleFusion',
    'SubmissionHook',
    'TimmFeatures',
    'TorchvisionAnchors',
    'TorchvisionBBoxHead',
    'TorchvisionCoder',
    'TuneReaderHook',
]
