"""Command line of the campaign: run the sections, and print tried and survived for each of them."""

import argparse
import importlib
import os
import sys
import tempfile
import time
from pathlib import Path

from . import SECTIONS

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before numpy is imported: the faults share the cores


def main() -> int:
    from .campaign import Campaign

    parser = argparse.ArgumentParser(prog='make faults', description=__doc__)
    parser.add_argument('sections', nargs='*', metavar='SECTION', help=f'default: all of {" ".join(SECTIONS)}')
    parser.add_argument('--seed', type=int, default=0, help='seed of the random moments; default: 0')
    parser.add_argument('--only', default='', metavar='TEXT', help='only faults whose name has this text')
    args = parser.parse_args()
    if unknown := set(args.sections) - set(SECTIONS):
        parser.error(f'no such section: {" ".join(sorted(unknown))}; there are: {" ".join(SECTIONS)}')
    names = [name for name in SECTIONS if name in (args.sections or SECTIONS)]
    modules = [importlib.import_module(f'faults.{name}') for name in names]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='faults-') as folder:
        results = Campaign(Path(folder), args.seed).run(modules, args.only)
    print(f'\n{"section":10} {"tried":>6} {"survived":>9} {"not run":>8}')
    for name, counts in results.items():
        print(f'{name:10} {counts.tried:6} {counts.survived:9} {counts.skipped:8}')
    tried, survived = (sum(getattr(counts, kind) for counts in results.values()) for kind in ('tried', 'survived'))
    print(f'{"all":10} {tried:6} {survived:9}   (seed {args.seed}, {(time.monotonic() - started) / 60:.1f} min)')
    return int(survived < tried)


if __name__ == '__main__':
    sys.exit(main())
