"""Pseudo-labels: a COCO json of the photos on which all models read the same number with high scores."""

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

examples, for one of two models and for both:
  python tools/test.py configs/digits_frcnn.py a.pth --images data/photos --dump a
  python tools/pseudo_label.py a/pred.json b/pred.json --images data/photos --out pseudo.json --exclude data/valid"""


def main() -> None:
    from custom.data.pseudo_labels import PseudoLabelRule, label_photos

    parser = ToolParser(__doc__, EXAMPLES)
    pred_json_help = 'predictions on the same photos: of several models, or with and without test-time augmentation'
    parser.add_argument('pred_json', nargs='+', type=Path, help=pred_json_help)
    parser.add_argument('--images', type=Path, required=True, metavar='DIR', help='the folder of the photos')
    parser.add_argument('--out', type=Path, required=True, metavar='JSON', help='the COCO json to write')
    add_reader(parser, 'the one beside the first PRED_JSON, if there is one')
    parser.add_argument(
        '--min-score', type=float, default=PseudoLabelRule.min_score, help='of a digit; default: %(default)s'
    )
    parser.add_argument(
        '--max-other', type=float, default=PseudoLabelRule.max_other, help='of others; default: %(default)s'
    )
    exclude_help = 'leave out photos of these folders and their near-duplicates'
    parser.add_argument('--exclude', nargs='+', default=[], metavar='DIR', help=exclude_help)
    args = parser.parse_args()

    from custom.data.coco_writing import coco_json
    from custom.runs.predictions import weights_notes
    from custom.structures.photos import list_photos
    from custom.submission.pred_json import read_pred_json
    from custom.utils.files import replacing
    from custom.utils.messages import say_notes

    rule = PseudoLabelRule(args.min_score, args.max_other)
    if args.out.is_file() and any(path.is_file() and path.samefile(args.out) for path in args.pred_json):
        raise UserError(f'{args.out}: is one of the PRED_JSON; choose another place with --out')
    found = reader_of_predictions(args.pred_json[0], args.reader)
    image_ids = [photo.image_id for photo in list_photos(args.images)]
    sources = [read_pred_json(path, image_ids) for path in args.pred_json]
    say_notes(*found.notes, *weights_notes(*args.pred_json))

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
    print(f'digits from {rule.min_score:g}, no other box above {rule.max_other:g}; reader: {found}')


if __name__ == '__main__':
    run_tool(main)
