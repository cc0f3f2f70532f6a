"""Test-time views: each photo is seen at several sizes, never mirrored, and its number closer; all boxes are fused."""

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData

from custom.errors import UserError
from custom.fusion import MAX_BOXES, Boxes, fuse_boxes
from custom.ranges import require_scales
from custom.readers import Found
from custom.second_look import Region, look_closer, number_region
from custom.views import MOST, Views

LARGEST = 8  # the second look sees photos as they are, up to this multiple of their usual size
NOT_TUNED = (
    'the reader is not tuned for photos seen at these sizes: tune one on the pred.json that --split valid --dump '
    'writes with the same --tta or --no-tta, by tools/tune_reader.py, and name it by --reader'
)


@MODELS.register_module()
class ScaleFusion(BaseTTAModel):
    """A detector that is asked several times about each photo; its answers are fused by `fuse_boxes`.

    First it sees the photo at several scales. Then, for each of `digit_heights`, it sees the part with the number at
    the size at which the digits found so far have that height (`custom.second_look`); a photo on which nothing was
    found gets no second look, and boxes beside that part count as the first views alone have them.

    MMDetection's own `DetTTAModel` reads from every photo whether it was flipped, so it needs a flip in the pipeline,
    and it suppresses doubles instead of averaging them, which finds less.

    Args:
        digit_heights: of the second looks, in pixels. The last view of a photo is then no scale but the photo as it is,
            or no larger than LARGEST allows. Defaults to (), no second look.
        iou_thr: boxes of one digit are fused when their IoU is above this. Defaults to 0.6.
        score_thr: boxes whose score in a view is less are left out. Defaults to 0.0.
        max_per_img: boxes kept on a photo. Defaults to 100.
        **kwargs: of BaseTTAModel: `module`, the detector.
    """

    def __init__(
        self,
        digit_heights: Sequence[float] = (),
        iou_thr: float = 0.6,
        score_thr: float = 0.0,
        max_per_img: int = MAX_BOXES,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.digit_heights = digit_heights
        self.fuse = partial(fuse_boxes, iou_thr=iou_thr, score_thr=score_thr, max_boxes=max_per_img)

    def test_step(self, data: dict) -> list[DetDataSample]:
        """One sample a photo, of all its views.

        Args:
            data: `inputs` and `data_samples`, each a list of views, each view a list of the batch's photos.
        """
        views = [{key: values[i] for key, values in data.items()} for i in range(len(data['inputs']))]
        whole = views.pop() if self.digit_heights else None
        found = [list(samples) for samples in zip(*(self.module.test_step(view) for view in views), strict=True)]
        if whole:
            regions = [self._region(*own) for own in zip(whole['inputs'], whole['data_samples'], found, strict=True)]
            for height in self.digit_heights:
                for i, sample in self._look_closer(whole, regions, height):
                    found[i].append(sample)
        merged = self.merge_preds(found)
        if whole:
            factor = 1 + len(self.digit_heights) / len(views)
            for sample, region, photo in zip(merged, regions, whole['data_samples'], strict=True):
                if region:
                    corners = np.array(region.xyxy) / np.tile(photo.scale_factor, 2)
                    sample.pred_instances = self._raise_outside(sample.pred_instances, corners, factor)
        return merged

    @staticmethod
    def _raise_outside(found: InstanceData, corners: np.ndarray, factor: float) -> InstanceData:
        """Boxes that no closer view can have shown get the mean score of the first ones; all, best score first.

        Args:
            found: fused boxes, best score first.
            corners: (4,) xyxy of what the closer views showed, in the pixels of the boxes.
            factor: the number of all views over that of the first ones.
        """
        low, high = found.bboxes.new_tensor(corners).chunk(2)
        centres = (found.bboxes[:, :2] + found.bboxes[:, 2:]) / 2
        outside = ((centres < low) | (centres > high)).any(dim=1)
        found.scores = torch.where(outside, (found.scores * factor).clamp(max=1), found.scores)
        return found[found.scores.argsort(descending=True, stable=True)]

    def merge_preds(self, data_samples_list: Sequence[Sequence[DetDataSample]]) -> list[DetDataSample]:
        """One sample a photo: that of the first view, with the fused boxes in the pixels of the original photo."""
        merged = []
        for first, *others in data_samples_list:
            bboxes, scores, labels = map(torch.from_numpy, self._fuse([first, *others]))
            fused = InstanceData(bboxes=bboxes.float(), scores=scores.float(), labels=labels)
            first.pred_instances = fused.to(first.pred_instances.scores.device)
            merged.append(first)
        return merged

    def _fuse(self, samples: Sequence[DetDataSample]) -> Boxes:
        found = [sample.pred_instances for sample in samples]
        return self.fuse([tuple(one[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels')) for one in found])

    def _region(self, photo: torch.Tensor, whole: DetDataSample, samples: Sequence[DetDataSample]) -> Region | None:
        """Where the number is, in the pixels of `photo` (3, H, W)."""
        bboxes, scores, labels = self._fuse(samples)
        return number_region(bboxes * np.tile(whole.scale_factor, 2), scores, labels, (photo.shape[2], photo.shape[1]))

    def _look_closer(
        self, whole: dict, regions: Sequence[Region | None], height: float
    ) -> Iterator[tuple[int, DetDataSample]]:
        """The number of each photo that has one, and what is found there with digits of that height in pixels."""
        seen, inputs, samples = [], [], []
        for i, region in enumerate(regions):
            if region:
                part = look_closer(whole['inputs'][i].numpy(force=True).transpose(1, 2, 0), region, height)
                left, top, right, bottom = region.xyxy
                factor = np.array(part.shape[1::-1]) / (right - left, bottom - top)
                scale_factor = tuple(factor * whole['data_samples'][i].scale_factor)
                meta = {'img_shape': part.shape[:2], 'ori_shape': part.shape[:2], 'scale_factor': scale_factor}
                seen.append((i, region))
                inputs.append(torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1))))
                samples.append(DetDataSample(metainfo=meta))
        answers = self.module.test_step({'inputs': inputs, 'data_samples': samples}) if seen else []
        for (i, region), sample in zip(seen, answers, strict=True):
            corner = np.array(region.xyxy[:2]) / whole['data_samples'][i].scale_factor
            sample.pred_instances.bboxes += sample.pred_instances.bboxes.new_tensor(np.tile(corner, 2))
            yield i, sample


def choose_views(cfg: Config, found: Found, tta: bool | None) -> Found:
    """Make the test loop of `cfg` see the photos as a reader wants, or as the user wants.

    Args:
        cfg: changed in place.
        found: the reader that was chosen.
        tta: True for the config's `tta_scales` and `tta_digits`, False for the usual size alone, None for what the
            reader was tuned for.

    Returns:
        The reader, which says how the photos are seen, with a note where it was not tuned for that.

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
    """Make the test loop of `cfg` see each photo several times and fuse what is found by its `tta_model`.

    The pipeline is the one that the test loop has; its step with a `scale` is taken once for each multiple.

    Args:
        cfg: changed in place.
        views: how photos are seen; without scales nothing is changed.

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
