"""The command digits-reader."""

import argparse
import os
import sys

from ..inference.command import TABLE, add_arguments, check_arguments, read_photos
from ..inference.reader import PhotoReader
from ..utils.errors import UserError
from ..utils.messages import be_quiet

EXAMPLES = f"""{TABLE}

examples:
  digits-reader meter.jpg
  digits-reader photos --out out --min-confidence 0.95
  digits-reader 'photos/**/*.png' --model mine.onnx"""


def main() -> None:
    """Run the command and exit with its code: 2 after bad input, 130 after Ctrl-C."""
    try:
        code = _run()
    except UserError as error:
        print(f'error: {error}', file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print('stopped', file=sys.stderr)
        code = 130
    except BrokenPipeError:  # the process that read our stdout, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def _run() -> int:
    parser = argparse.ArgumentParser(
        'digits-reader',
        description='Number reading on photos.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument('--model', metavar='FILE', help='an .onnx file; default: the one of this package')
    parser.add_argument('--reader', metavar='FILE', help='a reader.json; default: the one in the model')
    parser.add_argument('--quiet', action='store_true', help='only errors on stderr')
    parser.add_argument('--version', action=_Version, nargs=0, help='print the installed versions and exit')
    args = parser.parse_args()
    check_arguments(parser, args)
    if args.quiet:
        be_quiet()

    def open_reader() -> PhotoReader:
        from .digit_reader import DigitReader

        return DigitReader(args.model, args.reader)

    return read_photos(args, open_reader)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the versions of this package and of those that it needs."""
        from importlib.metadata import PackageNotFoundError, version

        for name in ('digits-reader', 'onnxruntime', 'numpy', 'pillow'):
            try:
                print(f'{name}: {version(name)}')
            except PackageNotFoundError:
                print(f'{name}: not installed')
        parser.exit()
