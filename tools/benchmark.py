"""Speed and accuracy of this project and of its baselines, measured in one run on the same photos."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool
from custom.utils.errors import UserError

TASKS = ('train', 'infer', 'dump', 'eval', 'startup', 'read', 'single', 'first')
EXAMPLES = """tasks:
  train    photos/s of training steps
  infer    photos/s from the pixels to the boxes
  dump     time from the boxes of a model to a checked submission
  eval     time of the COCO evaluation
  startup  time of tools/test.py until its first batch
  read     photos/s from file to number without torch, in batches, against the reader with torch; RapidOCR if named
  single   the same one photo at a time; with --busy beside other processes
  first    time and memory of a process that reads one photo
  profile  time of each part of train and infer; not part of "all"
  serve    2,000 requests of 16 clients to `digits-reader serve`; not part of "all"
  domains  number accuracy by domain, against RapidOCR and Tesseract; not part of "all"
  compare  this build against that of an earlier commit (--build); exit code 1 if it is slower in every round

examples:
  python tools/benchmark.py eval
  python tools/benchmark.py profile --picture profile.png
  python tools/benchmark.py domains --json domains.json --picture failures
  python tools/benchmark.py domains --weights a.safetensors b.safetensors --only meters canvas
  python tools/benchmark.py compare --build HEAD~5 --only infer startup
  python tools/benchmark.py all --against stock,torchvision --images data/test --json bench.json"""


def main() -> int:
    parser = ToolParser(__doc__, EXAMPLES)
    others = ['all', 'profile', 'serve', 'domains', 'compare']
    parser.add_argument('task', nargs='?', choices=[*TASKS, *others], default='all', help='default: all')
    parser.add_argument(
        '--against', metavar='NAME,…', default='', help='baselines; default: all of the task; for domains also none'
    )
    text = 'photos for train and infer; default: synthetic images. Of domains: data set of house numbers'
    parser.add_argument('--images', metavar='DIR', help=text)
    text = "of digits_frcnn with stock's anchors, for AP of infer; an .onnx for serve; one or more for domains"
    parser.add_argument('--weights', nargs='+', default=[], metavar='CHECKPOINT', help=text)
    text = 'of make domains-data; default: data/domains'
    parser.add_argument('--domains', type=Path, metavar='DIR', help=text)
    text = 'names of domains, or tasks of compare; default: all'
    parser.add_argument('--only', nargs='+', default=[], metavar='PART', help=text)
    parser.add_argument('--build', metavar='REV', help='the commit of compare')
    parser.add_argument('--batch', type=int, metavar='N', help='batch size of train and infer, for all')
    parser.add_argument('--pairs', type=int, default=5, metavar='N', help='measured rounds of each; default: 5')
    parser.add_argument('--short', action='store_true', help='short rounds, to check that every task works')
    parser.add_argument('--busy', action='store_true', help='measure beside busy processes, one per core')
    parser.add_argument('--picture', type=Path, metavar='PATH', help='draw the profile (PNG), or failures (folder)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='also write all measurements as JSON')
    args = parser.parse_args()

    from custom.benchmark.candidate import Settings
    from custom.benchmark.compare import as_json, choose, compare, machine, table, task_modules
    from custom.benchmark.compare_builds import commit_of, compare_builds
    from custom.runs.named_files import find_checkpoint
    from custom.utils.files import replacing

    for option, number in (('--pairs', args.pairs), ('--batch', args.batch)):
        if number is not None and number < 1:
            raise UserError(f'{option} {number}: give at least 1')
    if args.images and not Path(args.images).is_dir():
        raise UserError(f'--images {args.images}: no such folder')
    args.weights = [str(find_checkpoint(path)) for path in args.weights]
    for path in args.weights:
        if not Path(path).exists():
            raise UserError(f'--weights {path}: no such file')
    for option, given, tasks in (
        ('--picture', args.picture, ('profile', 'domains')),
        ('--json', args.json, (*TASKS, 'all', 'domains', 'compare')),
        ('--domains', args.domains, ('domains',)),
        ('--only', ' '.join(args.only), ('domains', 'compare')),
        ('--batch', args.batch, (*TASKS, 'all', 'profile', 'compare')),
        ('--busy', args.busy, (*TASKS, 'all', 'compare')),
        ('--build', args.build, ('compare',)),
        ('--against', args.against, (*TASKS, 'all', 'domains')),
    ):
        if given and args.task not in tasks:
            raise UserError(f'{option} {given}: not an option of {args.task}; leave it out')
    against = [name for name in args.against.split(',') if name]
    if args.task == 'domains':
        return compare_by_domain(args, against)
    if len(args.weights) > 1:
        raise UserError(f'--weights {" ".join(args.weights)}: {args.task} takes one file')
    settings = Settings(args.images, *(args.weights or [None]), args.batch, args.short, args.busy)
    if args.task == 'profile':
        from custom.benchmark.profile import show_profile

        show_profile(settings, args.picture)
        return 0
    if args.task == 'serve':
        from custom.benchmark.load import show_load

        return show_load(settings)
    if args.task == 'compare':
        if not args.build:
            raise UserError('compare: name the commit by --build REV')
        if unknown := [name for name in args.only if name not in TASKS]:
            raise UserError(f'--only {unknown[0]}: no such task; there are {", ".join(TASKS)}')
        measure = compare_builds(task_modules(args.only or TASKS), commit_of(args.build), settings, args.pairs)
    else:
        modules = task_modules(TASKS if args.task == 'all' else [args.task])
        chosen = choose(modules, against)
        measure = (compare(module, candidates, settings, args.pairs) for module, candidates in chosen.items())
    facts = machine()
    print(*(f'{name}: {value}' for name, value in facts.items()), sep='\n')
    comparisons = []
    for comparison in measure:
        comparisons.append(comparison)
        print('', table(comparison), sep='\n', flush=True)
    if args.json:
        run = {'command': ' '.join(sys.argv), 'pairs': args.pairs, 'short': args.short, 'busy': args.busy}
        run['images'] = args.images or ''
        with replacing(args.json) as beside:
            beside.write_text(as_json(facts, run, comparisons), encoding='utf-8')
    return 1 if any(comparison.disagreements for comparison in comparisons) else 0


def compare_by_domain(args: argparse.Namespace, against: list[str]) -> int:
    """Run the task domains."""
    from custom.benchmark.compare_domains import as_json, compare_domains, open_readers
    from custom.utils.files import replacing

    readers = open_readers(args.weights, against)
    images = Path(args.images) if args.images else None
    results = compare_domains(readers, images, args.domains, args.only, args.short, args.picture)
    if args.json:
        run = {'command': ' '.join(sys.argv), 'short': args.short, 'weights': args.weights}
        with replacing(args.json) as beside:
            beside.write_text(as_json(results, run), encoding='utf-8')
    return 0


if __name__ == '__main__':
    run_tool(main)
