"""Cross-validation: every photo is tested once, by a model that was trained on other folds."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from custom.annotations import DigitAnnotations
from custom.fold_runs import FoldRuns
from custom.folds import subset
from custom.intervals import point
from custom.predictions import Detections, read_pred_json, write_pred_json
from custom.reader_file import read_reader
from custom.readers import FILE_NAME
from custom.report import report, score
from custom.talk import duration, say

SHOWN = {'accuracy': 'number accuracy', 'AP': 'AP', 'AP50': 'AP50', 'AP75': 'AP75'}


def run_folds(folders: Sequence[Path], fold_of: np.ndarray, runs: FoldRuns) -> None:
    """Train and test in the folder of each fold, one after the other; one that is done is not done again.

    Args:
        folders: F of them, with their train.json and valid.json.
        fold_of: (M,) the fold of each photo, from 0.
        runs: how the tools are called.

    Raises:
        UserError: a tool failed.
    """

    def done(folder: Path) -> bool:
        return (folder / 'valid/pred.json').is_file()  # it is moved there when it is whole

    spent: list[float] = []
    for fold, folder in enumerate(folders):
        own, started = int((fold_of == fold).sum()), time.monotonic()
        said = f'fold {fold + 1} of {len(folders)}: {len(fold_of) - own} photos to train on, {own} to test'
        if done(folder):
            say(f'{said}: done before')
            continue
        to_do = sum(not done(other) for other in folders)
        left = f' | about {duration(float(np.mean(spent)) * to_do)} left' if spent else ''
        say(said + left)
        runs.train(folder)
        runs.test(folder)
        spent.append(time.monotonic() - started)


class Outcome(NamedTuple):
    """What became of all photos.

    Attributes:
        photos: (F,) how many each fold has.
        figures: of each fold, name to value.
        pooled: the report on the photos of all folds together.
    """

    photos: list[int]
    figures: list[dict[str, float]]
    pooled: str

    def __str__(self) -> str:
        """The pooled report, then a line for each fold, and their mean and standard deviation.

        Example of the lines:
            fold 1 (52 photos): number accuracy 0.808 | AP 0.453 | AP50 0.801 | AP75 0.455
            mean ± standard deviation of the folds: number accuracy 0.800 ± 0.030 | AP …
        """
        values = np.array([[figures[name] for name in SHOWN] for figures in self.figures])
        means, spreads = values.mean(axis=0), values.std(axis=0, ddof=1)
        lines = [
            f'fold {number} ({photos} photos): '
            + ' | '.join(f'{name} {value:.3f}' for name, value in zip(SHOWN.values(), own, strict=True))
            for number, (photos, own) in enumerate(zip(self.photos, values, strict=True), 1)
        ]
        mean = ' | '.join(
            f'{name} {mean:.3f} ± {spread:.3f}'
            for name, mean, spread in zip(SHOWN.values(), means, spreads, strict=True)
        )
        return '\n'.join([self.pooled, *lines, f'mean ± standard deviation of the folds: {mean}'])


def pool_folds(folders: Sequence[Path], fold_of: np.ndarray, truth: DigitAnnotations, out: Path) -> Outcome:
    """Score the predictions of all folds, each fold's and all together; those go to `out`, too.

    Args:
        folders: F of them, tested.
        fold_of: (M,) the fold of each photo, from 0.
        truth: M photos.
        out: the pred.json to write.

    Raises:
        UserError: predictions cannot be read, or a fold has no digit at all.
    """
    config = read_reader(folders[0] / 'valid' / FILE_NAME).number  # the config's, the same in each
    parts, counts, figures = [], [], []
    for fold, folder in enumerate(folders):
        own = subset(truth, fold_of == fold)
        parts.append(read_pred_json(folder / 'valid/pred.json', own.image_ids))
        counts.append(len(own.image_ids))
        numbers, matches = score(parts[-1], own, config)
        figures.append(point(numbers.figures, counts[-1]) | point(matches.figures, counts[-1]))
    pooled = Detections.concatenate(parts)
    write_pred_json(out, pooled)
    return Outcome(counts, figures, report(*score(pooled, truth, config)))
