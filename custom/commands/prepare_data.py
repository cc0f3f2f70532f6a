"""The arguments of tools/prepare_data.py's sub-commands."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.messages import say

if TYPE_CHECKING:
    from .parser import ToolParser

    Commands = argparse._SubParsersAction[ToolParser]
    from ..data.formats.labels import SourcePhoto
    from ..data.layout import Imported
    from ..data.splits import SplitRule

PROGRAM = 'python tools/prepare_data.py'


def _add(
    commands: 'Commands', run: Callable[[argparse.Namespace], None], summary: str, example: str
) -> argparse.ArgumentParser:
    """Add a sub-command, which has the name of its function."""
    parser = commands.add_parser(
        run.__name__,
        help=summary,
        description=f'{summary[0].upper()}{summary[1:]}.',
        epilog=f'example: {PROGRAM} {run.__name__} {example}',
    )
    parser.set_defaults(run=run)
    return parser


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='a folder that is not there yet, or is empty'
    )


def _add_split_rule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--valid-fraction', type=float, default=0.1, help='share of the photos in valid (default: 0.1)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the random split (default: 0)')
    parser.add_argument(
        '--ignore-copies',
        action='store_true',
        help='allow near-duplicates in different splits (needed for fixed-camera footage)',
    )


def add_commands(commands: 'Commands') -> None:
    """Add all sub-commands; each sets `run`, a function of the arguments."""
    _add_synth(commands)
    _add_svhn(commands)
    _add_own_labels(commands)
    _add_check(commands)
    _add_split(commands)


def _add_synth(commands: 'Commands') -> None:
    parser = _add(commands, synth, 'make photos of house numbers with boxes', '--out data/synth --images 2000 --seed 1')
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
    parser = _add(commands, svhn, 'the official archives of full numbers', '--src downloads --out data/svhn --download')
    parser.add_argument(
        '--src', type=Path, required=True, metavar='DIR', help='holds train.tar.gz and test.tar.gz, or train/ and test/'
    )
    _add_out(parser)
    parser.add_argument(
        '--download', action='store_true', help='fetch into --src what is not there; goes on if stopped'
    )
    parser.add_argument('--extra', action='store_true', help='train on the 202,353 easier photos of extra.tar.gz, too')
    _add_split_rule(parser)


def _add_own_labels(commands: 'Commands') -> None:
    for run, summary, example in (
        (yolo, 'own labels: images/7.png, labels/7.txt, data.yaml', '--src mine --out data/mine'),
        (voc, 'own labels: JPEGImages/7.jpg, Annotations/7.xml', '--src mine --out data/mine --classes ten=0'),
        (coco, 'own labels: a COCO json with any categories', '--src mine/labels.json --out data/mine'),
    ):
        parser = _add(commands, run, summary, example)
        metavar, what = ('JSON', 'the labels') if run is coco else ('DIR', 'holds photos and labels')
        parser.add_argument('--src', type=Path, required=True, metavar=metavar, help=what)
        if run is coco:
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
        _add_split_rule(parser)


def _add_check(commands: 'Commands') -> None:
    parser = _add(commands, check, 'say what is wrong with a data set, and what is in it', 'data/mine --out sheets')
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
    parser = _add(commands, split, 'split labelled photos into train and valid', 'mine --out data/mine')
    parser.add_argument('src', type=Path, metavar='DIR', help='photos and one json; or train.json and valid.json')
    _add_out(parser)
    parser.add_argument('--ann', type=Path, metavar='JSON', help='the json (default: the only one in DIR)')
    _add_split_rule(parser)


def synth(args: argparse.Namespace) -> None:
    """Draw photos."""
    from ..synth.dataset import SynthConfig, write_dataset
    from ..synth.fonts import missing_packages

    config = SynthConfig(
        args.images, args.seed, args.hardness, args.valid_fraction, args.test_fraction, args.backgrounds
    )
    if missing := missing_packages():
        ways = f'pip install {" ".join(missing)}'
        say(f'note: {len(missing)} font packages are missing, so fewer typefaces are drawn: {ways}')
    start = time.perf_counter()
    if not write_dataset(args.out, config, args.workers):
        print(f'{args.out}: already there, with the same settings')
        return
    seconds = time.perf_counter() - start
    counts = ', '.join(f'{split} {count}' for split, count in config.sizes.items())
    print(f'{args.out}: {config.images} photos ({counts}; test has no labels), {config.images / seconds:.0f} photos/s')


def _rule(args: argparse.Namespace) -> 'SplitRule':
    from ..data.splits import SplitRule

    return SplitRule(args.valid_fraction, args.seed, args.ignore_copies)


def _say(args: argparse.Namespace, imported: 'Imported') -> None:
    for note in imported.notes:
        say(f'note: {note}')
    counts = ', '.join(
        f'{split} {imported.sizes[split]}' for split in ('train', 'valid', 'test') if split in imported.sizes
    )
    print(f'{args.out}: {sum(imported.sizes.values())} photos ({counts})')


def svhn(args: argparse.Namespace) -> None:
    """Fetch SVHN, where asked to, and lay it out."""
    from ..data.formats.svhn import import_svhn
    from ..data.formats.svhn_archives import fetch
    from ..data.layout import require_free

    rule = _rule(args)
    require_free(args.out)
    if args.download:
        fetch(args.src, ['train', 'test', *(['extra'] if args.extra else [])])
    _say(args, import_svhn(args.src, args.out, rule, args.extra))


def _import(args: argparse.Namespace, read: 'Callable[[], list[SourcePhoto]]') -> None:
    from ..data.formats.labels import parse_classes
    from ..data.importing import import_photos
    from ..data.layout import require_free

    rule, classes = _rule(args), parse_classes(args.classes)
    require_free(args.out)
    _say(args, import_photos(args.src, read(), args.out, classes, rule, args.skip_bad))


def yolo(args: argparse.Namespace) -> None:
    """Lay out photos with labels in YOLO's format."""
    from ..data.formats.yolo import read_yolo

    _import(args, lambda: read_yolo(args.src))


def voc(args: argparse.Namespace) -> None:
    """Lay out photos with labels in Pascal VOC's format."""
    from ..data.formats.voc import read_voc

    _import(args, lambda: read_voc(args.src))


def coco(args: argparse.Namespace) -> None:
    """Lay out photos with a COCO json of any categories."""
    from ..data.formats.coco import read_coco

    _import(args, lambda: read_coco(args.src, args.images))


def split(args: argparse.Namespace) -> None:
    """Split labelled photos into train and valid."""
    from ..data.importing import split_photos

    _say(args, split_photos(args.src, args.out, _rule(args), args.ann))


def check(args: argparse.Namespace) -> None:
    """Say what is in a data set, and draw it where asked to."""
    from ..data.summary import check_root, describe, near_duplicate_lines

    splits = check_root(args.root)
    print('\n'.join([*(describe(name, split) for name, split in splits.items()), *near_duplicate_lines(splits)]))
    if args.out:
        from .contact_sheets import draw_sheets

        for path in draw_sheets(args.root, splits, args.out, args.photos, args.config):
            print(path)
