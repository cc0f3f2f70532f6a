"""A model that takes no time, for tests of what happens around a model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import nn

import custom.register  # noqa: F401 - registers the runner and the hooks
from custom.engine.runner import DigitRunner


class ToyModel(BaseModel):
    """The loss of a batch is the mean of its inputs; what is found is what the data samples bring along."""

    def __init__(self, on_batch: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.tensor(1.0))
        self.on_batch = on_batch

    def forward(self, inputs, data_samples=None, mode='tensor'):
        self.on_batch()
        return {'loss': self.one * torch.stack(inputs).mean()} if mode == 'loss' else data_samples


class FixedMetric(BaseMetric):
    """Figures given beforehand."""

    def __init__(self, prefix: str = 'digits', **figures: float) -> None:
        super().__init__(prefix=prefix)
        self.figures = figures

    def process(self, data_batch, data_samples) -> None:
        self.results.append(None)

    def compute_metrics(self, results) -> dict:
        return self.figures


class Photos(list):
    """A data set."""

    metainfo: ClassVar[dict] = {}


def photo(image_id: int, boxes: Sequence = (), value: float = 0.0, name: str | None = None) -> dict:
    """An item of a data set; boxes are (xyxy, score, digit)."""
    sample = DetDataSample(metainfo={'img_id': image_id, 'img_path': f'/photos/{name or f"{image_id}.png"}'})
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([box[0] for box in boxes], dtype=torch.float32).reshape(-1, 4),
        scores=torch.tensor([box[1] for box in boxes], dtype=torch.float32),
        labels=torch.tensor([box[2] for box in boxes], dtype=torch.int64),
    )
    return {'inputs': torch.tensor(value), 'data_samples': sample}


def loader(items: list[dict], batch_size: int = 2) -> dict:
    sampler = {'type': 'DefaultSampler', 'shuffle': False}
    collate = {'type': 'pseudo_collate'}
    return {'dataset': Photos(items), 'batch_size': batch_size, 'sampler': sampler, 'collate_fn': collate}


def toy_runner(work_dir: Path, model: nn.Module | None = None, **settings) -> DigitRunner:
    """A runner without mmengine's own hooks; it trains, validates and tests as far as `settings` has data for it."""
    for kind in ('train', 'val', 'test'):
        if f'{kind}_dataloader' in settings:
            settings.setdefault(f'{kind}_cfg', {'by_epoch': True, 'max_epochs': 1} if kind == 'train' else {})
        if kind != 'train' and f'{kind}_dataloader' in settings:
            settings.setdefault(f'{kind}_evaluator', [FixedMetric()])
    if 'train_dataloader' in settings:
        settings.setdefault('optim_wrapper', {'optimizer': {'type': 'SGD', 'lr': 0.0}})
    return DigitRunner(
        model or ToyModel(),
        str(work_dir),
        default_hooks={'checkpoint': None, 'logger': None},
        default_scope='mmdet',
        experiment_name=f'toy{id(settings)}',
        **settings,
    )
