"""Sub-commands of tools/prepare_data.py and their arguments."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from ..data.coco_reading import Findings
from ..data.formats.coco import read_coco
from ..data.formats.labels import SourcePhoto, parse_classes
from ..data.formats.voc import read_voc
from ..data.formats.yolo import read_yolo
from ..data.importing import import_photos, split_photos
from ..data.layout import Imported, require_apart, require_free
from ..data.splits import SplitRule
from ..data.summary import check_root, describe, near_duplicate_lines
from ..utils.messages import say
from ..utils.validation import require_number

PROGRAM = 'python tools/prepare_data.py'


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add all sub-commands; each sets `run`, a function of the arguments."""
    add = _add(commands, synth, 'make synthetic images', '--out data/synth --images 2000 --seed 1')
    add('--images', type=int, required=True, metavar='N', help='number of images in all splits together')
    add('--seed', type=int, default=0, help='random seed; the same seed gives the same images (default: 0)')
    add('--hardness', type=float, default=1.0, help='0, clean, to 1, like real photos (default: 1.0)')
    add('--valid-fraction', type=float, default=0.1, help='share of the images in valid (default: 0.1)')
    add('--test-fraction', type=float, default=0.1, help='share of the images in test (default: 0.1)')
    add('--backgrounds', metavar='DIR', help='unlabelled photos, whose sides become half of the walls')
    text = 'NAME=WEIGHT,… of what is drawn: houses, displays, registers, plaques, scenes, empty (default: houses=1)'
    add('--domains', default='houses=1', metavar='LIST', help=text)
    add('--digit-crops', metavar='DIR', help='photos of single digits (images/, labels.csv: file,number) for registers')
    add('--workers', type=int, help='number of processes (default: one per core)')

    add = _add(commands, svhn, 'the official archives of full numbers', '--src downloads --out data/svhn --download')
    add('--src', type=Path, required=True, metavar='DIR', help='train.tar.gz and test.tar.gz, or train/ and test/')
    add('--download', action='store_true', help='download missing archives into --src; resumes a stopped download')
    add('--extra', action='store_true', help='also train on the 202,353 easier photos of extra.tar.gz')
    _add_split_rule(add)

    for run, files, example in (
        (yolo, 'images/7.png, labels/7.txt, data.yaml', '--src mine --out data/mine'),
        (voc, 'JPEGImages/7.jpg, Annotations/7.xml', '--src mine --out data/mine --classes ten=0'),
        (coco, 'a COCO json with any categories', '--src mine/labels.json --out data/mine'),
    ):
        add = _add(commands, run, f'your own labels: {files}', example)
        metavar, text = (
            ('JSON', 'the labels, or a folder with a json for each split')
            if run is coco
            else ('DIR', 'holds photos and labels')
        )
        add('--src', type=Path, required=True, metavar=metavar, help=text)
        if run is coco:
            add('--images', type=Path, metavar='DIR', help='the photos (default: beside the json)')
            text = 'keep photos in one split that share the number, or a field of the list "images", such as source'
            add('--group-by', nargs='+', default=[], metavar='KEY', help=text)
        text = 'digits of the labels whose names are not 0 to 9 (class_3 if unnamed); NAME=none drops their boxes'
        add('--classes', nargs='+', default=[], metavar='NAME=DIGIT', help=text)
        add('--skip-bad', action='store_true', help='leave out photos with a mistake, and print how many')
        _add_split_rule(add)

    add = _add(commands, numbers, 'photos with numbers and no boxes', '--src mine/labels.csv --out data/mine')
    add('--src', type=Path, required=True, metavar='CSV', help='has the columns file and number; "12;7" is two')
    add('--images', type=Path, metavar='DIR', help='the photos (default: images/ beside the CSV)')
    add('--like', type=Path, metavar='DIR', help='a data set; each of its numbers is in the same split here')
    _add_split_rule(add)

    add = _add(commands, check, 'list the mistakes and the content of a data set', 'data/mine --out sheets')
    add('root', type=Path, metavar='DIR', help='holds train.json and valid.json')
    text = 'write contact sheets: train.png, valid.png, and train_augmented.png as seen in training'
    add('--out', type=Path, metavar='DIR', help=text)
    add('--photos', type=int, default=24, metavar='N', help='at most, on each sheet (default: 24)')
    config = Path(__file__).resolve().parents[2] / 'configs/digits_frcnn_lite.py'
    add('--config', default=config, help='config of the augmentation (default: configs/digits_frcnn_lite.py)')

    add = _add(commands, suspects, 'list labels that a model contradicts', 'data/mine --out work_dirs/suspects')
    add('root', type=Path, metavar='DIR', help='holds train.json and valid.json')
    add('--out', type=Path, metavar='DIR', help='draw suspects_train.png and suspects_valid.png: label and model')
    add(
        '--least', type=float, default=0.5, metavar='P', help='evidence from which a label counts, 0 to 1; default: 0.5'
    )
    add('--checkpoint', help='a file or a work dir; default: weights/digits_frcnn_lite.safetensors')

    add = _add(commands, split, 'split labelled photos into train and valid', 'mine --out data/mine')
    add('src', type=Path, metavar='DIR', help='photos and one json; or train.json and valid.json')
    add('--ann', type=Path, metavar='JSON', help='the json (default: the only one in DIR)')
    _add_split_rule(add)


