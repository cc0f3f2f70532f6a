"""Cross-validation: every photo is tested once, by a model that was trained on other folds."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..evaluation.bootstrap import point
from ..evaluation.summary import report, score
from ..reading.lookup import FILE_NAME, NONE
from ..reading.settings import read_reader
from ..runs.checkpoint_files import last_checkpoint
from ..structures.annotations import DigitAnnotations, subset
from ..structures.detections import Detections
from ..submission.pred_json import read_pred_json, write_pred_json
from ..utils.errors import UserError
from ..utils.messages import duration, say

if TYPE_CHECKING:
    from mmengine.config import Config

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
NO_VALIDATION = ('val_dataloader=None', 'val_cfg=None', 'val_evaluator=None')


class FoldRuns(NamedTuple):
    """Calls of tools/train.py and tools/test.py that differ by the fold alone.

    The photos of a fold are not looked at before its test, and that takes the weights of the last epoch and the
    thresholds of the config: an epoch or a threshold that was chosen on them would flatter.

    Attributes:
        config: the file, which must stay as it is until the last fold is tested.
        data: the data root.
        train_key: where in the config the labelled photos to train on stand; there may be generated ones beside them.
        test_key: where those to validate on stand.
        batch_size: photos a step, of each process.
        processes: ranks that train.
    """

    config: Path
    data: Path
    train_key: str
    test_key: str
    batch_size: int
    processes: int

    @classmethod
    def of(cls, cfg: 'Config', config: Path, data: Path, processes: int = 1) -> 'FoldRuns':
        """Find out of what is in the file `config` what has to be said for a fold.

        Raises:
            UserError: the config has no labelled photos, or several; the processes cannot share a batch.
        """
        train_key, test_key = (_labelled_part(cfg, f'{kind}_dataloader') for kind in ('train', 'val'))
        batch_size = cfg.train_dataloader.batch_size
        if processes < 1 or batch_size % processes:
            raise UserError(
                f'--processes {processes}: must divide the batch of {batch_size} photos; '
                'give another number, or another batch by --cfg-options train_dataloader.batch_size=N'
            )
        return cls(config, data, train_key, test_key, batch_size // processes, processes)

    def refuse_own(self, options: Iterable[str]) -> None:
        """Refuse `--cfg-options` that would be lost, because a fold sets the same.

        Raises:
            UserError: there is such an option.
        """
        own = {option.partition('=')[0] for option in (*self._photos(self.data), *NO_VALIDATION)}
        for option in options:
            if option.partition('=')[0] in own:
                raise UserError(f'--cfg-options {option}: is set for each fold; name the photos by --data')

    def _photos(self, folder: Path) -> list[str]:
        """The options by which the config takes the photos of the fold in `folder`."""
        options = [f'data_root={self.data}']
        for key, name in ((self.train_key, 'train.json'), (self.test_key, 'valid.json')):
            options += [f'{key}.ann_file={folder.resolve() / name}', f'{key}.data_prefix.img=']
        return options

    def train(self, folder: Path) -> None:
        """Train on the fold's train.json, from where an earlier call stopped; nothing is validated.

        Raises:
            UserError: the tool failed.
        """
        start, more = [sys.executable], ['--resume'] if last_checkpoint(folder) else []
        if self.processes > 1:
            start += ['-m', 'torch.distributed.run', '--standalone', f'--nproc-per-node={self.processes}']
            more += ['--launcher', 'pytorch']
        options = [*self._photos(folder), f'train_dataloader.batch_size={self.batch_size}', *NO_VALIDATION]
        self._run(folder, start, 'train.py', more, options)

    def test(self, folder: Path) -> None:
        """Test the last epoch's weights on the fold's valid.json; predictions and reader go to FOLDER/valid.

        Raises:
            UserError: there are no weights, or the tool failed.
        """
        checkpoint = last_checkpoint(folder)
        if checkpoint is None:
            raise UserError(f'{folder}: training left no checkpoint there to test')
        more = [str(checkpoint), '--split', 'valid', '--dump', str(folder / 'valid'), '--reader', NONE]
        self._run(folder, [sys.executable], 'test.py', more, self._photos(folder))

    def _run(self, folder: Path, start: list[str], tool: str, more: list[str], options: list[str]) -> None:
        command = [*start, str(TOOLS / tool), str(self.config), *more, '--work-dir', str(folder)]
        env = {'OMP_NUM_THREADS': '1', **os.environ} if len(start) > 1 else None  # as torchrun does, with a warning
        # What the tools print on stdout is talk here.
        with subprocess.Popen([*command, '--cfg-options', *options], stdout=sys.stderr, env=env) as process:
            try:
                code = process.wait()
            except BaseException:  # Ctrl-C, say
                process.terminate()  # unlike kill, it lets torchrun end its ranks
                raise
        if code:
            raise UserError(
                f'{folder}: tools/{tool} failed there, see above (exit code {code}); '
                'when that is mended, the same command goes on'
            )


def _labelled_part(cfg: 'Config', loader: str) -> str:
    root = cfg.get('data_root')
    found = list(_parts(cfg.get(loader), loader, root)) if root else []
    if len(found) != 1:
        raise UserError(
            f'{cfg.filename}: {loader} must have one data set with an ann_file and data_root={root!r}, as the '
            f'variable data_root says: the labelled photos; it has {len(found)}'
        )
    return found[0]


def _parts(node: Any, key: str, data_root: str) -> Iterator[str]:
    if isinstance(node, Mapping) and 'ann_file' in node and node.get('data_root') == data_root:
        yield key
    children = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from _parts(child, f'{key}.{name}', data_root)


def settings_of(cfg: 'Config') -> str:
    """A short text that differs between configs that differ in any setting but the work dir."""
    settings = {key: value for key, value in cfg.to_dict().items() if key != 'work_dir'}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


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
