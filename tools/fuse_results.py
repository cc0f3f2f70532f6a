"""Fusion of the pred.json of several models on the same photos; no model is needed."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool
from custom.utils.errors import UserError

EXAMPLES = """Overlapping boxes of the same digit are averaged. A score is the mean over all files, and a missing
box counts as 0: tune the reader on fused validation predictions.

examples, for two models:
  python tools/fuse_results.py a/valid/pred.json b/valid/pred.json --weights 2 1 --out ab/valid
  python tools/tune_reader.py ab/valid/pred.json data/valid.json
  python tools/fuse_results.py a/test/pred.json b/test/pred.json --weights 2 1 --out ab/test
  python tools/dump_results.py ab/test/pred.json --images data/test --reader ab/valid/reader.json"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('pred_json', nargs='+', type=Path, help='two or more files, one of each model')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='the folder of the new pred.json')
    parser.add_argument('--weights', nargs='+', type=float, metavar='W', help='one of each file; default: all the same')
    parser.add_argument('--iou-thr', type=float, default=0.6, help='IoU from which boxes are fused; default: 0.6')
    args = parser.parse_args()

    from tqdm import tqdm

    from custom.reading.fusion import fuse_detections
    from custom.runs.predictions import weights_notes
    from custom.submission.bundle import SUBMISSION
    from custom.submission.pred_json import read_sources, write_pred_json
    from custom.utils.files import replacing_set
    from custom.utils.messages import say, say_notes

    target = args.out / 'pred.json'
    if target.is_file() and any(path.is_file() and path.samefile(target) for path in args.pred_json):
        raise UserError(f'{target}: is one of the inputs and would be overwritten; choose another place with --out')
    sources = read_sources(args.pred_json)
    say_notes(*weights_notes(*args.pred_json))
    bar = partial(tqdm, desc='fusing', unit=' photos', delay=2, leave=False, disable=None)
    fused = fuse_detections(sources, args.weights, args.iou_thr, progress=bar)
    former = [name for name in SUBMISSION if (args.out / name).is_file() and name != 'pred.json']
    with replacing_set(args.out, SUBMISSION) as new:
        write_pred_json(new / 'pred.json', fused)
    if former:
        say(f'note: {args.out}: removed {", ".join(former)}, made from another pred.json')
    photos = [set(source.image_ids.tolist()) for source in sources]
    n_shared = len(set.intersection(*photos))
    print(f'{target}: {len(fused)} boxes on {len(set.union(*photos))} photos, {n_shared} of them in all files')


if __name__ == '__main__':
    run_tool(main)
