"""MMDetection's own scripts, run inside this project.

They come with the package (in `mmdet/.mim/tools`), but expect compiled operators, their own overrides of a config, and
truth for the photos to test on.
"""

import json
import os
import runpy
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..data.coco_reading import read_json
from ..utils.errors import UserError

BROKEN = {
    'benchmark': 'it asks for psutil, and measures on a GPU only',
    'fuse_results': 'it reads arguments that it does not define; use tools/fuse_results.py',
}
# What shows photos with their truth wants loaders that it knows by name.
LOADERS = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations', 'with_bbox': True}]


def scripts() -> dict[str, Path]:
    """Name to file of MMDetection's scripts.

    Raises:
        UserError: the package has none.
    """
    import mmdet

    folder = Path(mmdet.__file__).parent / '.mim/tools'
    deepest_first = sorted(folder.rglob('*.py'), key=lambda path: (-len(path.parts), path))
    found = {path.stem: path for path in deepest_first}  # of two of one name the one for detection is nearer
    if not found:
        raise UserError(f'{folder}: MMDetection was installed without its scripts; make clean setup')
    return found


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the values of --cfg-options from the other arguments.

    Example:
        >>> split_arguments(['a.py', '--cfg-options', 'x=1', 'y=2', '--show'])
        (['a.py', '--show'], ['x=1', 'y=2'])
    """
    others: list[str] = []
    options: list[str] = []
    into = others
    for argument in arguments:
        if argument == '--cfg-options':
            into = options
        elif into is options and '=' in argument and not argument.startswith('-'):
            options.append(argument)
        else:
            into = others
            others.append(argument)
    return others, options


def fit_arguments(name: str, arguments: Sequence[str], split: str, folder: Path) -> list[str]:
    """What a script of MMDetection has to be called with to do here what was asked for.

    A config among the arguments is written anew, with its overrides (as tools/train.py understands them) and with a
    test loop over a split with truth.

    Args:
        name: of the script.
        arguments: of the script; the first one that ends in .py is the config.
        split: `valid` or `test`.
        folder: where files are written, under their own names.

    Raises:
        UserError: the config, an override or the json is wrong.
    """
    fitted, options = split_arguments(arguments)
    fitted = [
        part
        for argument in fitted
        for part in (argument.split('=', 1) if argument.startswith('--ann=') else [argument])
    ]
    configs = [i for i, argument in enumerate(fitted) if argument.endswith('.py')]
    if configs:
        fitted[configs[0]] = _rewrite_config(name, fitted[configs[0]], options, split, folder)
    if name == 'coco_error_analysis' and '--ann' in fitted[:-1]:
        place = fitted.index('--ann') + 1
        fitted[place] = _name_supercategories(Path(fitted[place]), folder)
    if name == 'analyze_logs' and 'plot_curve' in fitted and '--style' not in fitted:
        fitted += ['--style', 'default']  # its own default, dark, is not among matplotlib's
    return fitted


def _rewrite_config(name: str, config: str, options: list[str], split: str, folder: Path) -> str:
    from ..runs.config import load_config, select_split

    cfg = load_config(config, options)
    select_split(cfg, split)
    if name == 'analyze_results':
        cfg.train_dataloader = {'dataset': {'type': 'DigitDataset', 'pipeline': LOADERS}}
    written = folder / Path(config).name
    written.write_text(cfg.pretty_text, encoding='utf-8')
    return str(written)


def _name_supercategories(path: Path, folder: Path) -> str:
    """Digits have none, but coco_error_analysis asks for them."""
    truth = read_json(path, need_boxes=True)
    truth['categories'] = [{'supercategory': 'digit', **category} for category in truth['categories']]
    written = folder / path.name
    written.write_text(json.dumps(truth), encoding='utf-8')
    return str(written)


def run_script(name: str, arguments: Sequence[str], split: str = 'valid') -> None:
    """Run one of MMDetection's scripts as if it was called by itself.

    Args:
        name: of the script, without .py.
        arguments: what follows it on the command line.
        split: what a config is tested on, `valid` or `test`. Defaults to 'valid'.

    Raises:
        UserError: there is no such script, or it does not work here.
    """
    import torch

    from .. import register  # noqa: F401 (serves the operators, and registers what configs name)
    from ..models.checkpoints import stored_by_mmengine

    known = scripts()
    if name not in known:
        raise UserError(f'{name}: MMDetection has no such script; it has {", ".join(sorted(known))}')
    if name in BROKEN:
        raise UserError(f'{name}: does not work: {BROKEN[name]}')
    os.environ.setdefault('MPLBACKEND', 'agg')
    with tempfile.TemporaryDirectory() as folder, torch.serialization.safe_globals(stored_by_mmengine()):
        sys.argv = [str(known[name]), *fit_arguments(name, arguments, split, Path(folder))]
        try:
            runpy.run_path(str(known[name]), run_name='__main__')
        except FileNotFoundError as error:
            raise UserError(f'{error.filename}: no such file; {name} --help shows what is wanted') from error
