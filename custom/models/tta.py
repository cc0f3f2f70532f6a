"""Test-time augmentation (`custom.inference.multiview`) in MMDetection's test loop."""

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.model import BaseModel, BaseTTAModel
from mmengine.structures import InstanceData

from ..inference.multiview import MultiView, View
from ..reading.fusion import Boxes
from ..reading.lookup import ReaderChoice
from ..reading.settings import MOST, Views
from ..utils.errors import UserError
from ..utils.validation import require_scales

LARGEST = 8  # crops are cut from the photo in its own size, or in at most this multiple of the usual size
NOT_TUNED = (
    'the reader is not tuned for photos seen at these sizes: tune one on the pred.json that --split valid --dump '
    'writes with the same --tta or --no-tta, by tools/tune_reader.py, and name it by --reader'
)


class ModelDetector:
    """A model of MMDetection as a `Detector`.

    Args:
        model: with its data preprocessor, which takes BGR.
    """

    def __init__(self, model: BaseModel) -> None:
        self.model = model

    @torch.inference_mode()
    def detect(self, views: Sequence[View]) -> list[Boxes]:
        """Find the digits in each view; see `Detector`."""
        samples = []
        for view in views:
            shape = view.pixels.shape[:2]
            meta = {'img_shape': shape, 'ori_shape': shape, 'scale_factor': view.scale}
            samples.append(DetDataSample(metainfo=meta))
        inputs = [torch.from_numpy(np.ascontiguousarray(view.pixels[..., ::-1].transpose(2, 0, 1))) for view in views]
        answers = self.model.test_step({'inputs': inputs, 'data_samples': samples})
        found = [sample.pred_instances for sample in answers]
        return [tuple(one[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels')) for one in found]


def view_of(pixels: torch.Tensor, sample: DetDataSample) -> View:
    """Make a view, without a copy, of what a test pipeline packs: pixels are (3, H, W) uint8, BGR."""
    return View(pixels.numpy(force=True).transpose(1, 2, 0)[..., ::-1], sample.scale_factor)


@MODELS.register_module()
class ScaleFusion(BaseTTAModel):
    """`MultiView` for MMDetection's test loop.

    MMDetection's own `DetTTAModel` reads from every photo whether it was flipped, so it needs a flip in the pipeline,
    and it suppresses duplicates instead of averaging them, which finds less.

    Args:
        module: the detector.
        **kwargs: of MultiView. With `digit_heights`, the last view of a photo is the one that crops are cut from.
    """

    def __init__(self, module: BaseModel, **kwargs: Any) -> None:
        super().__init__(module)
        self.multiview = MultiView(**kwargs)

    def test_step(self, data: dict) -> list[DetDataSample]:
        """Predict one sample a photo: that of the first view, with the fused boxes in pixels of the original photo.

        Args:
            data: `inputs` and `data_samples`, each a list of views, each view a list of the batch's photos.
        """
        views = [map(view_of, *view) for view in zip(data['inputs'], data['data_samples'], strict=True)]
        photos = list(zip(*views, strict=True))
        samples = data['data_samples'][0]
        for sample, found in zip(samples, self.multiview.detect(ModelDetector(self.module), photos), strict=True):
            bboxes, scores, labels = map(torch.from_numpy, found)
            sample.pred_instances = InstanceData(bboxes=bboxes, scores=scores, labels=labels)
        return samples

    def merge_preds(self, data_samples_list: Any) -> NoReturn:
        """Refuse what `test_step` replaces; the parent wants the method."""
        raise NotImplementedError


def choose_views(cfg: Config, found: ReaderChoice, tta: bool | None) -> ReaderChoice:
    """Set the views of the test loop of `cfg`: those that the reader was tuned for, or those that the user wants.

    Args:
        cfg: changed in place.
        found: the reader that was chosen.
        tta: True for the config's `tta_scales` and `tta_digits`, False for the usual size alone, None for what the
            reader was tuned for.

    Returns:
        The reader with these views, and with a note where it was not tuned for them.

    Raises:
        UserError: the config has no `tta_scales`, they or `tta_digits` are not as `Views` wants them, or see
            `use_views`.
    """
    wanted = found.reader.views if tta is None else Views()
    if tta:
        if not cfg.get('tta_scales'):
            raise UserError(f'{cfg.filename}: has no tta_scales; inherit configs/_base_/digits_tta.py')
        asked = {name: require_scales(f'tta_{name}', cfg.get(f'tta_{name}', ()), most) for name, most in MOST.items()}
        wanted = Views(**asked)
    if wanted != found.reader.views:
        reader = dataclasses.replace(found.reader, views=wanted, tuned_on={})
        found = found._replace(reader=reader, notes=(*found.notes, NOT_TUNED))
    use_views(cfg, wanted)
    return found


def use_views(cfg: Config, views: Views) -> None:
    """Give each photo of the test loop of `cfg` several views, whose boxes its `tta_model` fuses.

    The pipeline of the test loop stays. Its step with a `scale` is taken once for each view.

    Args:
        cfg: changed in place.
        views: without scales nothing is changed.

    Raises:
        UserError: there is no `tta_model`, or no step of the test pipeline has a `scale`.
    """
    if not views.scales:
        return
    if not cfg.get('tta_model'):
        raise UserError(f'{cfg.filename}: has no tta_model; inherit configs/_base_/digits_tta.py')
    dataset = cfg.test_dataloader.dataset
    resize = next((i for i, step in enumerate(dataset.pipeline) if 'scale' in step), None)
    if resize is None:
        raise UserError(f'{cfg.filename}: the test pipeline has no step with a scale, which could be varied')
    before, step, after = dataset.pipeline[:resize], dataset.pipeline[resize], dataset.pipeline[resize + 1 :]
    sides = step.scale if isinstance(step.scale, Sequence) else (step.scale, step.scale)
    seen = [{**step, 'scale': tuple(round(side * scale) for side in sides)} for scale in views.scales]
    if views.digits:
        seen.append({'type': 'ShrinkToFit', 'scale': tuple(side * LARGEST for side in sides), 'keep_ratio': True})
    branches = [seen, *([copy.deepcopy(later)] for later in after)]
    dataset.pipeline = [*before, {'type': 'TestTimeAug', 'transforms': branches}]
    cfg.tta_model.digit_heights = tuple(share * min(sides) for share in views.digits)
    # mmengine's hook puts the model around the detector when the weights are loaded.
    cfg.custom_hooks.append({'type': 'PrepareTTAHook', 'tta_cfg': cfg.tta_model})
