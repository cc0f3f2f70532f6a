"""The command digits-reader."""

import argparse
import sys
import warnings
from typing import Any

from ..inference.command import TABLE, add_arguments, check_arguments, read_photos
from ..inference.options import add_options, options_of
from ..inference.reader import PhotoReader
from ..utils.console import PlainParser, run_command
from ..utils.messages import be_quiet

EXAMPLES = f"""{TABLE}

examples:
  digits-reader meter.jpg
  digits-reader photos --out out --min-confidence 0.5
  digits-reader 'photos/**/*.png' --model mine.onnx
  digits-reader serve --help
  digits-reader meter.jpg --crop 120,80,400,90 --digits 7 --decimals 2"""
PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}
SERVE = """HTTP: POST /v1/read, /healthz, /metrics, /docs, and a page at /. Needs the extra: digits-reader[serve].

examples:
  digits-reader serve
  digits-reader serve --host 0.0.0.0 --port 80
  digits-reader serve --crop 120,80,400,90 --digits 7 --decimals 2
  curl --data-binary @meter.jpg http://127.0.0.1:8000/v1/read"""


def main() -> None:
    """Run the command and exit with its code, see `run_command`."""
    warnings.filterwarnings('ignore', 'Image size .* exceeds limit')  # structures.photos raises an error instead
    sys.exit(run_command(_run))


def _run() -> int:
    if sys.argv[1:2] == ['serve']:
        return _serve(sys.argv[2:])
    parser = _parser('digits-reader', 'Number reading on photos.', EXAMPLES)
    add_arguments(parser)
    args = _parse(parser)
    options = check_arguments(parser, args)
    return read_photos(args, lambda: _open_reader(args, **vars(options)))


def _serve(arguments: list[str]) -> int:
    from ..serving.server import HOST, PORT, serve

    parser = _parser('digits-reader serve', 'Number reading as a service.', SERVE)
    parser.add_argument('--host', default=HOST, help=f'address to listen on; default: {HOST}, this machine alone')
    parser.add_argument('--port', type=int, default=PORT, help=f'default: {PORT}; 0: any free one')
    add_options(parser)
    args = _parse(parser, arguments)
    options = options_of(args)
    serve(lambda: _open_reader(args, **vars(options)), args.host, args.port)
    return 0


def _parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    return PlainParser(
        name, description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _parse(parser: argparse.ArgumentParser, arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the arguments, with those of every sub-command; None: those of the process."""
    parser.add_argument('--model', metavar='FILE', help='an .onnx file; default: the one of this package')
    parser.add_argument('--reader', metavar='FILE', help='a reader.json; default: the one in the model')
    text = 'cpu, cuda, or an execution provider of ONNX Runtime by its name; default: cpu'
    parser.add_argument('--device', metavar='NAME', default='cpu', help=text)
    parser.add_argument('--quiet', action='store_true', help='only errors on stderr')
    parser.add_argument('--version', action=_Version, nargs=0, help='print the installed versions and exit')
    args = parser.parse_args(arguments)
    if args.quiet:
        be_quiet()
    return args


def _open_reader(args: argparse.Namespace, **options: Any) -> PhotoReader:
    from .digit_reader import DigitReader  # takes longer to import than a wrong argument to find

    return DigitReader(args.model, args.reader, provider=PROVIDERS.get(args.device, args.device), **options)


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
