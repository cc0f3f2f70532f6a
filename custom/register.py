"""Registration of the project's classes with MMDetection, and of its operators as mmcv's; for `custom_imports`."""

# ruff: noqa: F401 - importing a class registers it

import contextlib
import io
import os
import sys
import warnings
from os.path import realpath

# A class can be registered once. Another package called custom may have a module register, too.
if any(
    name != __name__ and realpath(getattr(sys.modules.get(name), '__file__', None) or '') == realpath(__file__)
    for name in ('custom.register', 'digits_frcnn.register')
):
    raise ImportError('custom and digits_frcnn are two names of one package; import it by one name in a process')

# Transparent huge pages for tensors: page faults take a tenth of a training step of ResNet-50.
os.environ.setdefault('THP_MEM_ALLOC_ENABLE', '1')

from .engine.lazy_imports import quick_imports

with quick_imports(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    from .models.mmcv_ops import serve_mmcv_ops

    serve_mmcv_ops()  # before anything imports mmcv.ops
    warnings.simplefilter('ignore')  # mmdet warns of each missing optional package, and stdout is for results
    import mmdet.apis
    import mmdet.datasets
    import mmdet.evaluation
    import mmdet.models
    import mmdet.visualization

from .datasets.degrade import DigitDegrade
from .datasets.digit_dataset import DigitDataset, DigitFolder
from .datasets.loading import LoadPhoto, ReduceLarge, serve_inferencer
from .datasets.samplers import MixtureSampler, WholeBatchSampler
from .datasets.warp import DigitWarp
from .engine.hooks.checkpoint import DigitCheckpointHook
from .engine.hooks.console import ConsoleHook
from .engine.hooks.early_stop import EarlyStopHook
from .engine.hooks.panel import PanelHook
from .engine.hooks.submission import SubmissionHook
from .engine.hooks.tune_reader import TuneReaderHook
from .engine.metrics import DigitMetric, NumberMetric
from .engine.parallel import DigitDataParallel
from .engine.runner import DigitRunner
from .engine.visualizer import DigitVisualizer
from .models.backbones import TimmFeatures
from .models.detector import DigitFasterRCNN
from .models.roi_head import BatchedRoIHead
from .models.rpn_head import BatchedRPNHead
from .models.torchvision_parts import TorchvisionAnchors, TorchvisionBBoxHead, TorchvisionCoder
from .models.tta import ScaleFusion

serve_inferencer()
