"""The arguments of tools/prepare_data.py's sub-commands."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from custom import prepare_runs

if TYPE_CHECKING:
    from custom.cli import ToolParser

    Commands = argparse._SubParsersAction[ToolParser]

PROGRAM = 'python tools/prepare_data.py'


def _add(commands: 'Commands', name: str, summary: str, example: str) -> argparse.ArgumentParser:
    """A sub-command, run by the function of its name in `custom.prepare_runs`."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f'{summary[0].upper()}{summary[1:]}.',
        epilog=f'example: {PROGRAM} {name} {example}',
    )
    parser.set_defaults(run=getattr(prepare_runs, name))
    return parser


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='a folder that is not there yet, or is empty'
    )


def _add_deal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--valid-fraction', type=float, default=0.1, help='share of the photos in valid (default: 0.1)')
    parser.add_argument('--seed', type=int, default=0, help='the same seed deals alike (default: 0)')
    parser.add_argument(
        '--ignore-copies', action='store_true', help='near copies may part, as photos of a fixed camera must'
    )


def add_commands(commands: 'Commands') -> None:
    """Add all sub-commands; each sets `run`, a function of the arguments."""
    _add_synth(commands)
    _add_svhn(commands)
    _add_own_labels(commands)
    _add_check(commands)
    _add_split(commands)


def _add_synth(commands: 'Commands') -> None:
    parser = _add(
        commands, 'synth', 'make photos of house numbers with boxes', '--out data/synth --images 2000 --seed 1'
    )
    _add_out(parser)
    parser.add_argument('--images', type=int, required=True, metavar='N', help='photos in all splits together')
    parser.add_argument('--seed', type=int, default=0, help='the same seed gives the same photos (default: 0)')
    parser.add_argument('--hardness', type=float, default=1.0, help='0 clean to 1 like real photos (default: 1.0)')
    parser.add_argument('--valid-fraction', type=float, default=0.1, help='share of the photos in valid (default: 0.1)')
    parser.add_argument('--test-fraction', type=float, default=0.1, help='share of the photos in test (default: 0.1)')
    parser.add_argument(
        '--backgrounds', metavar='DIR', help='real photos without labels: half of the walls are taken from their sides'
    )
    parser.add_argument('--workers', type=int, help='processes (default: one a core)')


def _add_svhn(commands: 'Commands') -> None:
    parser = _add(
        commands, 'svhn', 'the official archives of full numbers', '--src downloads --out data/svhn --download'
    )
    parser.add_argument(
        '--src', type=Path, required=True, metavar='DIR', help='holds train.tar.gz and test.tar.gz, or train/ and test/'
    )
    _add_out(parser)
    parser.add_argument(
        '--download', action='store_true', help='fetch into --src what is not there; goes on if stopped'
    )
    parser.add_argument('--extra', action='store_true', help='train on the 202,353 easier photos of extra.tar.gz, too')
    _add_deal(parser)


def _add_own_labels(commands: 'Commands') -> None:
    for name, summary, example in (
        ('yolo', 'own labels: images/7.png, labels/7.txt, data.yaml', '--src mine --out data/mine'),
        ('voc', 'own labels: JPEGImages/7.jpg, Annotations/7.xml', '--src mine --out data/mine --classes ten=0'),
        ('coco', 'own labels: a COCO json with any categories', '--src mine/labels.json --out data/mine'),
    ):
        parser = _add(commands, name, summary, example)
        metavar, what = ('JSON', 'the labels') if name == 'coco' else ('DIR', 'holds photos and labels')
        parser.add_argument('--src', type=Path, required=True, metavar=metavar, help=what)
        if name == 'coco':
            parser.add_argument('--images', type=Path, metavar='DIR', help='its photos (default: beside it)')
        _add_out(parser)
        parser.add_argument(
            '--classes',
            nargs='+',
            default=[],
            metavar='NAME=DIGIT',
            help='the digit that a label means, where its name is not 0 to 9 (class_3 where no file names them); '
            'NAME=none leaves its boxes out',
        )
        parser.add_argument('--skip-bad', action='store_true', help='leave out photos with a mistake, and say how many')
        _add_deal(parser)


def _add_check(commands: 'Commands') -> None:
    parser = _add(commands, 'check', 'say what is wrong with a data set, and what is in it', 'data/mine --out sheets')
    parser.add_argument('root', type=Path, metavar='DIR', help='holds train.json and valid.json')
    parser.add_argument(
        '--out',
        type=Path,
        metavar='DIR',
        help='draw there train.png and valid.png, and train_augmented.png: what training sees',
    )
    parser.add_argument('--photos', type=int, default=24, metavar='N', help='at most, on each sheet (default: 24)')
    parser.add_argument(
        '--config', default='configs/digits_frcnn_lite.py', help='whose augmentation (default: %(default)s)'
    )


def _add_split(commands: 'Commands') -> None:
    parser = _add(commands, 'split', 'deal labelled photos to train and valid', 'mine --out data/mine')
    parser.add_argument('src', type=Path, metavar='DIR', help='photos and one json; or train.json and valid.json')
    _add_out(parser)
    parser.add_argument('--ann', type=Path, metavar='JSON', help='the json (default: the only one in DIR)')
    _add_deal(parser)
