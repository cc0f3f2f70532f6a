"""HTML report of predictions in one file: figures, mistakes, and the run behind them; no model is needed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_reader_arguments, run_tool
from custom.runs.named_files import find_work_dir
from custom.utils.errors import UserError
from custom.utils.files import replacing

EXAMPLES = """The predictions of a work dir are those of tools/test.py --dump, of valid before test.

examples:
  python tools/report.py work_dirs/mine
  python tools/report.py out/pred.json data/valid.json --images data/valid --out report.html"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('source', type=Path, metavar='WORK_DIR | PRED_JSON', help='a training run, or the detections')
    parser.add_argument('ann', type=Path, nargs='?', help="COCO json; default: the one of the run's config")
    parser.add_argument('--images', type=Path, metavar='DIR', help="default: the run's, or the folder ANN minus .json")
    parser.add_argument('--out', type=Path, metavar='FILE', help='default: report.html in WORK_DIR or beside PRED_JSON')
    add_reader_arguments(parser)
    args = parser.parse_args()
    args.source = find_work_dir(args.source)
    out = args.out or (args.source if args.source.is_dir() else args.source.parent) / 'report.html'
    if out.suffix.lower() not in ('.html', '.htm'):
        parser.error(f'--out {out}: must end in .html')

    from custom.report.html import make_report
    from custom.report.sources import find_sources
    from custom.runs.predictions import weights_notes
    from custom.utils.messages import say_notes

    sources = find_sources(args.source, args.ann, args.images)
    if out.is_dir():
        raise UserError(f'--out {out}: is a folder; name a file in it')
    if sources.pred_json:
        say_notes(*weights_notes(sources.pred_json))
    html, summary = make_report(sources, args.reader, args.score_thr)
    with replacing(out) as beside:
        size = beside.write_bytes(html.encode())
    print(f'{out}: {summary} ({size / 1e3:.0f} kB)')


if __name__ == '__main__':
    run_tool(main)
