"""Make or check data sets."""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.cli import run_tool

EXAMPLE = 'example: python tools/prepare_data.py synth --out data/synth --images 2000 --seed 1'


def add_synth(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    parser = commands.add_parser(
        'synth',
        help='make photos of house numbers with boxes',
        epilog=EXAMPLE,
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='a folder that is not there yet, or is empty')
    parser.add_argument('--images', type=int, required=True, metavar='N', help='photos in all splits together')
    parser.add_argument('--seed', type=int, default=0, help='the same seed gives the same photos (default: 0)')
    parser.add_argument('--hardness', type=float, default=1.0, help='0 clean to 1 like real photos (default: 1.0)')
    parser.add_argument('--valid-fraction', type=float, default=0.1, help='share of the photos in valid (default: 0.1)')
    parser.add_argument('--test-fraction', type=float, default=0.1, help='share of the photos in test (default: 0.1)')
    parser.add_argument(
        '--backgrounds', metavar='DIR', help='real photos without labels: half of the walls are taken from their sides'
    )
    parser.add_argument('--workers', type=int, help='processes (default: one a core)')
    parser.set_defaults(run=synth)


def synth(args: argparse.Namespace) -> None:
    from custom.synth import SynthConfig, write_dataset
    from custom.synth_fonts import missing_packages

    config = SynthConfig(
        args.images, args.seed, args.hardness, args.valid_fraction, args.test_fraction, args.backgrounds
    )
    if missing := missing_packages():
        ways = f'pip install {" ".join(missing)}'
        print(f'note: {len(missing)} font packages are missing, so fewer typefaces are drawn: {ways}', file=sys.stderr)
    start = time.perf_counter()
    if not write_dataset(args.out, config, args.workers):
        print(f'{args.out}: already there, with the same settings')
        return
    seconds = time.perf_counter() - start
    counts = ', '.join(f'{split} {count}' for split, count in config.sizes.items())
    print(f'{args.out}: {config.images} photos ({counts}; test has no labels), {config.images / seconds:.0f} photos/s')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    add_synth(commands)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    args.run(args)


if __name__ == '__main__':
    run_tool(main)
