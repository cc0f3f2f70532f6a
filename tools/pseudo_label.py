"""Label photos by what models found on them: those whose number is sure become a COCO json to train with."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool
from custom.reading.lookup import reader_of_predictions
from custom.utils.errors import UserError

EXAMPLES = """A photo passes when every PRED_JSON gives the same number at the same places, surely, and nothing else.
Photos without a number are left out, too: nothing found does not mean that nothing is there.

examples, for one of two models and for both:
  python tools/test.py configs/digits_frcnn.py a.pth --images data/photos --dump a
  python tools/pseudo_label.py a/pred.json b/pred.json --images data/photos --out pseudo.json --exclude data/valid"""


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__, EXAMPLES)

    from custom.data.pseudo_labels import SureRule

    parser.add_argument(
        'pred_json', nargs='+', type=Path, help='found on the same photos at several sizes, or by several models'
    )
    parser.add_argument('--images', type=Path, required=True, metavar='DIR', help='the folder of the photos')
    parser.add_argument('--out', type=Path, required=True, metavar='JSON', help='the COCO json to write')
    parser.add_argument(
        '--reader', metavar='FILE', help="a reader.json, or 'none'; default: the one beside the first PRED_JSON, if any"
    )
    rule = SureRule()
    parser.add_argument(
        '--min-score', type=float, default=rule.min_score, help=f'least score of a digit; default: {rule.min_score}'
    )
    parser.add_argument(
        '--max-other',
        type=float,
        default=rule.max_other,
        help=f'highest score of a box that is not of the number; default: {rule.max_other}',
    )
    parser.add_argument(
        '--exclude', nargs='+', default=[], metavar='DIR', help='leave out photos that lie here too, or nearly the same'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from custom.data.coco_writing import coco_json
    from custom.data.pseudo_labels import SureRule, label_photos
    from custom.structures.photos import list_photos
    from custom.submission.pred_json import read_pred_json
    from custom.utils.files import replacing

    rule = SureRule(args.min_score, args.max_other)
    if args.out.is_file() and any(path.is_file() and path.samefile(args.out) for path in args.pred_json):
        raise UserError(f'{args.out}: is one of the PRED_JSON; choose another place with --out')
    found = reader_of_predictions(args.pred_json[0], args.reader)
    image_ids = [photo.image_id for photo in list_photos(args.images)]
    sources = [read_pred_json(path, image_ids) for path in args.pred_json]

    photos, left_out = label_photos(args.images, sources, rule, found.reader.number, args.exclude)
    reasons = ', '.join(f'{count} {reason}' for reason, count in left_out.items())
    if not photos:
        raise UserError(f'{args.images}: none of {len(image_ids)} photos passes ({reasons}); nothing is written')
    with replacing(args.out) as beside:
        beside.write_text(json.dumps(coco_json(photos)))
    lengths = sorted(Counter(len(photo['labels']) for photo in photos).items())
    print(f'{args.out}: {len(photos)} of {len(image_ids)} photos ({len(photos) / len(image_ids):.0%})')
    print('photos by digits: ' + ', '.join(f'{length}: {count}' for length, count in lengths))
    print(f'left out: {reasons}')
    print(f'digits from {rule.min_score:g}, nothing else above {rule.max_other:g}; {found}')


if __name__ == '__main__':
    run_tool(main)
