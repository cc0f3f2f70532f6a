"""Test-time augmentation (`custom.inference.multiview`) in MMDetection's test loop."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NoReturn

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.model import BaseModel, BaseTTAModel
from mmengine.structures import InstanceData

from ..inference.multiview import MultiView, View, padded_alike
from ..reading.fusion import Boxes
from ..reading.lookup import ReaderChoice
from ..reading.settings import MOST, Views
from ..utils.errors import UserError
from ..utils.validation import require_scales
from .numerics import one_thread
from .wrapping import unwrapped

NOT_TUNED = (
    'the reader is not tuned for this test-time augmentation: tune a reader by tools/tune_reader.py on the pred.json '
    'of --split valid --dump with the same --tta or --no-tta, and name it by --reader'
)


@functools.cache
def allow_fork() -> None:
    """Let forks of this process run models on one thread.

    Threads of OpenMP do not survive a fork: without this, torch waits for them in the child forever.
    """
    if hasattr(os, 'register_at_fork'):  # not on Windows
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


class ModelDetector:
    """A model of MMDetection as a `Detector`. Its data preprocessor takes BGR.

    On a CPU images are padded with others of the same padded size only, so that the boxes of a view do not depend on
    its batch. `DigitFasterRCNN` does this itself. A batch of one group takes one thread: two threads wait for one
    another in each layer, which gains a fifth of the time on an idle CPU and costs five times as much beside other
    processes. A larger batch takes all cores, each with a group. On a GPU a batch is padded to one size.
    """

    def __init__(self, model: BaseModel) -> None:
        self.model = model
        self.process = os.getpid()
        allow_fork()

    @torch.inference_mode()
    def detect(self, views: Sequence[View]) -> list[Boxes]:
        """Detect the digits in each view; see `Detector`.

        Raises:
            UserError: the model is on a GPU, which this process has from before a fork.
        """
        device = next(self.model.parameters()).device
        if device.type != 'cpu' and os.getpid() != self.process:
            raise UserError(f'{device} cannot be used after a fork: open the reader in the child process')
        model = unwrapped(self.model)
        group_size = getattr(model, 'group_size', 0)
        groups = [list(range(len(views)))]
        if not getattr(model, 'splits_batches', False) and device.type == 'cpu':
            divisor = getattr(model.data_preprocessor, 'pad_size_divisor', 1)
            groups = padded_alike([view.pixels.shape[:2] for view in views], divisor, group_size)
        found: dict[int, Boxes] = {}
        with one_thread() if len(views) <= max(group_size, 1) else nullcontext():
            for group in groups:
                found.update(zip(group, self._detect([views[i] for i in group]), strict=True))
        return [found[i] for i in range(len(views))]

    def _detect(self, views: Sequence[View]) -> list[Boxes]:
        shapes = [view.pixels.shape[:2] for view in views]
        metas = [{'img_shape': s, 'ori_shape': s, 'scale_factor': v.scale} for s, v in zip(shapes, views, strict=True)]
        inputs = [torch.from_numpy(np.ascontiguousarray(view.pixels[..., ::-1].transpose(2, 0, 1))) for view in views]
        data = {'inputs': inputs, 'data_samples': [DetDataSample(metainfo=meta) for meta in metas]}
        instances = [sample.pred_instances for sample in self.model.test_step(data)]
        return [tuple(one[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels')) for one in instances]


def view_of(pixels: torch.Tensor, sample: DetDataSample) -> View:
    """Make a view of the output of a test pipeline without a copy; pixels are (3, H, W) uint8, BGR."""
    return View(pixels.numpy(force=True).transpose(1, 2, 0)[..., ::-1], sample.scale_factor)


@MODELS.register_module()
class ScaleFusion(BaseTTAModel):
    """`MultiView` for MMDetection's test loop.

    MMDetection's `DetTTAModel` needs a flip in the pipeline. It merges boxes by NMS instead of fusion, which detects
    fewer digits.

    Args:
        module: the detector.
        **kwargs: arguments of MultiView.
    """

    def __init__(self, module: BaseModel, **kwargs: Any) -> None:
        super().__init__(module)
        self.multiview = MultiView(**kwargs)

    def test_step(self, data: dict) -> list[DetDataSample]:
        """Return the samples of a batch, with the fused boxes in pixels of the original images.

        Args:
            data: `inputs` (3, H, W) uint8, BGR, and `data_samples` of the whole images, as `ReduceLarge` makes them.
        """
        samples = data['data_samples']
        photos = list(map(view_of, data['inputs'], samples))
        fused = self.multiview.detect(ModelDetector(self.module), photos)
        for sample, boxes in zip(samples, fused, strict=True):
            bboxes, scores, labels = map(torch.from_numpy, boxes)
            sample.pred_instances = InstanceData(bboxes=bboxes, scores=scores, labels=labels)
        return samples

    def merge_preds(self, data_samples_list: Any) -> NoReturn:
        """Satisfy the parent's interface; `test_step` does not call this method."""
        raise NotImplementedError


def choose_views(cfg: Config, found: ReaderChoice, tta: bool | None) -> ReaderChoice:
    """Set the views of the test loop of `cfg`, in place, and of the chosen reader.

    Args:
        cfg: with `tta_scales` and `tta_digits`.
        found: the reader; the result has a note if it was not tuned for the views.
        tta: True for the config's views, False for one view, None for the views for which the reader was tuned.

    Raises:
        UserError: `tta_scales` is missing, it or `tta_digits` is not valid for `Views`, or see `use_views`.
    """
    views = found.reader.views if tta is None else Views()
    if tta:
        if not cfg.get('tta_scales'):
            raise UserError(f'{cfg.filename}: has no tta_scales; inherit configs/_base_/digits_tta.py')
        views = Views(**{key: require_scales(f'tta_{key}', cfg.get(f'tta_{key}', ()), MOST[key]) for key in MOST})
    if views != found.reader.views:
        reader = dataclasses.replace(found.reader, views=views, tuned_on={})
        found = found._replace(reader=reader, notes=(*found.notes, NOT_TUNED))
    use_views(cfg, views)
    return found


def use_views(cfg: Config, views: Views) -> None:
    """Let `tta_model` of `cfg` search the whole image at the scales of `views`, in place; nothing else resizes it.

    Without scales nothing is changed.

    Raises:
        UserError: `tta_model` is missing, or no step of the test pipeline has a `scale`.
    """
    if not views.scales:
        return
    if not cfg.get('tta_model'):
        raise UserError(f'{cfg.filename}: has no tta_model; inherit configs/_base_/digits_tta.py')
    pipeline = cfg.test_dataloader.dataset.pipeline
    index = next((i for i, step in enumerate(pipeline) if 'scale' in step), None)
    if index is None:
        raise UserError(f'{cfg.filename}: no step of the test pipeline has a scale to vary; add a Resize step')
    scale = pipeline[index].scale
    sides = tuple(scale) if isinstance(scale, Sequence) else (scale, scale)
    pipeline[index] = {'type': 'ReduceLarge'}
    heights = tuple(share * min(sides) for share in views.digits)
    cfg.tta_model.update(size=sides, scales=views.scales, digit_heights=heights)
    # mmengine's hook wraps the detector in the TTA model when the weights are loaded.
    cfg.custom_hooks.append({'type': 'PrepareTTAHook', 'tta_cfg': cfg.tta_model})
