"""Configs, checkpoints and work dirs, each by its path, by the name of a config, or by a work dir."""

import os
from pathlib import Path
from typing import NamedTuple

from ..utils.errors import UserError
from ..utils.messages import one_line
from .checkpoint_files import best_checkpoint

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
WORK_DIRS = Path('work_dirs')


class ConfigFile(NamedTuple):
    """A config; `work_dir` is the run that it was dumped for, or None for a file that was named itself."""

    path: Path
    work_dir: Path | None = None


def find_config(given: str | os.PathLike) -> ConfigFile:
    """Find a config by its path, by the name of a file of configs/, by a work dir, or by a checkpoint in one.

    Raises:
        UserError: there is none, or the work dir has several.

    Example:
        >>> find_config('digits_frcnn_lite').path.name
        'digits_frcnn_lite.py'
    """
    path = Path(given)
    if path.is_file() and path.suffix == '.py':
        return ConfigFile(path)
    if named := named_config(path):
        return ConfigFile(named)
    config = _only_config(path) if path.is_dir() else config_beside(path) if path.is_file() else None
    if config:
        return ConfigFile(config, config.parent)
    existing = ', '.join(sorted(map(str, _configs().glob('*.py')))) or f'none below {_configs()}'
    fault = 'no such config' if not path.exists() else 'holds no config of a run' if path.is_dir() else 'is no config'
    raise UserError(f'{one_line(path)}: {fault}; there are: {existing}')


def config_beside(checkpoint: Path) -> Path | None:
    """Return the config of the run that wrote a checkpoint; None in a folder that is no work dir, or has no config.

    Raises:
        UserError: the work dir has several configs.
    """
    return _only_config(checkpoint.parent) if (checkpoint.parent / 'last_checkpoint').is_file() else None


def _only_config(work_dir: Path) -> Path | None:
    configs = sorted(filter(Path.is_file, work_dir.glob('*.py')))
    if len(configs) > 1:
        names = ', '.join(config.name for config in configs)
        raise UserError(f'{work_dir}: {len(configs)} configs lie there ({names}); name the one of the run')
    return configs[0] if configs else None


def find_checkpoint(given: str | os.PathLike) -> Path:
    """Find a checkpoint: a file, the best one of a work dir, or of the run of a config in work_dirs/.

    A missing file is returned as it is: the loader names it.

    Raises:
        UserError: the work dir holds no checkpoint, or no run of the config is there.
    """
    path = Path(given).expanduser()
    if path.is_dir():
        return best_checkpoint(path)
    if named := named_config(path):
        return best_checkpoint(_run_of(path, named))
    return path


def checkpoint_of_run(config: str | os.PathLike, checkpoint: str | os.PathLike | None, work_dir: str) -> Path:
    """Find the checkpoint to test: `checkpoint`, else a checkpoint that stands for the config, else that of the run.

    Args:
        config: as `find_config` takes it.
        checkpoint: as `find_checkpoint` takes it, or None.
        work_dir: the work dir of the loaded config.

    Raises:
        UserError: there is none.
    """
    if checkpoint is not None:
        return find_checkpoint(checkpoint)
    is_checkpoint = Path(config).is_file() and Path(config).suffix != '.py'
    return Path(config) if is_checkpoint else best_checkpoint(work_dir)


def find_work_dir(given: str | os.PathLike) -> Path:
    """Find a work dir: a folder, the one of a config's run in work_dirs/, or the folder of a run's checkpoint.

    Other files, and missing ones, are returned as they are.
    """
    path = Path(given)
    if path.is_file() and path.suffix == '.pth' and config_beside(path):
        return path.parent
    named = None if path.exists() else named_config(path)
    return _run_of(path, named) if named else path


def _configs() -> Path:
    return Path('configs') if Path('configs').is_dir() else CONFIGS


def named_config(path: Path) -> Path | None:
    """Return the file of configs/ with this name, None unless `path` is a bare name of one."""
    if path.exists() or path.parent != Path() or path.suffix not in ('', '.py'):
        return None
    found = _configs() / f'{path.stem}.py'
    return found if found.is_file() else None


def _run_of(given: Path, config: Path) -> Path:
    folder = WORK_DIRS / config.stem
    if not folder.is_dir():
        raise UserError(f'{given}: {folder}, where its run would lie, is not there; train it, or name a work dir')
    return folder
