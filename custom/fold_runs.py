"""How the tools are called to train and test on the photos of one fold."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from custom.cli import last_checkpoint
from custom.errors import UserError
from custom.readers import NONE

if TYPE_CHECKING:
    from mmengine.config import Config

TOOLS = Path(__file__).resolve().parents[1] / 'tools'
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
