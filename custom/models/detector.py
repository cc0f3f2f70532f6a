"""Faster R-CNN at home on small photos of all shapes, and on processors."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import torch
from mmdet.models import FasterRCNN
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample

from .convolutions import use_fast_convolutions
from .numerics import one_thread
from .roi_head import BatchedRoIHead

Result = TypeVar('Result')


class _Group(NamedTuple):
    indices: list[int]  # of its photos in the batch
    photos: torch.Tensor  # (n, 3, H, W)
    samples: list[DetDataSample]


@MODELS.register_module()
class DigitFasterRCNN(FasterRCNN):
    """MMDetection's Faster R-CNN, fed a few photos of like shape at a time.

    A batch is padded to its widest and its highest photo. Photos of digits are of all shapes, so that nearly half of
    what a batch holds is padding, and a processor computes it like the rest. Here a batch is sorted by width and cut
    into groups, each padded for itself. When it predicts, each core takes a group of its own, which keeps all of them
    busy where a layer of a small photo would not. A GPU, which is faster the more it gets at a time, sees the batch as
    it is, and so does another RoI head than `BatchedRoIHead`.

    Args:
        group_size: photos that are padded alike; 0 takes the batch as it is. Defaults to 4.
        fast_convolutions: on a CPU, by `custom.models.convolutions`. Defaults to True.
        **kwargs: as MMDetection's FasterRCNN takes them.
    """

    def __init__(self, *args: Any, group_size: int = 4, fast_convolutions: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group_size = group_size
        self.to(memory_format=torch.channels_last)
        if fast_convolutions:
            use_fast_convolutions(self)

    def extract_feat(self, batch_inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As the parent does, the channels of a pixel side by side: convolutions are faster so."""
        return super().extract_feat(batch_inputs.contiguous(memory_format=torch.channels_last))

    def _groups(self, photos: torch.Tensor, samples: Sequence[DetDataSample]) -> Iterator[_Group]:
        if photos.is_cuda or not self.group_size:
            yield _Group(list(range(len(samples))), photos, list(samples))
            return
        divisor = self.data_preprocessor.pad_size_divisor
        # The widest first: a core that is done early takes a narrow one, and none waits long for another.
        order = sorted(range(len(samples)), key=lambda i: samples[i].img_shape[::-1], reverse=True)
        for start in range(0, len(order), self.group_size):
            own = order[start : start + self.group_size]
            sides = [-(-max(samples[i].img_shape[side] for i in own) // divisor) * divisor for side in (0, 1)]
            for i in own:
                samples[i].set_metainfo({'batch_input_shape': tuple(sides)})
            yield _Group(own, photos[own, :, : sides[0], : sides[1]], [samples[i] for i in own])

    def loss(self, batch_inputs: torch.Tensor, batch_data_samples: list[DetDataSample]) -> dict:
        """As the parent does; those of the first stage are the mean over photos of what the groups' are.

        The box head, whose weights are most of the model, sees the chosen boxes of all groups at once.
        """
        if not isinstance(self.roi_head, BatchedRoIHead):
            return super().loss(batch_inputs, batch_data_samples)
        sums: dict[str, list[torch.Tensor]] = defaultdict(list)
        pooled, chosen = [], []
        for group in self._groups(batch_inputs, batch_data_samples):
            levels = self.extract_feat(group.photos)
            losses, proposals = self.rpn_head.loss_and_predict(
                levels, _classless(group.samples), proposal_cfg=self.train_cfg.rpn_proposal
            )
            for name, parts in losses.items():
                name = name if 'rpn' in name else f'rpn_{name}'  # as the parent does: the second stage has such, too
                total = torch.stack(parts).sum(dim=0) if isinstance(parts, list) else parts
                sums[name].append(total * (len(group.samples) / len(batch_data_samples)))
            chosen += self.roi_head.choose(levels, proposals, group.samples)
            pooled.append(self.roi_head.pool(levels, [own.priors for own in chosen[-len(group.samples) :]]))
        first = {name: torch.stack(parts).sum(dim=0) for name, parts in sums.items()}
        return {**first, **self.roi_head.learn(torch.cat(pooled), chosen)}

    def predict(
        self, batch_inputs: torch.Tensor, batch_data_samples: list[DetDataSample], rescale: bool = True
    ) -> list[DetDataSample]:
        """As the parent does; the box head, whose weights are most of the model, sees all groups at once."""
        if not isinstance(self.roi_head, BatchedRoIHead):
            return super().predict(batch_inputs, batch_data_samples, rescale)

        def look(group: _Group) -> tuple:
            levels = self.extract_feat(group.photos)
            proposals = [found.bboxes for found in self.rpn_head.predict(levels, group.samples, rescale=False)]
            return group.indices, proposals, self.roi_head.pool(levels, proposals)

        looked = _on_all_cores(look, list(self._groups(batch_inputs, batch_data_samples)))
        order = [i for indices, _, _ in looked for i in indices]
        answers = self.roi_head.answer(
            torch.cat([pooled for _, _, pooled in looked]),
            [own for _, proposals, _ in looked for own in proposals],
            [batch_data_samples[i].metainfo for i in order],
            rescale,
        )
        by_photo = dict(zip(order, answers, strict=True))
        return self.add_pred_to_datasample(batch_data_samples, [by_photo[i] for i in range(len(order))])


def _classless(samples: Sequence[DetDataSample]) -> list[DetDataSample]:
    """The same photos, their boxes of one class, as the first stage sees them."""
    seen = []
    for sample in samples:
        one = sample.new()
        truth = sample.gt_instances
        one.gt_instances = truth.new(bboxes=truth.bboxes, labels=torch.zeros_like(truth.labels))
        seen.append(one)
    return seen


def _on_all_cores(work: Callable[[Any], Result], parts: Sequence[Any]) -> list[Result]:
    """The result for each part; they are worked on at the same time, by a thread each, without gradients."""
    if len(parts) == 1:
        return [work(parts[0])]

    def alone(part: Any) -> Result:
        with torch.inference_mode():  # holds for a thread
            return work(part)

    with one_thread() as threads:
        if threads == 1:
            return [work(part) for part in parts]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(alone, parts))
