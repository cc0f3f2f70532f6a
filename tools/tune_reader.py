"""Tuning of the reader (thresholds and rules) on validation predictions; no model is needed."""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool

EXAMPLES = """examples:
  python tools/tune_reader.py work_dirs/mine/valid/pred.json data/valid.json
  python tools/tune_reader.py fused/valid/pred.json data/valid.json --out fused/reader.json
  python tools/tune_reader.py houses/pred.json houses.json meters/pred.json meters.csv --out reader.json

Several sets of photos count equally, however many photos they have. A CSV has the columns file and number, for photos
whose boxes are not known: several numbers of a photo are separated by ';', a photo without a number has none.
The other tools use the reader.json beside a pred.json, or the one that --reader names."""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument(
        'sets',
        nargs='+',
        type=Path,
        metavar='PRED_JSON ANN',
        help='the detections on validation photos, of all scores, and the COCO json or CSV of the same photos; '
        'one pair for each set',
    )
    parser.add_argument('--out', type=Path, metavar='FILE', help='default: reader.json beside the first PRED_JSON')
    args = parser.parse_args()
    if len(args.sets) % 2:
        parser.error(f'{args.sets[-1]}: each PRED_JSON needs the COCO json or CSV of its photos behind it')
    pairs = list(zip(args.sets[::2], args.sets[1::2], strict=True))

    from custom.reading.lookup import reader_beside
    from custom.reading.settings import write_reader
    from custom.runs.predictions import weights_notes
    from custom.tuning.reader import tune_on_sets
    from custom.tuning.sets import common_origin, read_sets
    from custom.tuning.summary import describe
    from custom.utils.messages import say_notes

    sets, notes = read_sets(pairs)
    reader = tune_on_sets(sets)
    made, differ = common_origin([(pred_json, reader_beside(pred_json)) for pred_json, _ in pairs])
    reader = dataclasses.replace(reader, views=made.views, fingerprint=made.fingerprint)
    say_notes(*notes, *differ, *weights_notes(*(pred_json for pred_json, _ in pairs)))
    out = args.out or pairs[0][0].with_name('reader.json')
    write_reader(out, reader)
    print(describe(reader))
    print(out)


if __name__ == '__main__':
    run_tool(main)
