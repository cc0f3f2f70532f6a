"""Profile of MMDetection's Faster R-CNN and of this project's: CPU time of the model's parts.

One thread runs, so that the parts add up. On a GPU the times would be those of Python, not of the work.
"""

import dataclasses
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from ..utils.files import replacing
from ..utils.messages import say
from . import models
from .candidate import Settings
from .compare import aligned

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
NAMES = [*PARTS, *GRADIENT, REST]
COLOURS = ('#1f4e79', '#2e75b6', '#9dc3e6', '#7f7f7f', '#c55a11', '#f4b183', '#548235', '#a9d18e', '#d9d9d9')

Profile = dict[str, float]  # ms of CPU time per photo, by part
Profiles = dict[tuple[str, str], Profile]  # by work, 'predict' or 'train', and kind, 'ours' or 'stock'


def _time(owner: Any, method: str, name: str, spent: Profile) -> None:
    """Add the CPU time of a method's calls to `spent[name]`."""
    inner = getattr(owner, method)

    def run(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return inner(*args, **kwargs)
        finally:
            spent[name] += time.process_time() - start

    setattr(owner, method, run)


def profile(kind: str, work: str, settings: Settings) -> Profile:
    """Measure the parts of a model, 'stock' or 'ours', in one round after a warm-up; `REST` is the remainder."""
    import torch
    from mmengine.optim import OptimWrapper

    from ..models.numerics import one_thread

    count = FEW if settings.short else PHOTOS[work]
    spent: Profile = defaultdict(float)
    if work == 'train':
        model = models.detector(kind, settings).cpu().train()
        optimizer = OptimWrapper(models.sgd(model))
        for name, method in GRADIENT.items():
            _time(optimizer, method, name, spent)
        given = models.batches(models.for_training(models.config_of('digits_frcnn'), settings, count)[0], count)
    else:
        model = models.predictor(kind, settings).cpu()
        given = models.batches(models.for_inference(settings, count), 16 if kind == 'ours' else 1)

    def run() -> float:
        start = time.process_time()
        for batch in given:
            model.train_step(batch, optimizer) if work == 'train' else model.test_step(batch)
        return time.process_time() - start

    for name, (module, method) in PARTS.items():
        _time(model.get_submodule(module), method, name, spent)
    with one_thread(), torch.inference_mode(work == 'predict'):
        run()
        spent.clear()
        whole = run()
    parts = {name: spent[name] / count * 1e3 for name in [*PARTS, *(GRADIENT if work == 'train' else ())]}
    return {**parts, REST: whole / count * 1e3 - sum(parts.values())}


def profile_table(measured: Profiles) -> str:
    """Format the times as text, a row for each part."""
    rows = [['ms a photo', *(f'{work}, {kind}' for work, kind in measured)]]
    for name in NAMES:
        rows.append([name, *(f'{parts[name]:.1f}' if name in parts else '-' for parts in measured.values())])
    rows.append(['all', *(f'{sum(parts.values()):.1f}' for parts in measured.values())])
    return '\n'.join(['profile: CPU time on one thread, one round after a warm-up', *aligned(rows)])


def draw_profile(measured: Profiles, path: Path) -> None:
    """Draw the times as a PNG: a bar for each model and work on one scale, and the bar of ours enlarged."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), dpi=110, layout='constrained')
    colours = dict(zip(NAMES, COLOURS, strict=True))
    panels = figure.subplots(len(PHOTOS), 2, width_ratios=(3, 2))
    for row, work in zip(panels, PHOTOS, strict=True):
        for axes, kinds in zip(row, (('ours', 'stock'), ('ours',)), strict=True):
            for kind in kinds:
                left = 0.0
                for name, value in measured[work, kind].items():
                    axes.barh(kind, value, left=left, color=colours[name], height=0.7)
                    left += value
                axes.text(left, kind, f' {left:.0f} ms', va='center', fontsize=9)
            axes.margins(x=0.2, y=0.1 if len(kinds) > 1 else 0.5)
            axes.spines[['top', 'right']].set_visible(False)
        row[0].set_title(f'{work}: CPU time per photo, one thread, ms', fontsize=10, loc='left')
        row[1].set_title('ours, enlarged', fontsize=10, loc='left')
    handles = [panels[0, 0].barh(0, 0, color=colours[name], label=name) for name in NAMES]
    figure.legend(handles=handles, loc='outside lower center', ncols=len(NAMES) // 2 + 1, frameon=False, fontsize=9)
    with replacing(path) as beside:
        figure.savefig(beside, format='png')


def show_profile(settings: Settings, picture: Path | None) -> None:
    """Measure, print the table, and draw the picture unless it is None."""
    measured = {}
    with tempfile.TemporaryDirectory(prefix='benchmark_') as scratch:
        settings = dataclasses.replace(settings, scratch=scratch)
        for work in PHOTOS:
            for kind in ('ours', 'stock'):  # ours saves the weights for stock
                say(f'profile: {work}, {kind}')
                measured[work, kind] = profile(kind, work, settings)
    print(profile_table(measured))
    if picture:
        draw_profile(measured, picture)
        print(f'profile: {picture}')
