"""MMDetection's own scripts, adapted to this project.

The package brings them in `mmdet/.mim/tools`. They expect compiled operators, their own overrides of a config, and
ground truth for the photos to test on.
"""

import io
import json
import os
import pickle
import runpy
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from ..data.coco_reading import read_json
from ..runs.config import load_config, select_split
from ..runs.named_files import named_config
from ..utils.console import first_line
from ..utils.errors import UserError
from ..utils.messages import say

if TYPE_CHECKING:
    from mmengine.config import Config

BROKEN = {
    'benchmark': 'it needs psutil, and measures on a GPU only',
    'fuse_results': 'it reads arguments that it does not define; use tools/fuse_results.py',
}


def scripts() -> dict[str, Path]:
    """Return name to file of MMDetection's scripts.

    Raises:
        UserError: the package has none.
    """
    import mmdet

    folder = Path(mmdet.__file__).parent / '.mim/tools'
    deepest_first = sorted(folder.rglob('*.py'), key=lambda path: (-len(path.parts), path))
    paths = {path.stem: path for path in deepest_first}  # the upper one of two of a name is for detection
    if not paths:
        raise UserError(f'{folder}: MMDetection was installed without its scripts; make clean setup')
    return paths


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate the values of --cfg-options from the other arguments.

    Example:
        >>> split_arguments(['a.py', '--cfg-options', 'x=1', 'y=2', '--show'])
        (['a.py', '--show'], ['x=1', 'y=2'])
    """
    others: list[str] = []
    options: list[str] = []
    target = others
    for argument in arguments:
        name, equals, value = argument.partition('=')
        if len(name) > 4 and '--cfg-options'.startswith(name):  # argparse takes abbreviations
            target = options
            target += [value] if equals else []
            continue
        if '=' not in argument or argument.startswith('-'):
            target = others
        target.append(argument)
    return others, options


def adapt_arguments(name: str, arguments: Sequence[str], split: str, folder: Path) -> list[str]:
    """Return the arguments with which a script of MMDetection works in this project.

    Copies take the place of two files. The config gets its overrides (those of tools/train.py) and a test loop over a
    split with ground truth, which prints its figures. For get_flops the only image is a blank one of the config's
    scale. The json of coco_error_analysis gets supercategories.

    Args:
        name: name of the script.
        arguments: arguments of the script; the first one that ends in .py, or is the name of a config, is the config.
        split: `valid` or `test`.
        folder: the folder of the copies.

    Raises:
        UserError: the config, an override or the json is wrong.
    """
    others, options = split_arguments(arguments)
    names = [argument.partition('=')[0] for argument in others if argument.startswith('--')]
    for option in {option for option in names if names.count(option) > 1}:
        say(f'note: {option}: given more than once; {name} may take the last one only')
    adapted = [part for one in others for part in (one.split('=', 1) if one.startswith('--ann=') else [one])]
    adapted = [str(named_config(Path(argument)) or argument) for argument in adapted]

    def copy(index: int, text: str) -> None:
        path = folder / Path(adapted[index]).name
        path.write_text(text, encoding='utf-8')
        adapted[index] = str(path)

    if configs := [i for i, argument in enumerate(adapted) if argument.endswith('.py')]:
        cfg = load_config(adapted[configs[0]], options)
        select_split(cfg, split)
        if name == 'analyze_results':  # finds the loaders of photos and labels by their names
            loaders = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations', 'with_bbox': True}]
            cfg.train_dataloader = {'dataset': {'type': 'DigitDataset', 'pipeline': loaders}}
        if name == 'get_flops':
            _use_blank_image(cfg, folder / 'blank')
        for hook in cfg.get('custom_hooks') or ():
            if hook.get('type') == 'ConsoleHook':
                hook['figures'] = True
        copy(configs[0], cfg.pretty_text)
    if name == 'coco_error_analysis' and '--ann' in adapted[:-1]:
        index = adapted.index('--ann') + 1
        truth = read_json(Path(adapted[index]), need_boxes=True)
        truth['categories'] = [{'supercategory': 'digit', **category} for category in truth['categories']]
        copy(index, json.dumps(truth))
    if name == 'analyze_logs' and 'plot_curve' in adapted and '--style' not in adapted:
        adapted += ['--style', 'default']  # the script's default, dark, is no style of matplotlib
    return adapted


def _use_blank_image(cfg: 'Config', folder: Path) -> None:
    """Replace the validation images by a blank one as large as the config's scale, made in a new folder."""
    dataset = cfg.val_dataloader.dataset
    width, height = next(step.scale for step in dataset.pipeline if 'scale' in step)
    folder.mkdir()
    Image.new('RGB', (width, height)).save(folder / '1.png')
    dataset.update(type='DigitFolder', data_root='', ann_file='', data_prefix={'img': str(folder)})
    say(f'note: get_flops: a blank image of {width} x {height} px instead of the data set')


