"""Faster R-CNN for batches of small images with varying aspect ratios, tuned for CPUs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, Literal, NamedTuple, TypeVar

import torch
from mmdet.models import FasterRCNN
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi

from ..inference.multiview import padded_alike
from ..utils.errors import UserError
from .bfloat16 import LEAST_SPEEDUP, can_train_in_bfloat16, can_use_bfloat16, speedup, use_bfloat16
from .convolutions import use_fast_convolutions
from .numerics import one_thread
from .roi_head import BatchedRoIHead
from .rpn_head import BatchedRPNHead

Result = TypeVar('Result')


class _Group(NamedTuple):
    indices: list[int]  # of the images in the batch
    images: torch.Tensor  # (n, 3, H, W)
    samples: list[DetDataSample]


@MODELS.register_module()
class DigitFasterRCNN(FasterRCNN):
    """MMDetection's Faster R-CNN, which splits a batch into groups that are padded separately.

    A batch is padded to its widest and its highest image. With aspect ratios as varied as those of house numbers nearly
    half of a batch is padding, which a CPU computes like the rest. In training a batch is therefore sorted by width and
    split into groups, each padded separately. In inference a group has images that are padded to one size: the boxes of
    an image do not depend on its batch. Each core takes one group, since small images do not occupy all cores in every
    layer. On a GPU, and with another RoI head than `BatchedRoIHead`, the batch stays whole.

    Args:
        group_size: images that are padded together at most; 0 keeps the batch whole. Defaults to 4.
        fast_convolutions: use `custom.models.convolutions` on a CPU, where layers are float32. Defaults to True.
        bfloat16: use `custom.models.bfloat16` if this CPU is faster with it, which is measured once, and if the layers
            allow it: plain convolutions and batch norm, `BatchedRPNHead` and `BatchedRoIHead`. 'training': neck and
            heads, of any backbone, in training alone. Defaults to False.
        **kwargs: arguments of MMDetection's FasterRCNN.

    Raises:
        UserError: `bfloat16` has another value.

    Attributes:
        arithmetic: the floating-point type of the convolutions on a CPU and its reason, in words.
    """

    def __init__(
        self,
        *args: Any,
        group_size: int = 4,
        fast_convolutions: bool = True,
        bfloat16: bool | Literal['training'] = False,
        **kwargs: Any,
    ) -> None:
        if bfloat16 not in (True, False, 'training'):
            raise UserError(f"model.bfloat16={bfloat16!r}: use True, False or 'training'")
        super().__init__(*args, **kwargs)
        self.group_size = group_size
        self.to(memory_format=torch.channels_last)
        self.arithmetic = 'convolutions in float32'
        heads = isinstance(self.rpn_head, BatchedRPNHead) and isinstance(self.roi_head, BatchedRoIHead)
        self._trains_short = heads and bfloat16 == 'training' and can_train_in_bfloat16(self)
        always = heads and bfloat16 and bfloat16 != 'training' and can_use_bfloat16(self)
        if always and self._is_faster('convolutions'):
            use_bfloat16(self)
        elif fast_convolutions:
            use_fast_convolutions(self)

    def _is_faster(self, layers: str) -> bool:
        """Measure once whether bfloat16 is faster than float32, and describe the choice for `layers`."""
        if next(self.parameters()).dtype != torch.float32:
            return False
        is_faster = speedup() >= LEAST_SPEEDUP
        kind = 'bfloat16' if is_faster else 'float32'
        measured = f'bfloat16 is {speedup():.1f} times as fast on this CPU, {LEAST_SPEEDUP:g} is the least'
        self.arithmetic = f'{layers} in {kind}: {measured}'
        return is_faster

    def train(self, mode: bool = True) -> 'DigitFasterRCNN':
        """Set the mode of training. The first time, choose the type of the layers that are trained in bfloat16."""
        if mode and self._trains_short:
            self._trains_short = False
            if self._is_faster('convolutions of neck and heads, in training,'):
                use_bfloat16(self, only_training=True)
        return super().train(mode)

    @property
    def splits_batches(self) -> bool:
        """Whether a batch is split into groups on a CPU."""
        return bool(self.group_size) and isinstance(self.roi_head, BatchedRoIHead)

    def extract_feat(self, batch_inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Extract the parent's features with channels last, in which convolutions are faster."""
        return super().extract_feat(batch_inputs.contiguous(memory_format=torch.channels_last))

    def _groups(self, images: torch.Tensor, samples: Sequence[DetDataSample], for_training: bool) -> Iterator[_Group]:
        if images.is_cuda or not self.group_size:
            yield _Group(list(range(len(samples))), images, list(samples))
            return
        divisor, shapes = self.data_preprocessor.pad_size_divisor, [sample.img_shape for sample in samples]
        # The widest first: a core that finishes early takes a narrow group, and no core waits long for another.
        if for_training:
            order = sorted(range(len(samples)), key=lambda i: shapes[i][::-1], reverse=True)
            groups = [order[start : start + self.group_size] for start in range(0, len(order), self.group_size)]
        else:
            groups = padded_alike(shapes, divisor, self.group_size)
        for own in groups:
            sides = [-(-max(shapes[i][side] for i in own) // divisor) * divisor for side in (0, 1)]
            for i in own:
                samples[i].set_metainfo({'batch_input_shape': tuple(sides)})
            yield _Group(own, images[own, :, : sides[0], : sides[1]], [samples[i] for i in own])

    def loss(self, batch_inputs: torch.Tensor, batch_data_samples: list[DetDataSample]) -> dict:
        """Compute the losses. RPN losses are the mean over groups, weighted by their images.

        The box head, which holds most weights, processes the sampled boxes of all groups at once.
        """
        if not isinstance(self.roi_head, BatchedRoIHead):
            return super().loss(batch_inputs, batch_data_samples)
        sums: dict[str, list[torch.Tensor]] = defaultdict(list)
        pooled, sampled = [], []
        for group in self._groups(batch_inputs, batch_data_samples, for_training=True):
            levels = self.extract_feat(group.images)
            losses, proposals = self.rpn_head.loss_and_predict(
                levels, _classless(group.samples), proposal_cfg=self.train_cfg.rpn_proposal
            )
            for name, parts in losses.items():
                name = name if 'rpn' in name else f'rpn_{name}'  # as in the parent: the box head has the same names
                total = torch.stack(parts).sum(dim=0) if isinstance(parts, list) else parts
                sums[name].append(total * (len(group.samples) / len(batch_data_samples)))
            own = self.roi_head.sample(levels, proposals, group.samples)
            pooled.append(self.roi_head.pool(levels, own.rois))
            sampled.append(own)
        rpn_losses = {name: torch.stack(parts).sum(dim=0) for name, parts in sums.items()}
        return {**rpn_losses, **self.roi_head.loss(torch.cat(pooled), sampled)}

    def predict(
        self, batch_inputs: torch.Tensor, batch_data_samples: list[DetDataSample], rescale: bool = True
    ) -> list[DetDataSample]:
        """Predict as the parent does. The box head, which holds most weights, processes all groups at once."""
        if not isinstance(self.roi_head, BatchedRoIHead):
            return super().predict(batch_inputs, batch_data_samples, rescale)

        def pool(group: _Group) -> tuple[list[torch.Tensor], torch.Tensor]:
            levels = self.extract_feat(group.images)
            proposals = [own.bboxes for own in self.rpn_head.predict(levels, group.samples, rescale=False)]
            return proposals, self.roi_head.pool(levels, bbox2roi(proposals))

        groups = list(self._groups(batch_inputs, batch_data_samples, for_training=False))
        proposals, pooled = zip(*_on_all_cores(pool, groups), strict=True)
        order = [i for group in groups for i in group.indices]
        metas = [batch_data_samples[i].metainfo for i in order]
        results = self.roi_head.predict(torch.cat(pooled), list(chain(*proposals)), metas, rescale)
        by_index = dict(zip(order, results, strict=True))
        return self.add_pred_to_datasample(batch_data_samples, [by_index[i] for i in range(len(order))])


def _classless(samples: Sequence[DetDataSample]) -> list[DetDataSample]:
    """Copy samples with all labels 0, as the RPN needs them."""
    copies = [sample.new() for sample in samples]
    for copy in copies:
        truth = copy.gt_instances
        copy.gt_instances = truth.new(bboxes=truth.bboxes, labels=torch.zeros_like(truth.labels))
    return copies


def _on_all_cores(work: Callable[[Any], Result], parts: Sequence[Any]) -> list[Result]:
    """Return the result of `work` for each part; with several parts, one thread each, without gradients."""
    if len(parts) == 1:
        return [work(parts[0])]

    def without_gradients(part: Any) -> Result:
        with torch.inference_mode():  # applies to the current thread only
            return work(part)

    with one_thread() as threads:
        if threads == 1:
            return [work(part) for part in parts]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(without_gradients, parts))
