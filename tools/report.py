"""HTML report of predictions in one file: figures, mistakes, and the run behind them; no model is needed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_reader_arguments, run_tool
from custom.runs.named_files import find_work_dir
from custom.utils.errors import UserError
from custom.utils.files import replacing

EXAMPLES = """The predictions of a work dir are those of tools/test.py --dump, of valid before test.
Of two work dirs or pred.json the report compares the second with the first, photo by photo.

examples:
  python tools/report.py work_dirs/mine
  python tools/report.py out/pred.json data/valid.json --images data/valid --out report.html
  python tools/report.py work_dirs/first work_dirs/second --out comparison.html"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('source', type=Path, metavar='WORK_DIR | PRED_JSON', help='a training run, or the detections')
    more_help = "a second WORK_DIR or PRED_JSON to compare; COCO json; default: the one of the run's config"
    parser.add_argument('more', type=Path, nargs='*', metavar='SECOND | ANN', help=more_help)
    parser.add_argument('--images', type=Path, metavar='DIR', help="default: the run's, or the folder ANN minus .json")
    out_help = 'default: report.html in WORK_DIR or beside PRED_JSON; comparison.html in or beside SECOND'
    parser.add_argument('--out', type=Path, metavar='FILE', help=out_help)
    add_reader_arguments(parser)
    args = parser.parse_args()
    args.source = find_work_dir(args.source)
    second, ann = divide([find_work_dir(path) for path in args.more])
    made_of = second or args.source
    name = 'comparison.html' if second else 'report.html'
    out = args.out or (made_of if made_of.is_dir() else made_of.parent) / name
    if out.suffix.lower() not in ('.html', '.htm'):
        parser.error(f'--out {out}: must end in .html')

    from custom.report.comparison import make_comparison
    from custom.report.html import make_report
    from custom.report.sources import find_sources
    from custom.runs.predictions import weights_notes
    from custom.utils.messages import say_notes

    found = [find_sources(source, ann, args.images) for source in (args.source, second) if source]
    if out.is_dir():
        raise UserError(f'--out {out}: is a folder; name a file in it')
    say_notes(*weights_notes(*(sources.pred_json for sources in found if sources.pred_json)))
    if second:
        html, summary = make_comparison((found[0], found[1]), args.reader, args.score_thr)
    else:
        html, summary = make_report(found[0], args.reader, args.score_thr)
    with replacing(out) as beside:
        size = beside.write_bytes(html.encode())
    print(f'{out}: {summary} ({size / 1e3:.0f} kB)')


def divide(paths: list[Path]) -> tuple[Path | None, Path | None]:
    """Return the second set of predictions and the COCO json among the paths after the first one, None if missing.

    Raises:
        UserError: there are two of a kind.
    """
    second = [path for path in paths if is_predictions(path)]
    ann = [path for path in paths if path not in second]
    for kind, given in (('WORK_DIR or PRED_JSON after the first one', second), ('ANN', ann)):
        if len(given) > 1:
            raise UserError(f'{given[1]}: one {kind} is enough, and {given[0]} is another')
    return (second or [None])[0], (ann or [None])[0]


def is_predictions(path: Path) -> bool:
    """Return whether a path is a folder or a pred.json, whose json is a list; a COCO json is an object."""
    if not path.is_file():
        return path.is_dir()
    with path.open('rb') as file:
        return file.read(1000).lstrip(b'\xef\xbb\xbf \t\r\n').startswith(b'[')


if __name__ == '__main__':
    run_tool(main)
