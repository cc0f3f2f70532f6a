"""Test-time scales: each photo is seen at several sizes, never mirrored, and what is found there is fused."""

import copy
import math
from collections.abc import Sequence
from functools import partial

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData

from custom.errors import UserError
from custom.fusion import MAX_BOXES, fuse_boxes

NOT_TUNED = (
    'the reader was tuned without --tta: tune one on the pred.json that --split valid --tta --dump writes, '
    'by tools/tune_reader.py, and name it by --reader'
)


@MODELS.register_module()
class ScaleFusion(BaseTTAModel):
    """A detector that is asked at several scales; its answers are fused by `fuse_boxes`.

    MMDetection's own `DetTTAModel` reads from every photo whether it was flipped, so it needs a flip in the pipeline,
    and it suppresses doubles instead of averaging them, which finds less.

    Args:
        iou_thr: boxes of one digit are fused when their IoU is above this. Defaults to 0.6.
        score_thr: boxes whose score at a scale is less are left out. Defaults to 0.0.
        max_per_img: boxes kept on a photo. Defaults to 100.
        **kwargs: of BaseTTAModel: `module`, the detector.
    """

    def __init__(self, iou_thr: float = 0.6, score_thr: float = 0.0, max_per_img: int = MAX_BOXES, **kwargs) -> None:
        super().__init__(**kwargs)
        self.fuse = partial(fuse_boxes, iou_thr=iou_thr, score_thr=score_thr, max_boxes=max_per_img)

    def merge_preds(self, data_samples_list: Sequence[Sequence[DetDataSample]]) -> list[DetDataSample]:
        """One sample a photo: that of the first scale, with the fused boxes in the pixels of the original photo."""
        return [self._merge(samples) for samples in data_samples_list]

    def _merge(self, samples: Sequence[DetDataSample]) -> DetDataSample:
        found = [sample.pred_instances for sample in samples]
        views = [tuple(one[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels')) for one in found]
        bboxes, scores, labels = map(torch.from_numpy, self.fuse(views))
        fused = InstanceData(bboxes=bboxes.float(), scores=scores.float(), labels=labels)
        samples[0].pred_instances = fused.to(found[0].scores.device)
        return samples[0]


def use_scales(cfg: Config) -> None:
    """Make the test loop of `cfg` see each photo at `tta_scales` times its usual size and fuse by `tta_model`.

    The pipeline is the one that the test loop has; its step with a `scale` is taken once for each factor.

    Raises:
        UserError: `tta_scales` is missing or holds anything but numbers above 0, or no step has a `scale`.
    """
    factors = cfg.get('tta_scales')
    if not factors or 'tta_model' not in cfg:
        raise UserError(f'{cfg.filename}: has no tta_scales and tta_model; inherit configs/_base_/digits_tta.py')
    if not isinstance(factors, Sequence) or not all(
        isinstance(factor, (int, float)) and 0 < factor < math.inf for factor in factors
    ):
        raise UserError(f'tta_scales={factors!r}: must be numbers above 0, as in (0.75, 1, 1.33)')
    dataset = cfg.test_dataloader.dataset
    resize = next((i for i, step in enumerate(dataset.pipeline) if 'scale' in step), None)
    if resize is None:
        raise UserError(f'{cfg.filename}: the test pipeline has no step with a scale, which --tta would vary')
    before, step, after = dataset.pipeline[:resize], dataset.pipeline[resize], dataset.pipeline[resize + 1 :]
    sides = step.scale if isinstance(step.scale, Sequence) else (step.scale, step.scale)
    sizes = [tuple(round(side * factor) for side in sides) for factor in factors]
    branches = [[{**step, 'scale': size} for size in sizes], *([copy.deepcopy(later)] for later in after)]
    dataset.pipeline = [*before, {'type': 'TestTimeAug', 'transforms': branches}]
    # mmengine's hook puts the model around the detector when the weights are loaded.
    cfg.custom_hooks.append({'type': 'PrepareTTAHook', 'tta_cfg': cfg.tta_model})
