"""Cross-validation: each photo is tested once, by a model that was trained on the other folds."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config

from ..evaluation.bootstrap import point
from ..evaluation.summary import report, score
from ..reading.lookup import FILE_NAME, NONE
from ..reading.settings import read_reader
from ..runs.checkpoint_files import last_checkpoint
from ..runs.predictions import weights_notes
from ..structures.annotations import DigitAnnotations, subset
from ..structures.detections import Detections
from ..submission.pred_json import read_pred_json, write_pred_json
from ..utils.errors import UserError
from ..utils.estimates import share
from ..utils.files import real_path
from ..utils.messages import duration, say, say_notes
from ..utils.processes import WITH_PARENT

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
NO_VALIDATION = ('val_dataloader=None', 'val_cfg=None', 'val_evaluator=None')
SHOWN = {'accuracy': 'number accuracy', 'AP': 'AP', 'AP50': 'AP50', 'AP75': 'AP75'}


class FoldRuns:
    """Runs of tools/train.py and tools/test.py that differ only by the fold.

    The last epoch is tested with the thresholds of the config. An epoch or a threshold that was chosen on the photos
    of the fold would bias the result. The methods raise `UserError` if a tool fails.

    Args:
        cfg: the content of `config`.
        config: the file, which must not change until the last fold is tested.
        data: the data root.
        processes: number of ranks that train. Defaults to 1.

    Raises:
        UserError: the config has no labelled photos, or several sets; the processes cannot share a batch.
    """

    def __init__(self, cfg: Config, config: Path, data: Path, processes: int = 1) -> None:
        self.config, self.data, self.processes = config, data, processes
        self.train_key, self.test_key = (_labelled_part(cfg, f'{kind}_dataloader') for kind in ('train', 'val'))
        batch_size = cfg.train_dataloader.batch_size
        if processes < 1 or batch_size % processes:
            remedy = 'give another number, or another batch by --cfg-options train_dataloader.batch_size=N'
            raise UserError(f'--processes {processes}: must divide the batch of {batch_size} photos; {remedy}')
        self.batch_size = batch_size // processes

    def refuse_own(self, options: Iterable[str]) -> None:
        """Raise a `UserError` for `--cfg-options` that each fold overrides."""
        own = [option.partition('=')[0] for option in (*self._photos(self.data), *NO_VALIDATION)]
        for option in options:
            if option.partition('=')[0] in own:
                raise UserError(f'--cfg-options {option}: is set for each fold; name the photos by --data')

    def _photos(self, folder: Path) -> list[str]:
        """Return the options that select the photos of the fold in `folder`."""
        options = [f'data_root={self.data}']
        for key, name in ((self.train_key, 'train.json'), (self.test_key, 'valid.json')):
            options += [f'{key}.ann_file={real_path(folder) / name}', f'{key}.data_prefix.img=']
        return options

    def train(self, folder: Path) -> None:
        """Train on the fold's train.json without validation, from the last checkpoint if there is one."""
        start, more = [sys.executable], ['--resume'] if last_checkpoint(folder) else []
        if self.processes > 1:
            start += ['-m', 'torch.distributed.run', '--standalone', f'--nproc-per-node={self.processes}']
            more += ['--launcher', 'pytorch']
        options = [*self._photos(folder), f'train_dataloader.batch_size={self.batch_size}', *NO_VALIDATION]
        self._run(folder, start, 'train.py', more, options)

    def test(self, folder: Path) -> None:
        """Test the last epoch on the fold's valid.json and write predictions and reader.json to FOLDER/valid."""
        checkpoint = last_checkpoint(folder)
        if checkpoint is None:
            raise UserError(f'{folder}: training left no checkpoint there to test')
        more = [str(checkpoint), '--split', 'valid', '--dump', str(folder / 'valid'), '--reader', NONE]
        self._run(folder, [sys.executable], 'test.py', more, self._photos(folder))

    def _run(self, folder: Path, start: list[str], tool: str, more: list[str], options: list[str]) -> None:
        command = [*start, str(TOOLS / tool), str(self.config), *more, '--work-dir', str(folder)]
        env = {**os.environ, WITH_PARENT: '1'}
        if len(start) > 1:
            env.setdefault('OMP_NUM_THREADS', '1')  # torchrun's default, unannounced
        # stdout is for the final figures.
        with subprocess.Popen([*command, '--cfg-options', *options], stdout=sys.stderr, env=env) as process:
            try:
                code = process.wait()
            except BaseException:  # such as Ctrl-C
                process.terminate()  # unlike kill, lets torchrun end its ranks
                raise
        if code:
            reason = f'tools/{tool} failed there, see above (exit code {code})'
            raise UserError(f'{folder}: {reason}; mend the cause and repeat the command to continue')


