"""What the tools share: arguments, the work-dir rule, checkpoints by default, and how errors end."""

from __future__ import annotations

import argparse
import os
import re
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from ..engine.ranks import end_of, leave, may_speak, say_error
from ..reading.settings import ReaderConfig
from ..utils.errors import UserError
from ..utils.messages import be_quiet

if TYPE_CHECKING:
    pass


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
        from ..runs.environment import versions

        print(*(f'{name}: {version}' for name, version in versions().items()), sep='\n')
        parser.exit()


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's `main` and leave the process with its exit code.

    A mistake of the user ends as one line on stderr and exit code 2, Ctrl-C as 130. Of several ranks one says it.
    """
    os.environ.setdefault('TORCH_CPP_LOG_LEVEL', 'ERROR')  # or it tells of each connection that a lost rank breaks
    warnings.filterwarnings(
        'ignore', 'Image size .* exceeds limit'
    )  # Pillow's, where `custom.structures.photos` raises an error
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


def add_reader_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every tool that reads the numbers of a pred.json."""
    parser.add_argument(
        '--reader', metavar='FILE', help="a reader.json, or 'none'; default: the one beside PRED_JSON, if there is one"
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        help=f"least score of a place that is read; default: the reader's, else {ReaderConfig.score_thr}",
    )
