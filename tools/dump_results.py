"""Submission files (pred.csv and the zip) of a pred.json, or a check of them; no model is needed."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_reader_arguments, run_tool
from custom.reading.lookup import FILE_NAME, reader_of_predictions
from custom.utils.errors import UserError

EXAMPLES = """examples:
  python tools/dump_results.py out/pred.json --images data/test
  python tools/dump_results.py out/submission.zip --images data/test --check"""


def main() -> int:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument(
        'pred_json', type=Path, help='the detections; with --check also a submission.zip, a pred.csv or their folder'
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--images', type=Path, metavar='DIR', help='the folder of the photos')
    source.add_argument('--ann', type=Path, metavar='JSON', help='or a COCO json; prints scores if it has boxes')
    parser.add_argument('--out', type=Path, metavar='DIR', help='default: the folder of PRED_JSON')
    add_reader_arguments(parser)
    parser.add_argument('--check', action='store_true', help='write nothing; list the problems and exit with 1')
    args = parser.parse_args()
    if args.check and (args.out or args.reader or args.score_thr is not None):
        parser.error('--check writes nothing: leave out --out, --reader and --score-thr')

    from custom.data.coco_reading import ids_and_names, read_annotations
    from custom.evaluation.summary import report, score
    from custom.reading.numbers import read_numbers
    from custom.reading.settings import write_reader
    from custom.runs.predictions import weights_notes
    from custom.structures.photos import photo_size
    from custom.submission.bundle import SUBMISSION, complete_submission, to_be_copied
    from custom.submission.pred_json import read_pred_json
    from custom.utils.files import replacing_set
    from custom.utils.messages import say_notes

    listed = read_annotations(args.ann, need_boxes=False) if args.ann else None
    ids, names = ids_and_names(listed or args.images)
    say_notes(*weights_notes(args.pred_json))
    if args.check:
        sizes = listed.sizes if listed else [photo_size(args.images / name, any_shape=True) for name in names]
        return check(args.pred_json, ids, sizes)

    found = reader_of_predictions(args.pred_json, args.reader, args.score_thr)
    say_notes(*found.notes)
    detections = read_pred_json(args.pred_json, ids)
    numbers = {i: reading.number for i, reading in read_numbers(detections, ids, found.reader.number).items()}
    out = args.out or args.pred_json.parent
    is_copied = to_be_copied(args.pred_json, out / 'pred.json', overwrite=bool(args.out))
    with replacing_set(out, [name for name in SUBMISSION if name != 'pred.json']) as new:
        if is_copied:
            shutil.copyfile(args.pred_json, new / 'pred.json')
        complete_submission(new, numbers, names, args.pred_json)
        if args.out:  # pred.csv follows from pred.json and this reader.json
            write_reader(new / FILE_NAME, found.reader)
    print(f'{out}: {len(ids)} photos, {sum(map(bool, numbers.values()))} with a number, {len(detections)} boxes')
    print(f'reader: {found}')
    if listed and listed.labelled:
        print(report(*score(detections, listed, found.reader.number)))
    return 0


def check(given: Path, image_ids: Sequence[int], sizes: Sequence) -> int:
    from custom.submission.validator import check_submission
    from custom.utils.files import finish_set

    folder = given if given.is_dir() else given.parent
    finish_set(folder)
    files = [folder / name for name in ('pred.json', 'pred.csv', 'submission.zip')]
    if not any(path.is_file() for path in (files if given.is_dir() else [given])):
        raise UserError(f'{given}: no such file; give a pred.json, pred.csv or submission.zip, or their folder')
    if given != folder:
        files[{'.csv': 1, '.zip': 2}.get(given.suffix.lower(), 0)] = given
    found = check_submission(*files, image_ids, sizes)
    if found.problems:
        print(f'{given}: {len(found.problems)} kind(s) of problem', *found.problems, sep='\n  - ')
        return 1
    print(f'ok: {len(image_ids)} photos, {found.numbers} with a number, {found.boxes} boxes')
    return 0


if __name__ == '__main__':
    run_tool(main)
