"""The config of a run: loading, and the split that is tested."""

import argparse
import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config


def import_custom_modules(cfg: 'Config') -> None:
    """Import what `custom_imports` of a config names; `custom` is this package, whatever its name is here."""
    own = __package__.partition('.')[0]
    for name in cfg.get('custom_imports', {}).get('imports', []):
        importlib.import_module(re.sub(r'^custom(?=\.)', own, name))


def load_config(args: argparse.Namespace) -> 'Config':
    """The config named on the command line, its overrides merged last, its work dir decided.

    Raises:
        UserError: no such config, one that cannot be read, or an override that does not fit.
    """
    from mmengine.config import Config

    from .overrides import apply_overrides

    path = Path(args.config)
    if not path.is_file():
        there = ', '.join(sorted(str(p) for p in Path('configs').glob('*.py'))) or 'none below ./configs'
        raise UserError(f'{path}: no such config; there are: {there}')
    try:
        cfg = Config.fromfile(path, import_custom_modules=False)
        import_custom_modules(cfg)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f'{path}: cannot be read as a config ({type(error).__name__}: {error})') from error
    apply_overrides(cfg, args.cfg_options)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(Path('work_dirs', path.stem))
    return cfg


def select_split(cfg: 'Config', split: str, images: str | None = None) -> Path:
    """Make the test loop of `cfg` run over a split, or over a folder of photos; returns the folder of the photos.

    Args:
        cfg: the config, changed in place.
        split: `valid` is what the config validates on; `test` is unlabelled, unless its data root has a test.json with
            boxes.
        images: a folder of photos without labels, instead. Defaults to None, the split.
    """
    if split == 'valid' and not images:
        cfg.test_dataloader, cfg.test_evaluator = cfg.val_dataloader, cfg.val_evaluator
    dataset = cfg.test_dataloader.dataset
    if images:
        dataset.update(type='DigitFolder', data_root='', ann_file='', data_prefix={'img': images})
        return Path(images)
    truth = Path(dataset.data_root, 'test.json')
    if split == 'test' and dataset.type == 'DigitFolder' and truth.is_file() and b'"bbox"' in truth.read_bytes():
        dataset.update(type='DigitDataset', ann_file='test.json')
    return Path(dataset.data_root, dataset.data_prefix.img)