def _add(commands: argparse._SubParsersAction, run: Callable, summary: str, example: str) -> Callable:
    """Add a sub-command with the name of its function, and return its `add_argument`."""
    description = f'{summary[0].upper()}{summary[1:]}.'
    epilog = f'example: {PROGRAM} {run.__name__} {example}'
    parser = commands.add_parser(run.__name__, help=summary, description=description, epilog=epilog)
    parser.set_defaults(run=run)
    if run not in (check, suspects):
        parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='a new or an empty folder')
    return parser.add_argument


def _add_split_rule(add: Callable) -> None:
    add('--valid-fraction', type=float, default=0.1, help='share of the photos in valid (default: 0.1)')
    add('--seed', type=int, default=0, help='random seed of the split (default: 0)')
    text = 'allow near-duplicates in different splits (needed for fixed-camera footage)'
    add('--ignore-copies', action='store_true', help=text)


def synth(args: argparse.Namespace) -> None:
    """Make synthetic images."""
    from ..synth.dataset import SynthConfig, parse_domains, write_dataset
    from ..synth.fonts import missing_packages

    fractions = (args.valid_fraction, args.test_fraction)
    domains = parse_domains(args.domains)
    settings = {'backgrounds': args.backgrounds, 'domains': domains, 'digit_crops': args.digit_crops}
    config = SynthConfig(args.images, args.seed, args.hardness, *fractions, **settings)
    if missing := missing_packages():
        remedy = f'pip install {" ".join(missing)}'
        say(f'note: {len(missing)} font packages are missing, so fewer typefaces are drawn: {remedy}')
    start = time.perf_counter()
    if write_dataset(args.out, config, args.workers):
        rate = config.images / (time.perf_counter() - start)
        counts = ', '.join(f'{name} {count}' for name, count in config.sizes.items())
        print(f'{args.out}: {config.images} photos ({counts}; test has no labels), {rate:.0f} photos/s')
    else:
        print(f'{args.out}: already there, with the same settings')


def _rule(args: argparse.Namespace) -> SplitRule:
    return SplitRule(args.valid_fraction, args.seed, args.ignore_copies, tuple(getattr(args, 'group_by', ())))


def _report(args: argparse.Namespace, imported: Imported) -> None:
    for note in imported.notes:
        say(f'note: {note}')
    sizes = imported.sizes
    counts = ', '.join(f'{name} {sizes[name]}' for name in ('train', 'valid', 'test') if name in sizes)
    print(f'{args.out}: {sum(sizes.values())} photos ({counts})')


def svhn(args: argparse.Namespace) -> None:
    """Import SVHN, and download its archives first if --download is given."""
    from ..data.formats.svhn import import_svhn
    from ..data.formats.svhn_archives import fetch

    rule = _rule(args)
    require_free(args.out)
    if args.download:
        fetch(args.src, ['train', 'test', *(['extra'] if args.extra else [])])
    _report(args, import_svhn(args.src, args.out, rule, args.extra))


def _import(args: argparse.Namespace, read: Callable[[Findings], list[SourcePhoto]]) -> None:
    rule, classes, notes = _rule(args), parse_classes(args.classes), Findings()
    require_free(args.out)
    _report(args, import_photos(args.src, read(notes), args.out, classes, rule, args.skip_bad, notes))


def yolo(args: argparse.Namespace) -> None:
    """Import photos with labels in YOLO format."""
    _import(args, lambda notes: read_yolo(args.src, notes))


def voc(args: argparse.Namespace) -> None:
    """Import photos with labels in Pascal VOC format."""
    _import(args, lambda notes: read_voc(args.src, notes))


def coco(args: argparse.Namespace) -> None:
    """Import photos with a COCO json of any categories."""
    _import(args, lambda notes: read_coco(args.src, args.images, notes, args.group_by))


def numbers(args: argparse.Namespace) -> None:
    """Split photos with known numbers into train and valid."""
    from ..data.numbers import split_numbers

    images = args.images or args.src.parent / 'images'
    _report(args, split_numbers(args.src, images, args.out, _rule(args), args.like))


def split(args: argparse.Namespace) -> None:
    """Split labelled photos into train and valid."""
    _report(args, split_photos(args.src, args.out, _rule(args), args.ann))


def check(args: argparse.Namespace) -> None:
    """Print the content of a data set, and draw contact sheets if --out is given."""
    splits = check_root(args.root)
    print('\n'.join([*(describe(name, split) for name, split in splits.items()), *near_duplicate_lines(splits)]))
    if args.out:
        from .contact_sheets import draw_sheets

        print(*draw_sheets(args.root, splits, args.out, args.photos, args.config), sep='\n')


def suspects(args: argparse.Namespace) -> None:
    """List the labels that a model contradicts with confidence, and draw them if --out is given."""
    from ..digit_reader import DigitReader
    from .suspects import list_suspects

    require_number('--least', args.least, 0, 1)
    splits = {name: split.truth for name, split in check_root(args.root).items() if split.truth is not None}
    if args.out:
        require_apart(args.out, args.root, splits)
    print('evidence\tphoto\tnumbers\tlabels that are contradicted')
    for line in list_suspects(splits, args.root, DigitReader(checkpoint=args.checkpoint), args.least, args.out):
        print(line, flush=True)
