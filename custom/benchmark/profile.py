"""Where the time goes, in MMDetection's own Faster R-CNN and in ours: processor time of the model's parts.

On one thread, so that the parts add up; on a GPU it would show how long Python takes, not the work.
"""

import dataclasses
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..utils.files import replacing
from ..utils.messages import say
from .compare import Settings

PHOTOS = {'predict': 16, 'train': 8}
FEW = 2  # in a short run
REST = 'the rest'
# Part: module of the model, and its method. None of them calls another.
PARTS = {
    'ResNet-50': ('backbone', 'forward'),
    'FPN': ('neck', 'forward'),
    'RPN': ('rpn_head', 'forward'),
    'proposals': ('rpn_head', 'predict_by_feat'),
    'RoIAlign': ('roi_head.bbox_roi_extractor', 'forward'),
    'box head': ('roi_head.bbox_head', 'forward'),
}
GRADIENT = {'gradients': 'backward', 'optimizer': 'step'}  # methods of the OptimWrapper
COLOURS = ('#1f4e79', '#2e75b6', '#9dc3e6', '#7f7f7f', '#c55a11', '#f4b183', '#548235', '#a9d18e', '#d9d9d9')

Profile = dict[str, float]  # ms of processor time a photo, by part


def _timed(owner: Any, method: str, name: str, spent: Profile) -> None:
    inner = getattr(owner, method)

    def run(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return inner(*args, **kwargs)
        finally:
            spent[name] += time.process_time() - start

    setattr(owner, method, run)


def profile(kind: str, what: str, settings: Settings) -> Profile:
    """Measure one model, after a round to warm up.

    Args:
        kind: 'stock' or 'ours'.
        what: 'predict' or 'train'.
        settings: the photos and weights.

    Returns:
        The time of each part, in the order in which they work; `REST` is what is left of the whole.
    """
    from ..models.numerics import one_thread

    count = FEW if settings.short else PHOTOS[what]
    spent: Profile = defaultdict(float)
    model, run = (_training if what == 'train' else _predicting)(kind, settings, count, spent)
    for name, (module, method) in PARTS.items():
        _timed(model.get_submodule(module), method, name, spent)
    with one_thread():
        run()
        spent.clear()
        start = time.process_time()
        run()
        whole = time.process_time() - start
    names = [*PARTS, *(GRADIENT if what == 'train' else ())]
    parts = {name: spent[name] / count * 1e3 for name in names}
    return {**parts, REST: whole / count * 1e3 - sum(parts.values())}


def _predicting(kind: str, settings: Settings, count: int, spent: Profile) -> tuple[Any, Callable[[], None]]:
    import torch

    from .models import batches, predictor
    from .photos import config_of, for_inference

    model = predictor(kind, settings).cpu()
    given = batches(for_inference(config_of('digits_frcnn'), settings, count), 16 if kind == 'ours' else 1)

    def run() -> None:
        with torch.inference_mode():
            for batch in given:
                model.test_step(batch)

    return model, run


def _training(kind: str, settings: Settings, count: int, spent: Profile) -> tuple[Any, Callable[[], None]]:
    from mmengine.optim import OptimWrapper

    from .models import batches, detector, sgd
    from .photos import config_of, for_training

    model = detector(kind, settings).cpu().train()
    optimizer = OptimWrapper(sgd(model))
    for name, method in GRADIENT.items():
        _timed(optimizer, method, name, spent)
    (batch,) = batches(for_training(config_of('digits_frcnn'), settings, count)[0], count)
    return model, lambda: model.train_step(batch, optimizer)


def profiles(settings: Settings) -> dict[tuple[str, str], Profile]:
    """Of what is done, 'predict' or 'train', and by whom, 'stock' or 'ours'."""
    found = {}
    with tempfile.TemporaryDirectory(prefix='benchmark_') as scratch:
        settings = dataclasses.replace(settings, scratch=scratch)
        for what in PHOTOS:
            for kind in ('ours', 'stock'):  # ours leaves its weights to stock
                say(f'profile: {what}, {kind}')
                found[what, kind] = profile(kind, what, settings)
    return found


def part_names(found: dict[tuple[str, str], Profile]) -> list[str]:
    """All parts, the rest last."""
    return [*dict.fromkeys(name for parts in found.values() for name in parts if name != REST), REST]


def profile_table(found: dict[tuple[str, str], Profile]) -> str:
    """The times as text: a row for each part."""
    from .results import aligned

    names = part_names(found)
    rows = [['ms a photo', *(f'{what}, {kind}' for what, kind in found)]]
    rows += [[name, *(f'{parts[name]:.1f}' if name in parts else '-' for parts in found.values())] for name in names]
    rows += [['all', *(f'{sum(parts.values()):.1f}' for parts in found.values())]]
    return '\n'.join(['profile: processor time on one thread, one round after one to warm up', *aligned(rows)])


def draw_profile(found: dict[tuple[str, str], Profile], path: Path) -> None:
    """Draw the times as a PNG: a bar for each model and task."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), dpi=110, layout='constrained')
    tasks = list(dict.fromkeys(what for what, _ in found))
    names = part_names(found)
    colours = dict(zip(names, COLOURS, strict=True))
    for axes, task in zip(figure.subplots(len(tasks), 1), tasks, strict=True):
        for kind in ('ours', 'stock'):
            left = 0.0
            for name, value in found[task, kind].items():
                axes.barh(kind, value, left=left, color=colours[name], height=0.7)
                left += value
            axes.text(left, kind, f' {left:.0f} ms', va='center', fontsize=9)
        axes.set_title(f'{task}: processor time a photo, one thread', fontsize=10, loc='left')
        axes.margins(x=0.09)
        axes.spines[['top', 'right']].set_visible(False)
    handles = [figure.axes[0].barh(0, 0, color=colours[name], label=name) for name in names]
    figure.legend(handles=handles, loc='outside lower center', ncols=len(names) // 2 + 1, frameon=False, fontsize=9)
    with replacing(path) as beside:
        figure.savefig(beside, format='png')


def show_profile(settings: Settings, picture: Path | None) -> None:
    """Measure, print the table, and draw the picture if one is asked for."""
    found = profiles(settings)
    print(profile_table(found))
    if picture:
        draw_profile(found, picture)
        print(f'profile: {picture}')