def _unpickle(file: BinaryIO) -> Any:
    """Read results of `test --out`: numbers, text, containers, arrays and tensors.

    Raises:
        UserError: the file is damaged, or names a function or a class of another kind, which could run code.
    """
    import torch

    from ..models.checkpoints import stored_by_mmengine

    plain = (OrderedDict, torch.Size, torch._utils._rebuild_tensor_v2, *stored_by_mmengine())
    pairs = (one if isinstance(one, tuple) else (one, f'{one.__module__}.{one.__qualname__}') for one in plain)
    known = {name: one for one, name in pairs}
    known['_codecs.encode'] = lambda text, _: text.encode('latin1')  # bytes, as the protocol of mmengine has them
    # Tensors keep their numbers as a file of torch inside the pickle.
    known['torch.storage._load_from_bytes'] = lambda content: torch.load(io.BytesIO(content), weights_only=True)

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if f'{module}.{name}' not in known:
                raise pickle.UnpicklingError(f'refused, because loading would run {module}.{name}')
            return known[f'{module}.{name}']

    try:
        return Unpickler(file).load()
    except Exception as error:  # a damaged file can raise anything
        raise UserError(f'the results cannot be read ({first_line(error)}); write them by `test --out`') from None


def run_script(name: str, arguments: Sequence[str], split: str = 'valid') -> None:
    """Run one of MMDetection's scripts as the main program.

    Args:
        name: name of the script, without .py.
        arguments: arguments of the script.
        split: split that a config is tested on, `valid` or `test`. Defaults to 'valid'.

    Raises:
        UserError: there is no such script, or it does not work here.
    """
    import torch
    from mmengine.fileio.handlers import PickleHandler

    from .. import register  # noqa: F401 - provides mmcv's operators and registers what configs name
    from ..models.checkpoints import stored_by_mmengine

    known = scripts()
    if name not in known:
        raise UserError(f'{name}: MMDetection has no such script; it has {", ".join(sorted(known))}')
    if name in BROKEN:
        raise UserError(f'{name}: does not work: {BROKEN[name]}')
    os.environ.setdefault('MPLBACKEND', 'agg')
    started = time.time()
    sys.stdout = sys.__stdout__ or sys.stdout  # progress bars begin with a carriage return
    PickleHandler.load_from_fileobj = lambda _, file, **kwargs: _unpickle(file)
    with tempfile.TemporaryDirectory() as folder, torch.serialization.safe_globals(stored_by_mmengine()):
        sys.argv = [str(known[name]), *adapt_arguments(name, arguments, split, Path(folder))]
        try:
            runpy.run_path(str(known[name]), run_name='__main__')
        except FileNotFoundError as error:
            raise UserError(f'{error.filename}: no such file; {name} --help shows the arguments') from error
    for place in dict.fromkeys(argument for argument in arguments if Path(argument).is_dir()):
        made = [path for path in Path(place).rglob('*') if path.is_file() and path.stat().st_mtime >= started - 1]
        if made:
            first = min(made).relative_to(place)
            print(f'{place}: {len(made)} file{"s" * (len(made) > 1)} written, {first}' + ', …' * (len(made) > 1))
