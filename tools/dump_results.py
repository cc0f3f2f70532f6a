"""Make pred.csv and the zip from a pred.json, or check a submission; no model is needed."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.annotations import ids_and_names, read_annotations
from custom.checking import check_submission
from custom.cli import run_tool
from custom.errors import UserError
from custom.photos import photo_size
from custom.reading import ReaderConfig, read_numbers
from custom.scoring import average_precision, number_accuracy, true_numbers
from custom.submission import complete_submission, copy_pred_json, read_pred_json

EXAMPLES = """examples:
  python tools/dump_results.py out/pred.json --images data/test
  python tools/dump_results.py out/submission.zip --images data/test --check"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('pred_json', type=Path, help='the detections; with --check also a submission.zip')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--images', type=Path, metavar='DIR', help='the folder of the photos')
    source.add_argument('--ann', type=Path, metavar='JSON', help='or a COCO json; prints scores if it has boxes')
    parser.add_argument('--out', type=Path, metavar='DIR', help='default: the folder of PRED_JSON')
    parser.add_argument(
        '--score-thr', type=float, help=f'least score of a digit in a number; default: {ReaderConfig.score_thr}'
    )
    parser.add_argument('--check', action='store_true', help='write nothing; list what is wrong and exit with 1')
    args = parser.parse_args()
    if args.check and (args.out or args.score_thr is not None):
        parser.error('--check writes nothing: leave out --out and --score-thr')
    return args


def main() -> int:
    args = parse_args()
    listed = read_annotations(args.ann, need_boxes=False) if args.ann else None
    ids, names = ids_and_names(listed or args.images)
    if args.check:
        sizes = listed.sizes if listed else [photo_size(args.images / name) for name in names]
        return check(args.pred_json, ids, sizes)

    config = ReaderConfig() if args.score_thr is None else ReaderConfig(score_thr=args.score_thr)
    detections = read_pred_json(args.pred_json, ids)
    numbers = {image_id: reading.number for image_id, reading in read_numbers(detections, ids, config).items()}
    out = args.out or args.pred_json.parent
    copy_pred_json(args.pred_json, out / 'pred.json', overwrite=bool(args.out))
    complete_submission(out, numbers, names)
    found = sum(map(bool, numbers.values()))
    print(f'{out}: {len(ids)} photos, {found} with a number (scores from {config.score_thr}), {len(detections)} boxes')
    if listed and listed.labelled:
        figures, accuracy = average_precision(detections, listed), number_accuracy(numbers, true_numbers(listed))
        print(f'AP {figures["AP"]:.4f}, AP50 {figures["AP50"]:.4f}, number accuracy {accuracy:.4f} ({len(ids)} photos)')
    return 0


def check(given: Path, image_ids: Sequence[int], sizes: Sequence) -> int:
    if not given.is_file():
        raise UserError(f'{given}: no such file; give a pred.json or a submission.zip')
    zipped = given.suffix == '.zip'
    pred_json = given.with_name('pred.json') if zipped else given
    zip_path = given if zipped else given.with_name('submission.zip')
    report = check_submission(pred_json, given.with_name('pred.csv'), zip_path, image_ids, sizes)
    if report.problems:
        print(f'{given}: {len(report.problems)} kind(s) of problem', *report.problems, sep='\n  - ')
        return 1
    print(f'ok: {len(image_ids)} photos, {report.numbers} with a number, {report.boxes} boxes')
    return 0


if __name__ == '__main__':
    run_tool(main)
