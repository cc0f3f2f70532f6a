"""Benchmark of training steps, from photos in memory, up to 128 px high, to changed weights; 8 photos per step."""

from collections.abc import Callable
from functools import partial
from typing import Any

from . import models
from .candidate import GFLOP, Prepared, Settings

UNIT = 'photos'
CANDIDATES = {
    'ours': "digits_frcnn with stock's anchors and weights; --amp on a GPU",
    'ours-lite': 'digits_frcnn_lite, photos up to 80 px high',
    'stock': models.STOCK,
    'torchvision-v1': models.TORCHVISION['v1'],
    'torchvision-v2': models.TORCHVISION['v2'],
}
BATCH, FEW = 8, 2  # photos per step; the second in a short round
TIMES = 4  # steps per round of the light model


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Build the model, and load the photos of each step."""
    batch = settings.batch or (FEW if settings.short else BATCH)
    kind, _, version = candidate.partition('-')
    build = _torchvision if kind == 'torchvision' else _mmdet
    step, photos, loaded = build(version or kind, settings, batch)
    # torch counts the gradients of depthwise convolutions wrongly.
    facts: dict[str, float | str] = {} if version == 'lite' else {GFLOP: models.gflop(step) / photos}
    if kind == 'ours':
        facts['photos/s of data made by one core'] = loaded
    return Prepared(lambda: step() or photos, facts)


def _mmdet(kind: str, settings: Settings, batch: int) -> tuple[Callable[[], None], int, float]:
    from mmdet.registry import MODELS
    from mmengine.optim import AmpOptimWrapper, OptimWrapper

    from ..models.numerics import short_float

    cfg = models.config_of('digits_frcnn_lite' if kind == 'lite' else 'digits_frcnn')
    steps = TIMES if kind == 'lite' and not settings.short else 1
    items, loaded = models.for_training(cfg, settings, batch * steps)
    model = MODELS.build(cfg.model).to(models.device()) if kind == 'lite' else models.detector(kind, settings)
    model.train()
    wrap: Any = OptimWrapper
    if kind != 'stock' and models.device() == 'cuda':  # as in tools/train.py --amp
        wrap = partial(AmpOptimWrapper, loss_scale='dynamic', dtype=short_float())
    optimizer, given = wrap(optimizer=models.sgd(model)), models.batches(items, batch)

    def step() -> None:
        for one in given:
            model.train_step(one, optimizer)

    return step, batch * steps, loaded


def _torchvision(version: str, settings: Settings, batch: int) -> tuple[Callable[[], None], int, float]:
    items, loaded = models.for_training(models.config_of('digits_frcnn'), settings, batch)
    photos, truth = zip(*(models.as_torchvision(item) for item in items), strict=True)
    model: Any = models.torchvision_detector(version, settings).train()
    optimizer = models.sgd(model)

    def step() -> None:
        optimizer.zero_grad()
        sum(model(list(photos), list(truth)).values()).backward()
        optimizer.step()

    return step, batch, loaded
