"""Contact sheet of the detections of a pred.json: photos, boxes, the number read on each; no model is needed."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_reader_arguments, run_tool
from custom.reading.lookup import reader_of_predictions
from custom.utils.errors import UserError
from custom.utils.files import real_path

EXAMPLES = """examples:
  python tools/draw_detections.py out/pred.json --images data/test
  python tools/draw_detections.py out/pred.json --images data/valid --ann data/valid.json --photos 12"""
MAX_PHOTOS = 200  # about 50 rows


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('pred_json', type=Path, help='the detections')
    parser.add_argument('--images', type=Path, metavar='DIR', required=True, help='the folder of the photos')
    parser.add_argument('--ann', type=Path, metavar='JSON', help='COCO json of the photos; marks right and wrong')
    parser.add_argument('--out', type=Path, metavar='PNG', help='default: detections.png beside PRED_JSON')
    parser.add_argument('--photos', type=int, default=24, metavar='N', help='at most, evenly chosen; default: 24')
    add_reader_arguments(parser)
    args = parser.parse_args()
    out = args.out or args.pred_json.with_name('detections.png')
    if not 1 <= args.photos <= MAX_PHOTOS:
        parser.error(f'--photos {args.photos}: must be from 1 to {MAX_PHOTOS}')
    if out.suffix.lower() != '.png':
        parser.error(f'--out {out}: must end in .png')

    from custom.data.coco_reading import ids_and_names, read_annotations
    from custom.evaluation.summary import describe_accuracy
    from custom.reading.numbers import read_numbers
    from custom.runs.predictions import weights_notes
    from custom.structures.annotations import true_numbers
    from custom.structures.photos import photo_path, read_photo
    from custom.submission.pred_json import read_pred_json
    from custom.utils.files import replacing
    from custom.utils.messages import say_notes
    from custom.visualization.pictures import Shot, contact_sheet, evenly_spaced

    if real_path(out.parent) == real_path(args.images):
        raise UserError(f'{out}: would lie among the photos and count as one; choose another place with --out')
    listed = read_annotations(args.ann, need_boxes=False) if args.ann else None
    ids, names = ids_and_names(listed or args.images)
    detections = read_pred_json(args.pred_json, ids)
    found = reader_of_predictions(args.pred_json, args.reader, args.score_thr)
    say_notes(*found.notes, *weights_notes(args.pred_json))
    readings = read_numbers(detections, ids, found.reader.number)
    true = true_numbers(listed) if listed and listed.labelled else {}
    chosen = evenly_spaced(len(ids), args.photos)
    paths = [photo_path(args.images, names[i]) for i in chosen]
    if gone := [path for path in paths if not os.path.isfile(path)]:
        raise UserError(f'{gone[0]}: no such photo; give the folder of the photos in {args.ann} with --images')

    shots = (
        Shot.take(read_photo(path), ids[i], detections, readings[ids[i]], true.get(ids[i]))
        for i, path in zip(chosen, paths, strict=True)
    )
    note = f'a number read on {sum(bool(reading.number) for reading in readings.values())} of {len(ids)}'
    if true:
        right = sum(readings[image_id].number == number for image_id, number in true.items())
        note = describe_accuracy(right, len(true))
    title = f'{len(chosen)} of {len(ids)} photos'
    with replacing(out) as beside:
        contact_sheet(shots, title, note).save(beside, 'PNG', optimize=True)
    print(f'{out}: {title}, {note}')


if __name__ == '__main__':
    run_tool(main)