def _labelled_part(cfg: Config, loader: str) -> str:
    """Return the key of the one data set of a loader whose data_root is the config's variable data_root."""
    root = cfg.get('data_root')
    keys = list(_parts(cfg.get(loader), loader, root)) if root else []
    if len(keys) != 1:
        rule = f'must have one labelled data set, with an ann_file and data_root={root!r}; it has {len(keys)}'
        raise UserError(f'{cfg.filename}: {loader} {rule}')
    return keys[0]


def _parts(node: Any, key: str, data_root: str) -> Iterator[str]:
    if isinstance(node, Mapping) and 'ann_file' in node and node.get('data_root') == data_root:
        yield key
    children = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from _parts(child, f'{key}.{name}', data_root)


def settings_of(cfg: Config) -> str:
    """Return a hash of all settings except the work dir."""
    settings = {key: value for key, value in cfg.to_dict().items() if key != 'work_dir'}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


def run_folds(folders: Sequence[Path], fold_of: np.ndarray, runs: FoldRuns) -> None:
    """Train and test one fold after the other, except those with predictions; raises `UserError` if a tool fails.

    Args:
        folders: F folders, each with train.json and valid.json.
        fold_of: (M,) fold of each photo, from 0.
        runs: the runs of the tools.
    """
    predictions = [folder / 'valid/pred.json' for folder in folders]  # each appears when it is complete
    spent: list[float] = []
    for fold, folder in enumerate(folders):
        own, start = int((fold_of == fold).sum()), time.monotonic()
        line = f'fold {fold + 1} of {len(folders)}: {len(fold_of) - own} photos to train on, {own} to test'
        if predictions[fold].is_file():
            say(f'{line}: done before')
            say_notes(*weights_notes(predictions[fold]))
            continue
        left = float(np.mean(spent)) * sum(not path.is_file() for path in predictions) if spent else 0
        say(f'{line} | about {duration(left)} left' if spent else line)
        runs.train(folder)
        runs.test(folder)
        spent.append(time.monotonic() - start)


class Outcome(NamedTuple):
    """Figures of a cross-validation.

    Attributes:
        photos: (F,) number of photos of each fold.
        figures: (F,) name to value for each fold.
        pooled: report on the photos of all folds together.
    """

    photos: list[int]
    figures: list[dict[str, float]]
    pooled: str

    def __str__(self) -> str:
        """Return the pooled report, a line for each fold, and their mean and standard deviation."""
        values = {shown: [figures[name] for figures in self.figures] for name, shown in SHOWN.items()}
        lines = [self.pooled]
        for fold, photos in enumerate(self.photos):
            right = share(round(self.figures[fold]['accuracy'] * photos), photos)
            own = ''.join(f' | {shown} {self.figures[fold][name]:.3f}' for name, shown in SHOWN.items() if 'AP' in name)
            lines.append(f'fold {fold + 1} ({photos} photos): number accuracy {right}{own}')
        mean = ' | '.join(f'{name} {np.mean(each):.3f} ± {np.std(each, ddof=1):.3f}' for name, each in values.items())
        return '\n'.join([*lines, f'mean ± standard deviation of the folds: {mean}'])


def pool_folds(folders: Sequence[Path], fold_of: np.ndarray, truth: DigitAnnotations, out: Path) -> Outcome:
    """Score the predictions of each fold and of all folds together, and write the latter to `out`.

    Args:
        folders: F folders of tested folds.
        fold_of: (M,) fold of each photo, from 0.
        truth: annotations of the M photos.
        out: the pred.json to write.

    Raises:
        UserError: predictions cannot be read, or a fold has no digit.
    """
    config = read_reader(folders[0] / 'valid' / FILE_NAME).number  # of the config, the same in each fold
    parts, counts, figures = [], [], []
    for fold, folder in enumerate(folders):
        own = subset(truth, fold_of == fold)
        parts.append(read_pred_json(folder / 'valid/pred.json', own.image_ids))
        counts.append(len(own.image_ids))
        numbers, matches = score(parts[-1], own, config)
        figures.append(numbers.figures() | point(matches.figures, counts[-1]))
    pooled = Detections.concatenate(parts)
    write_pred_json(out, pooled)
    return Outcome(counts, figures, report(*score(pooled, truth, config)))
