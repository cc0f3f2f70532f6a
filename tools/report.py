"""One HTML file that shows how good predictions are, what goes wrong, and what was run; no model is needed."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_reader_arguments, run_tool
from custom.utils.errors import UserError
from custom.utils.files import replacing

EXAMPLES = """A work dir's predictions are those that tools/test.py --dump leaves there, of valid before test.

examples:
  python tools/report.py work_dirs/mine
  python tools/report.py out/pred.json data/valid.json --images data/valid --out report.html"""


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('source', type=Path, metavar='WORK_DIR | PRED_JSON', help='a training run, or the detections')
    parser.add_argument('ann', type=Path, nargs='?', help="the photos' COCO json; default: the one of the run's config")
    parser.add_argument(
        '--images', type=Path, metavar='DIR', help="default: the run's, or the folder ANN without .json"
    )
    parser.add_argument('--out', type=Path, metavar='FILE', help='default: report.html in WORK_DIR or beside PRED_JSON')
    add_reader_arguments(parser)
    args = parser.parse_args()
    args.out = args.out or (args.source if args.source.is_dir() else args.source.parent) / 'report.html'
    if args.out.suffix.lower() not in ('.html', '.htm'):
        parser.error(f'--out {args.out}: must end in .html')
    return args


def main() -> None:
    args = parse_args()
    from custom.report.html import make_report
    from custom.report.sources import find_sources

    sources = find_sources(args.source, args.ann, args.images)
    if args.out.is_dir():
        raise UserError(f'--out {args.out}: is a folder; name a file in it')
    made = make_report(sources, args.reader, args.score_thr)
    with replacing(args.out) as beside:
        size = beside.write_bytes(made.html.encode())
    print(f'{args.out}: {made.summary} ({size / 1e3:.0f} kB)')


if __name__ == '__main__':
    run_tool(main)
