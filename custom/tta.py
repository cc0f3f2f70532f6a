"""Test-time scales: each photo is seen at several sizes, never mirrored, and what is found there is fused."""

import copy
import dataclasses
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
from custom.ranges import require_scales
from custom.readers import Found

NOT_TUNED = (
    'the reader is not tuned for photos seen at these sizes: tune one on the pred.json that --split valid --dump '
    'writes with the same --tta or --no-tta, by tools/tune_reader.py, and name it by --reader'
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


def choose_scales(cfg: Config, found: Found, tta: bool | None) -> Found:
    """Make the test loop of `cfg` see the photos at the sizes that a reader wants, or that the user wants.

    Args:
        cfg: changed in place.
        found: the reader that was chosen.
        tta: True for the config's `tta_scales`, False for the usual size alone, None for what the reader was tuned for.

    Returns:
        The reader, which says how the photos are seen, with a note where it was not tuned for that.

    Raises:
        UserError: the config has no `tta_scales`, they are not numbers above 0, or see `use_scales`.
    """
    scales = found.reader.tta_scales if tta is None else ()
    if tta:
        if not cfg.get('tta_scales'):
            raise UserError(f'{cfg.filename}: has no tta_scales; inherit configs/_base_/digits_tta.py')
        scales = require_scales('tta_scales', cfg.tta_scales)
    if scales != found.reader.tta_scales:
        reader = dataclasses.replace(found.reader, tta_scales=scales, tuned_on={})
        found = found._replace(reader=reader, notes=(*found.notes, NOT_TUNED))
    use_scales(cfg, scales)
    return found


def use_scales(cfg: Config, scales: Sequence[float]) -> None:
    """Make the test loop of `cfg` see each photo at multiples of its usual size and fuse by its `tta_model`.

    The pipeline is the one that the test loop has; its step with a `scale` is taken once for each multiple.

    Args:
        cfg: changed in place.
        scales: the multiples; with none of them nothing is changed.

    Raises:
        UserError: there is no `tta_model`, or no step of the test pipeline has a `scale`.
    """
    if not scales:
        return
    if not cfg.get('tta_model'):
        raise UserError(f'{cfg.filename}: has no tta_model; inherit configs/_base_/digits_tta.py')
    dataset = cfg.test_dataloader.dataset
    resize = next((i for i, step in enumerate(dataset.pipeline) if 'scale' in step), None)
    if resize is None:
        raise UserError(f'{cfg.filename}: the test pipeline has no step with a scale, which could be varied')
    before, step, after = dataset.pipeline[:resize], dataset.pipeline[resize], dataset.pipeline[resize + 1 :]
    sides = step.scale if isinstance(step.scale, Sequence) else (step.scale, step.scale)
    sizes = [tuple(round(side * scale) for side in sides) for scale in scales]
    branches = [[{**step, 'scale': size} for size in sizes], *([copy.deepcopy(later)] for later in after)]
    dataset.pipeline = [*before, {'type': 'TestTimeAug', 'transforms': branches}]
    # mmengine's hook puts the model around the detector when the weights are loaded.
    cfg.custom_hooks.append({'type': 'PrepareTTAHook', 'tta_cfg': cfg.tta_model})
