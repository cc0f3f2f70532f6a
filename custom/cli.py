"""What the tools share: arguments, the work-dir rule, checkpoints by default, and how errors end."""

import argparse
import contextlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from custom.errors import UserError
from custom.ranks import end_of, leave, may_speak, say_error
from custom.talk import be_quiet, say

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner


class ToolParser(argparse.ArgumentParser):
    """The parser of every tool: its examples below the help, --quiet and --version.

    Args:
        description: what the tool does.
        examples: shown as they are.
        **kwargs: of ArgumentParser; so come the parsers of sub-commands.
    """

    def __init__(self, description: str | None = None, examples: str | None = None, **kwargs: Any) -> None:
        kwargs = {'epilog': examples, 'formatter_class': argparse.RawDescriptionHelpFormatter, **kwargs}
        super().__init__(description=description, **kwargs)
        self.add_argument(
            '--quiet', action='store_true', default=argparse.SUPPRESS, help='errors only on stderr, and no bars'
        )
        self.add_argument('--version', action=_Version, nargs=0, help='show what is installed here, and exit')
        if '--quiet' in sys.argv:  # before anything imports tqdm
            be_quiet()

    def _print_message(self, message: str, file: Any = None) -> None:
        if may_speak():  # ranks were all given the same
            super()._print_message(message, file)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from custom.environment import versions

        print(*(f'{name}: {version}' for name, version in versions().items()), sep='\n')
        parser.exit()


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's `main` and leave the process with its exit code.

    A mistake of the user ends as one line on stderr and exit code 2, Ctrl-C as 130. Of several ranks one says it.
    """
    os.environ.setdefault('TORCH_CPP_LOG_LEVEL', 'ERROR')  # or it tells of each connection that a lost rank breaks
    warnings.filterwarnings('ignore', 'Image size .* exceeds limit')  # Pillow's, where `custom.photos` raises an error
    try:
        code = main() or 0
    except UserError as error:
        # A data loader's worker process wraps the error in its traceback; what follows the last name is ours.
        say_error(re.split(r'\n\S*UserError: ', str(error))[-1].strip())
        code = 2
    except KeyboardInterrupt:
        if may_speak():
            print('stopped', file=sys.stderr)
        code = 130
    except BrokenPipeError:  # the reader of our stdout, `head` say, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        code = end_of(error)
    leave(code)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every tool that runs a model."""
    parser.add_argument('--work-dir', help="default: the config's work_dir, else work_dirs/<config name>")
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='override any setting of the config, e.g. data_root=DIR train_cfg.max_epochs=3',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none', help='default: none')
    # torch.distributed.launch passes it beside the variable LOCAL_RANK.
    parser.add_argument('--local-rank', '--local_rank', type=int, help=argparse.SUPPRESS)


def load_config(args: argparse.Namespace) -> 'Config':
    """The config named on the command line, its overrides merged last, its work dir decided.

    Raises:
        UserError: no such config, one that cannot be read, or an override that does not fit.
    """
    from mmengine.config import Config

    from custom.overrides import apply_overrides

    path = Path(args.config)
    if not path.is_file():
        there = ', '.join(sorted(str(p) for p in Path('configs').glob('*.py'))) or 'none below ./configs'
        raise UserError(f'{path}: no such config; there are: {there}')
    try:
        cfg = Config.fromfile(path)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f'{path}: cannot be read as a config ({type(error).__name__}: {error})') from error
    apply_overrides(cfg, args.cfg_options)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(Path('work_dirs', path.stem))
    return cfg


def build_runner(cfg: 'Config') -> 'Runner':
    """mmengine's runner for `cfg`.

    Raises:
        UserError: what the config asks for cannot be built.
    """
    from mmdet.registry import RUNNERS

    if cfg.get('compile'):
        import torchvision  # noqa: F401 - tells torch.compile of the operators, which custom.operators loads alone
    with building_from(cfg):
        return RUNNERS.build(cfg)


@contextlib.contextmanager
def building_from(cfg: 'Config') -> Iterator[None]:
    """Raise what wrong settings of a config cause as one UserError that names its file."""
    try:
        yield
    except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'{cfg.filename}: cannot be built with these settings ({error or type(error).__name__})'
        ) from error


def last_checkpoint(work_dir: str | os.PathLike) -> Path | None:
    """The checkpoint to resume from; found by its name, so that a work dir may be moved."""
    pointer = Path(work_dir, 'last_checkpoint')
    if not pointer.is_file():
        return None
    checkpoint = pointer.parent / Path(pointer.read_text().strip()).name
    return checkpoint if checkpoint.is_file() else None


def resume_from(work_dir: str | os.PathLike, wanted: str) -> Path | None:
    """The checkpoint that `--resume` means: the one that is named, or with 'auto' the last one of the work dir.

    Raises:
        UserError: there is no such file, or it holds weights only.
    """
    path = last_checkpoint(work_dir) if wanted == 'auto' else Path(wanted)
    if path is None:
        say(f'{work_dir}: no checkpoint to resume from; starting at the first epoch')
        return None

    from custom.checkpoints import load_checkpoint

    lacking = {'meta', 'message_hub', 'optimizer', 'param_schedulers'} - load_checkpoint(path).keys()
    if lacking:
        raise UserError(
            f'{path}: holds weights but no state of a training run ({", ".join(sorted(lacking))} missing): '
            'resume from an epoch_N.pth, or start from it by --cfg-options load_from=FILE'
        )
    return path


def best_checkpoint(work_dir: str | os.PathLike) -> Path:
    """The best checkpoint of a run, or its last one where no validation chose any.

    Raises:
        UserError: the work dir holds none.
    """
    best = sorted(Path(work_dir).glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    found = best[-1] if best else last_checkpoint(work_dir)
    if found is None:
        raise UserError(f'{work_dir}: holds no checkpoint; train first, or name one on the command line')
    return found


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
