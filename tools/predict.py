"""Number reading on photos."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_reader, run_tool
from custom.utils.errors import UserError
from custom.utils.messages import one_line, say

EXAMPLES = """Prints a table: file, number (-1: none), confidence 0 to 1, the digits with their scores. The table is
tab-separated when piped. Exit code 1 if a photo could not be read; the rest are processed.

examples:
  python tools/predict.py house.jpg
  python tools/predict.py photos --out out --min-confidence 0.95
  python tools/predict.py 'photos/**/*.png' --checkpoint work_dirs/mine"""


def main() -> int:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('photos', nargs='+', metavar='PHOTO|DIR|GLOB', help='quote patterns')
    parser.add_argument('--config', help='default: the one beside CHECKPOINT, else configs/digits_frcnn_lite.py')
    parser.add_argument('--checkpoint', help='a file or a work dir; default: weights/digits_frcnn_lite.safetensors')
    add_reader(parser, 'the one tuned for CHECKPOINT')
    parser.add_argument('--out', type=Path, metavar='DIR', help='write numbers.csv, pred.json and annotated copies')
    parser.add_argument('--show-boxes', action='store_true', help="show the digits' boxes, xyxy in pixels")
    parser.add_argument('--min-confidence', type=float, default=0, metavar='P', help='answer "unsure" below it, 0 to 1')
    args = parser.parse_args()
    if not 0 <= args.min_confidence <= 1:
        parser.error(f'--min-confidence {args.min_confidence}: must be from 0 to 1')

    from tqdm import tqdm

    from custom.inference.answers import FOLDER, Copies, answer_of, find_photos, ids_of, table_line, write_answers

    paths = find_photos(args.photos)
    ids = ids_of(paths)

    from custom.digit_reader import DigitReader  # takes seconds to import

    reader = DigitReader(args.config, args.checkpoint, args.reader)
    for note in reader.choice.notes:
        say(f'note: {note}')
    copies = Copies(args.out, paths) if args.out else None
    width = max(len(one_line(path)) for path in paths) if sys.stdout.isatty() else 0
    answers, failed = [], []
    bar = tqdm(reader.read_many(paths), 'reading', len(paths), unit=' photos', delay=2, leave=False, disable=None)
    for image_id, path, reading in zip(ids, paths, bar, strict=True):
        try:
            if isinstance(reading, UserError):
                raise reading
            answers.append(answer_of(image_id, path, reading, args.min_confidence))
            tqdm.write(table_line(answers[-1], args.show_boxes, width))
            if copies:
                copies.write(answers[-1])
        except UserError as error:
            failed.append(error)
    if args.out and answers:  # a run without answers keeps the files of an earlier one
        write_answers(args.out, answers)
        say(f'{args.out}: numbers.csv and pred.json of {len(answers)} photos, their copies in {FOLDER}/')
    for error in failed:
        print(f'error: {one_line(error)}', file=sys.stderr)
    return int(bool(failed))


if __name__ == '__main__':
    run_tool(main)
