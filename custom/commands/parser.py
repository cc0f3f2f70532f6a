"""Argument parser, shared arguments and error handling of the tools."""

import argparse
import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NoReturn

from ..engine.ranks import exit_code_of, exit_process, may_report, print_error
from ..utils.console import MORE_MEMORY, PlainParser, first_line, is_shortage, run_command
from ..utils.errors import UserError
from ..utils.messages import be_quiet, complain, say
from ..utils.processes import WITH_PARENT, end_at_second_interrupt, end_with_parent

TRAIN_SETTINGS = {  # options that users know from other trainers
    'epochs max-epochs': 'train_cfg.max_epochs',
    'batch-size batch': 'train_dataloader.batch_size',
    'lr learning-rate': 'optim_wrapper.optimizer.lr',
    'workers num-workers': 'train_dataloader.num_workers',
    'data data-root': 'data_root',
    'weights load-from pretrained': 'load_from',
    'seed': 'randomness.seed',
}
TEST_SETTINGS = {
    'batch-size batch': 'test_dataloader.batch_size',
    'workers num-workers': 'test_dataloader.num_workers',
    'data data-root': 'data_root',
}


def _print_import_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print one line for a library that cannot be loaded for want of memory, before `run_tool`."""
    if isinstance(error, ImportError) and is_shortage(error):
        complain(f'{MORE_MEMORY} ({first_line(error)})')
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _print_import_error
with contextlib.suppress(ImportError):  # Windows
    import resource

    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        # numpy's OpenBLAS hangs or ends with a signal where it finds no memory for each of its threads.
        os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')


class ToolParser(PlainParser):
    """Parser of every tool and of its sub-commands, with --quiet and --version.

    Args:
        description: what the tool does.
        examples: text below the help, printed unchanged.
        **kwargs: arguments of ArgumentParser.
    """

    def __init__(self, description: str | None = None, examples: str | None = None, **kwargs: Any) -> None:
        kwargs = {'epilog': examples, 'formatter_class': argparse.RawDescriptionHelpFormatter, **kwargs}
        super().__init__(description=description, **kwargs)
        quiet_help = 'only errors on stderr, and no progress bars'
        self.register('action', None, _StoreLast)
        self.add_argument('--quiet', action='store_true', default=argparse.SUPPRESS, help=quiet_help)
        self.add_argument('--version', action=_Version, nargs=0, help='print the installed versions and exit')
        if '--quiet' in sys.argv:  # before anything imports tqdm
            be_quiet()

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        """Parse; of a single-valued option given twice with different values the last one holds, and a note says so."""
        self.given: dict[str, Any] = {}
        return super().parse_known_args(*args, **kwargs)

    def _print_message(self, message: str, file: Any = None) -> None:
        if may_report():  # all ranks have the same arguments
            super()._print_message(message, file)


class _StoreLast(argparse._StoreAction):
    """Store the value of an argument, and add up the values of an option that takes several."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        """Store the value."""
        if option_string and self.nargs == '+':
            values = [*parser.given.get(self.dest, []), *values]
        elif option_string and parser.given.get(self.dest, values) != values:
            say(f'note: {option_string}: given as {parser.given[self.dest]} and as {values}; the last one holds')
        parser.given[self.dest] = values
        super().__call__(parser, namespace, values, option_string)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from ..runs.environment import versions

        print(*(f'{name}: {version}' for name, version in versions().items()), sep='\n')
        parser.exit()


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's `main` by `run_command` and exit the process with its code. Only one of several ranks prints."""
    os.environ.setdefault('TORCH_CPP_LOG_LEVEL', 'ERROR')  # no warning for each connection that a lost rank breaks
    end_at_second_interrupt()
    if WITH_PARENT in os.environ:
        end_with_parent()
    warnings.filterwarnings('ignore', 'Image size .* exceeds limit')  # structures.photos raises an error instead
    threading.excepthook = _print_thread_error
    logging.raiseExceptions = False  # a log on a full disk prints no traceback; the checkpoint is the error
    exit_process(run_command(main, print_error, exit_code_of))


def _print_thread_error(args: threading.ExceptHookArgs) -> None:
    """Print the traceback of a thread, but that of TensorBoard's writer, whose next call raises the error again."""
    if not (isinstance(args.exc_value, OSError) and type(args.thread).__module__.startswith('tensorboard.')):
        threading.__excepthook__(args)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the tools that train or test a model."""
    parser.add_argument('config', help='a file of configs/, its name, or a work dir')
    parser.add_argument('--work-dir', help="default: the config's work_dir, else work_dirs/<config name>")
    text = 'override any setting of the config, e.g. data_root=DIR train_cfg.max_epochs=3'
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help=text)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='default: none')
    # torch.distributed.launch passes the option beside the variable LOCAL_RANK.
    parser.add_argument('--local-rank', '--local_rank', type=int, help=argparse.SUPPRESS)


class _Setting(argparse.Action):
    """An option of other programs, which is a setting here; `const` is the setting's key."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> NoReturn:
        """Raise a UserError with the `--cfg-options` to give."""
        value = values if values is not None else 'VALUE'
        given = f'{option_string} {value}' if values is not None else option_string
        raise UserError(f'{given}: no such option; the setting is --cfg-options {self.const}={value}')


def add_foreign_options(parser: argparse.ArgumentParser, settings: Mapping[str, str]) -> None:
    """Answer options of other programs with the setting that replaces them.

    Args:
        parser: the tool's parser, whose own options stay.
        settings: options without dashes, divided by spaces, to the key of `--cfg-options`.
    """
    for names, key in settings.items():
        hidden: dict[str, Any] = {'default': argparse.SUPPRESS, 'help': argparse.SUPPRESS}
        for option in [f'--{name}' for name in names.split()]:
            if option not in parser._option_string_actions:
                parser.add_argument(option, dest=key, action=_Setting, const=key, nargs='?', **hidden)


def add_reader(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --reader, whose help names the default."""
    parser.add_argument('--reader', metavar='FILE', help=f"a reader.json, or 'none'; default: {default}")


def add_reader_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the tools that read numbers from a pred.json."""
    from ..reading.settings import ReaderConfig

    add_reader(parser, 'the one beside PRED_JSON, if there is one')
    text = f"score threshold of candidate digits; default: the reader's, else {ReaderConfig.score_thr}"
    parser.add_argument('--score-thr', type=float, help=text)
