"""Benchmark: training steps, from photos in memory, up to 128 px high, to changed weights; 8 photos a step."""

from collections.abc import Callable
from functools import partial
from typing import Any

from .compare import Prepared, Settings
from .models import STOCK, TORCHVISION
from .results import GFLOP

UNIT = 'photos'
RIVALS = {
    'ours': "digits_frcnn with stock's anchors and weights; --amp on a GPU",
    'ours-lite': 'digits_frcnn_lite, photos up to 80 px high',
    'stock': STOCK,
    'torchvision-v1': TORCHVISION['v1'],
    'torchvision-v2': TORCHVISION['v2'],
}
BATCH, FEW = 8, 2  # photos a step; the second in a short round
TIMES = 4  # as many steps for the light model


def prepare(rival: str, settings: Settings) -> Prepared:
    """Build the model, and make the photos that each step is given."""
    batch = settings.batch or (FEW if settings.short else BATCH)
    kind, _, version = rival.partition('-')
    make = _torchvision if kind == 'torchvision' else _mmdet
    step, photos, loaded = make(version or kind, settings, batch)
    from .models import gflop

    facts: dict[str, float | str] = {}
    if version != 'lite':  # torch counts the gradients of its depthwise convolutions wrongly
        facts[GFLOP] = gflop(step) / photos
    if kind == 'ours':
        facts['photos/s of data made by one core'] = loaded
    return Prepared(lambda: step() or photos, facts)


def _mmdet(kind: str, settings: Settings, batch: int) -> tuple[Callable[[], None], int, float]:
    from mmdet.registry import MODELS
    from mmengine.optim import AmpOptimWrapper, OptimWrapper

    from ..models.numerics import short_float
    from .models import batches, detector, device, sgd
    from .photos import config_of, for_training

    cfg = config_of('digits_frcnn_lite' if kind == 'lite' else 'digits_frcnn')
    steps = TIMES if kind == 'lite' and not settings.short else 1
    items, loaded = for_training(cfg, settings, batch * steps)
    model = MODELS.build(cfg.model).to(device()) if kind == 'lite' else detector(kind, settings)
    model.train()
    wrap: Any = OptimWrapper
    if kind != 'stock' and device() == 'cuda':  # as tools/train.py --amp does
        wrap = partial(AmpOptimWrapper, loss_scale='dynamic', dtype=short_float())
    optimizer = wrap(optimizer=sgd(model))
    given = batches(items, batch)

    def step() -> None:
        for one in given:
            model.train_step(one, optimizer)

    return step, batch * steps, loaded


def _torchvision(version: str, settings: Settings, batch: int) -> tuple[Callable[[], None], int, float]:
    from .models import as_torchvision, sgd, torchvision_detector
    from .photos import config_of, for_training

    items, loaded = for_training(config_of('digits_frcnn'), settings, batch)
    photos, truth = zip(*(as_torchvision(item) for item in items), strict=True)
    model: Any = torchvision_detector(version, settings).train()
    optimizer = sgd(model)

    def step() -> None:
        optimizer.zero_grad()
        sum(model(list(photos), list(truth)).values()).backward()
        optimizer.step()

    return step, batch, loaded
