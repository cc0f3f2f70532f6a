"""A resumed run equals an uninterrupted one, bit for bit.

An uninterrupted run keeps the checkpoint of every epoch. A run that resumes from one of them must end with the same
weights, optimizer and best checkpoint.
"""

import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from helpers.weights import differing

from .campaign import Fault, Scene

EPOCHS = 3
KEEP = 'default_hooks.checkpoint.max_keep_ckpts=-1'
WORKERS = ['train_dataloader.num_workers=2', 'train_dataloader.persistent_workers=True']
VARIANTS = {
    'one process': [KEEP],
    'two workers': [KEEP, *WORKERS],
    'workers that end with each epoch': [KEEP, WORKERS[0]],
    'another seed': [KEEP, 'randomness.seed=7'],
    'validation every second epoch': [KEEP, 'train_cfg.val_interval=2'],
}


def resume(name: str, start: int, scene: Scene, folder: Path) -> None:
    """Resume from the checkpoint of an epoch."""

    def whole(place: Path) -> Path:
        scene.tool('train.py', *scene.train_arguments(place / 'run', *VARIANTS[name], epochs=EPOCHS)).must_succeed()
        return place / 'run'

    run, work = scene.once(f'run of {name}', whole), folder / 'work'
    work.mkdir()
    shutil.copy(run / f'epoch_{start}.pth', work)
    (work / 'last_checkpoint').write_text(f'epoch_{start}.pth')
    arguments = scene.train_arguments(work, *VARIANTS[name], epochs=EPOCHS)
    scene.tool('train.py', *arguments[:3], '--resume', *arguments[3:]).must_succeed()
    different = differing(run / f'epoch_{EPOCHS}.pth', work / f'epoch_{EPOCHS}.pth')
    assert not different, f'{len(different)} tensors differ, such as {different[0]}'


def faults() -> Iterable[Fault]:
    """List the variants, each resumed from every epoch but the last."""
    for name in VARIANTS:
        for start in range(1, EPOCHS):
            yield Fault(f'{name}, from epoch {start}', partial(resume, name, start), 12)
