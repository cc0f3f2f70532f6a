"""What the sub-commands of tools/prepare_data.py do, by their arguments. Results go to stdout, notes to stderr."""

import argparse
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from custom.talk import say

if TYPE_CHECKING:
    from custom.data_import import Imported
    from custom.foreign_labels import SourcePhoto
    from custom.splitting import DealRule


def synth(args: argparse.Namespace) -> None:
    """Draw photos."""
    from custom.synth import SynthConfig, write_dataset
    from custom.synth_fonts import missing_packages

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


def _rule(args: argparse.Namespace) -> 'DealRule':
    from custom.splitting import DealRule

    return DealRule(args.valid_fraction, args.seed, args.ignore_copies)


def _say(args: argparse.Namespace, imported: 'Imported') -> None:
    for note in imported.notes:
        say(f'note: {note}')
    counts = ', '.join(
        f'{split} {imported.sizes[split]}' for split in ('train', 'valid', 'test') if split in imported.sizes
    )
    print(f'{args.out}: {sum(imported.sizes.values())} photos ({counts})')


def svhn(args: argparse.Namespace) -> None:
    """Fetch SVHN, where asked to, and lay it out."""
    from custom.layout import require_free
    from custom.svhn import import_svhn
    from custom.svhn_archives import fetch

    rule = _rule(args)
    require_free(args.out)
    if args.download:
        fetch(args.src, ['train', 'test', *(['extra'] if args.extra else [])])
    _say(args, import_svhn(args.src, args.out, rule, args.extra))


def _import(args: argparse.Namespace, read: 'Callable[[], list[SourcePhoto]]') -> None:
    from custom.class_map import parse_classes
    from custom.data_import import import_photos
    from custom.layout import require_free

    rule, classes = _rule(args), parse_classes(args.classes)
    require_free(args.out)
    _say(args, import_photos(args.src, read(), args.out, classes, rule, args.skip_bad))


def yolo(args: argparse.Namespace) -> None:
    """Lay out photos with labels in YOLO's format."""
    from custom.yolo_labels import read_yolo

    _import(args, lambda: read_yolo(args.src))


def voc(args: argparse.Namespace) -> None:
    """Lay out photos with labels in Pascal VOC's format."""
    from custom.voc_labels import read_voc

    _import(args, lambda: read_voc(args.src))


def coco(args: argparse.Namespace) -> None:
    """Lay out photos with a COCO json of any categories."""
    from custom.coco_labels import read_coco

    _import(args, lambda: read_coco(args.src, args.images))


def split(args: argparse.Namespace) -> None:
    """Deal labelled photos to train and valid."""
    from custom.data_import import split_photos

    _say(args, split_photos(args.src, args.out, _rule(args), args.ann))


def check(args: argparse.Namespace) -> None:
    """Say what is in a data set, and draw it where asked to."""
    from custom.dataset_summary import check_root, describe, near_copy_lines

    splits = check_root(args.root)
    print('\n'.join([*(describe(name, split) for name, split in splits.items()), *near_copy_lines(splits)]))
    if args.out:
        from custom.contact_sheets import draw_sheets

        for path in draw_sheets(args.root, splits, args.out, args.photos, args.config):
            print(path)
