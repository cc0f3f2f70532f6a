"""Tuning of the reader (thresholds and rules) on validation predictions; no model is needed."""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool

EXAMPLES = """examples:
  python tools/tune_reader.py work_dirs/mine/valid/pred.json data/valid.json
  python tools/tune_reader.py fused/valid/pred.json data/valid.json --out fused/reader.json

The other tools use the reader.json beside a pred.json, or the one that --reader names."""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('pred_json', type=Path, help='the detections on the validation photos, of all scores')
    parser.add_argument('ann', type=Path, help='COCO json of the same photos')
    parser.add_argument('--out', type=Path, metavar='FILE', help='default: reader.json beside PRED_JSON')
    args = parser.parse_args()

    from custom.data.coco_reading import read_annotations
    from custom.reading.lookup import reader_beside
    from custom.reading.settings import write_reader
    from custom.runs.predictions import weights_notes
    from custom.submission.pred_json import read_pred_json
    from custom.tuning.reader import tune_reader
    from custom.tuning.summary import describe
    from custom.utils.messages import say_notes

    truth = read_annotations(args.ann)
    reader = tune_reader(read_pred_json(args.pred_json, truth.image_ids), truth, args.ann.name)
    made = reader_beside(args.pred_json)
    reader = dataclasses.replace(reader, views=made.views, fingerprint=made.fingerprint)
    say_notes(*weights_notes(args.pred_json))
    out = args.out or args.pred_json.with_name('reader.json')
    write_reader(out, reader)
    print(describe(reader))
    print(out)


if __name__ == '__main__':
    run_tool(main)
