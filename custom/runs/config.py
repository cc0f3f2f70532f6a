"""Run configs: loading, and the split to test."""

import contextlib
import importlib.util
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.errors import UserError
from ..utils.files import read_file
from .custom_imports import import_custom_modules
from .dumped_config import prepare_dumped, read_dumped, with_infinity
from .named_files import WORK_DIRS, find_checkpoint, find_config

if TYPE_CHECKING:
    from mmengine.config import Config


def load_config(
    config: str | os.PathLike, options: Iterable[str] = (), launcher: str = 'none', work_dir: str | None = None
) -> 'Config':
    """Load a config, merge `key=value` options last, and set its launcher and work dir.

    The work dir defaults to the config's, else to work_dirs/<config name>. The config is a file, a name, a work dir or
    a checkpoint in one (`find_config`); that of a work dir is read as data. A `load_from` that is a work dir becomes
    its best checkpoint.

    Raises:
        UserError: the config is missing, cannot be read or names code of others, an option does not fit, or a setting
            is out of range.
    """
    from .overrides import apply_overrides

    found = find_config(config)
    if found.work_dir:  # it may come from others, and is not run
        cfg = read_dumped(found.path)
        prepare_dumped(cfg)
        cfg.work_dir = str(found.work_dir)
        if cfg.get('resume'):  # that of the run, which is over
            cfg.load_from, cfg.resume = None, False
    else:
        cfg = _run_config(found.path)
    apply_overrides(cfg, options)
    with_infinity(cfg._cfg_dict)
    cfg.launcher = launcher
    cfg.work_dir = work_dir or cfg.get('work_dir') or str(WORK_DIRS / found.path.stem)
    if cfg.get('load_from') and Path(cfg.load_from).is_dir():
        cfg.load_from = str(find_checkpoint(cfg.load_from))
    return cfg


def _run_config(path: Path) -> 'Config':
    from mmengine.config import Config

    try:
        with _direct_bases():
            cfg = Config.fromfile(path, import_custom_modules=False)
        import_custom_modules(cfg)
    except UserError:
        raise
    except Exception as error:  # a config is code, and may raise anything
        raise UserError(f'{path}: cannot be read as a config ({type(error).__name__}: {error})') from error
    return cfg


@contextlib.contextmanager
def _direct_bases() -> Iterator[None]:
    """Let mmengine open `PACKAGE::_base_/FILE` at once.

    mmengine first looks for the file in a hundred YAML files of MMDetection, which takes 0.3 s. None of them lists a
    file of _base_.
    """
    from mmengine.config import Config

    stock = Config._get_cfg_path

    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        package, _, name = cfg_path.partition('::')
        spec = importlib.util.find_spec(package) if name.startswith('_base_/') and package.isidentifier() else None
        path = Path(spec.origin).parent / '.mim/configs' / name if spec and spec.origin else None
        return (str(path), package) if path and path.is_file() else stock(cfg_path, filename)

    Config._get_cfg_path = staticmethod(get_cfg_path)
    try:
        yield
    finally:
        Config._get_cfg_path = staticmethod(stock)


def select_split(cfg: 'Config', split: str, images: str | None = None) -> Path:
    """Set the data set of the test loop to a split, or to a folder of photos; return the folder of the photos.

    Args:
        cfg: the config, changed in place.
        split: `valid` is the config's validation set; `test` is unlabelled unless its data root has a test.json with
            boxes.
        images: a folder of unlabelled photos. Defaults to None, the split.
    """
    if split == 'valid' and not images:
        cfg.test_dataloader, cfg.test_evaluator = cfg.val_dataloader, cfg.val_evaluator
    dataset = cfg.test_dataloader.dataset
    if images:
        dataset.update(type='DigitFolder', data_root='', ann_file='', data_prefix={'img': images})
        return Path(images)
    labels = Path(dataset.data_root, 'test.json')
    if split == 'test' and dataset.type == 'DigitFolder' and labels.is_file() and b'"bbox"' in read_file(labels):
        dataset.update(type='DigitDataset', ann_file='test.json')
    return Path(dataset.data_root, dataset.data_prefix.img)
