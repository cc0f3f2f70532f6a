"""Measure how fast this project is against others: in one run, in turn, on the same photos."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool
from custom.utils.errors import UserError

TASKS = ('train', 'infer', 'dump', 'eval', 'startup')
EXAMPLES = """what a task measures:
  train    photos/s of training steps          infer    photos/s from a photo's pixels to its boxes
  dump     from a model's boxes to a submission that is checked
  eval     COCO's evaluation of boxes          startup  of tools/test.py, up to its first batch
  profile  where the time of train and infer goes; not among "all"

examples:
  python tools/benchmark.py eval
  python tools/benchmark.py profile --picture profile.png
  python tools/benchmark.py all --against stock,torchvision --images data/test --json bench.json"""


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('task', nargs='?', choices=[*TASKS, 'all', 'profile'], default='all', help='default: all')
    parser.add_argument('--against', metavar='NAME,…', default='', help='some of the rivals; default: all of the task')
    parser.add_argument('--images', metavar='DIR', help='photos to train and infer on; default: generated ones')
    parser.add_argument('--weights', metavar='CHECKPOINT', help="of digits_frcnn with stock's anchors; infer tells AP")
    parser.add_argument('--batch', type=int, metavar='N', help='photos at a time in train and infer, for all')
    parser.add_argument('--pairs', type=int, default=5, metavar='N', help='rounds of each that count; default: 5')
    parser.add_argument('--short', action='store_true', help='small rounds: shows that all works, not how fast')
    parser.add_argument('--picture', type=Path, metavar='PNG', help='draw profile there')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write everything measured there, too')
    return parser.parse_args()


def main() -> int:
    args = parse_args()

    from importlib import import_module

    from custom.benchmark.compare import Settings, choose, compare, machine
    from custom.benchmark.results import as_json, machine_lines, table
    from custom.utils.files import replacing

    for option, number in (('--pairs', args.pairs), ('--batch', args.batch)):
        if number is not None and number < 1:
            raise UserError(f'{option} {number}: give at least 1')
    if args.images and not Path(args.images).is_dir():
        raise UserError(f'--images {args.images}: no such folder')
    if args.weights and not Path(args.weights).is_file():
        raise UserError(f'--weights {args.weights}: no such file')
    settings = Settings(args.images, args.weights, args.batch, args.short)
    for option, given, fits in (('--picture', args.picture, True), ('--json', args.json, False)):
        if given and fits != (args.task == 'profile'):
            raise UserError(f'{option} {given}: not of {args.task}; leave it out')
    if args.task == 'profile':
        from custom.benchmark.profile import show_profile

        show_profile(settings, args.picture)
        return 0
    tasks = [import_module(f'custom.benchmark.task_{name}') for name in (TASKS if args.task == 'all' else [args.task])]
    chosen = choose(tasks, [name for name in args.against.split(',') if name])
    facts = machine()
    print(machine_lines(facts))
    comparisons = []
    for module, contestants in chosen.items():
        comparisons.append(compare(module, contestants, settings, args.pairs))
        print('', table(comparisons[-1]), sep='\n', flush=True)
    if args.json:
        told = {'command': ' '.join(sys.argv), 'pairs': args.pairs, 'short': args.short, 'images': args.images or ''}
        with replacing(args.json) as beside:
            beside.write_text(as_json(facts, told, comparisons), encoding='utf-8')
    return 1 if any(comparison.disagreements for comparison in comparisons) else 0


if __name__ == '__main__':
    run_tool(main)
