"""Pseudo-labels: a COCO json of the photos on which all models read the same number, or find the known number."""

import json
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_reader, run_tool
from custom.reading.lookup import reader_of_predictions
from custom.utils.errors import UserError

EXAMPLES = """A photo passes if every PRED_JSON gives the same number at the same position with high scores, and no
other box. Photos without a number are left out, because a missed number is not a negative example.

With --numbers, a photo passes if its known number is found among the detections. The number is the check, so low
scores are enough, and weak detections beside the number are dropped.

examples, for one of two models, for both, and for photos with known numbers:
  python tools/test.py configs/digits_frcnn.py a.pth --images data/photos --dump a
  python tools/pseudo_label.py a/pred.json b/pred.json --images data/photos --out pseudo.json --exclude data/valid
  python tools/pseudo_label.py a/pred.json --images data/photos --numbers numbers.csv --out labels.json"""


def main() -> None:
    from custom.data.known_numbers import KnownNumberRule
    from custom.data.pseudo_labels import PseudoLabelRule, label_known_numbers, label_photos

    parser = ToolParser(__doc__, EXAMPLES)
    pred_json_help = 'predictions on the same photos: of several models, or with and without test-time augmentation'
    parser.add_argument('pred_json', nargs='+', type=Path, help=pred_json_help)
    parser.add_argument('--images', type=Path, required=True, metavar='DIR', help='the folder of the photos')
    parser.add_argument('--out', type=Path, required=True, metavar='JSON', help='the COCO json to write')
    add_reader(parser, 'the one beside the first PRED_JSON, if there is one')
    numbers_help = 'known numbers: columns file and number; photos that are not listed are left out'
    parser.add_argument('--numbers', type=Path, metavar='CSV', help=numbers_help)
    for name, text in (('min_score', 'of a digit'), ('max_other', 'of others')):
        defaults = f'{getattr(PseudoLabelRule, name):g}, with --numbers {getattr(KnownNumberRule, name):g}'
        parser.add_argument(f'--{name.replace("_", "-")}', type=float, help=f'{text}; default: {defaults}')
    exclude_help = 'leave out photos of these folders and their near-duplicates'
    parser.add_argument('--exclude', nargs='+', default=[], metavar='DIR', help=exclude_help)
    args = parser.parse_args()

    from custom.data.coco_writing import coco_json
    from custom.data.numbers import read_numbers_csv
    from custom.runs.predictions import weights_notes
    from custom.structures.photos import list_photos
    from custom.submission.pred_json import read_pred_json
    from custom.utils.files import replacing
    from custom.utils.messages import say_notes

    limits = {name: value for name in ('min_score', 'max_other') if (value := getattr(args, name)) is not None}
    rule = KnownNumberRule(**limits) if args.numbers else PseudoLabelRule(**limits)
    if args.numbers and args.reader:
        raise UserError('--reader: known numbers are found without reader settings; leave it out')
    if args.out.is_file() and any(path.is_file() and path.samefile(args.out) for path in args.pred_json):
        raise UserError(f'{args.out}: is one of the PRED_JSON; choose another place with --out')
    found = reader_of_predictions(args.pred_json[0], args.reader)
    image_ids = [photo.image_id for photo in list_photos(args.images)]
    sources = [read_pred_json(path, image_ids) for path in args.pred_json]
    say_notes(*found.notes, *weights_notes(*args.pred_json))

    if args.numbers:
        numbers = {photo.file: photo.numbers for photo in read_numbers_csv(args.numbers)}
        photos, left_out = label_known_numbers(args.images, sources, numbers, rule, args.exclude)
    else:
        photos, left_out = label_photos(args.images, sources, rule, found.reader.number, args.exclude)
    reasons = ', '.join(f'{count} {reason}' for reason, count in left_out.items())
    if not photos:
        raise UserError(f'{args.images}: none of {len(image_ids)} photos passes ({reasons}); nothing is written')
    with replacing(args.out) as beside:
        beside.write_text(json.dumps(coco_json(photos)))
    lengths = sorted(Counter(len(photo['labels']) for photo in photos).items())
    print(f'{args.out}: {len(photos)} of {len(image_ids)} photos ({len(photos) / len(image_ids):.0%})')
    print('photos by number length: ' + ', '.join(f'{length}: {count}' for length, count in lengths))
    print(f'left out: {reasons}')
    settings = f'numbers of {args.numbers}' if args.numbers else f'reader: {found}'
    print(f'digits from {rule.min_score:g}, no other box above {rule.max_other:g}; {settings}')


if __name__ == '__main__':
    run_tool(main)
