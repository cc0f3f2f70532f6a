"""Number reading on photos."""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_reader, run_tool
from custom.distributed_inference.command import RAY, add_engine, check_engine, predict_with_ray
from custom.inference.command import TABLE, add_arguments, check_arguments, read_photos
from custom.inference.reader import PhotoReader
from custom.utils.messages import say
from custom.utils.processes import importing

EXAMPLES = f"""{TABLE}

examples:
  python tools/predict.py examples/house.png
  python tools/predict.py photos --out out --min-confidence 0.5
  python tools/predict.py 'photos/**/*.png' --checkpoint work_dirs/mine
  python tools/predict.py photos --out out --labels coco
  python tools/predict.py meter.jpg --crop 120,80,400,90 --digits 7 --decimals 2
  python tools/predict.py 's3://bucket/photos/*.tar' --out out --engine ray --address auto"""
BATCH = 16


def main() -> int:
    parser = ToolParser(__doc__, EXAMPLES)
    add_arguments(parser)
    parser.add_argument('--config', help='default: the one of the work dir, else digits_frcnn_lite')
    parser.add_argument('--checkpoint', help='a file or a work dir; default: weights/digits_frcnn_lite.safetensors')
    parser.add_argument('--device', metavar='NAME', help='cpu, cuda or cuda:1; default: a GPU if there is one')
    add_reader(parser, 'the one tuned for CHECKPOINT')
    text = f'photos per call of the model, which padding makes differ in last digits; default: {BATCH}, with ray 1'
    parser.add_argument('--batch-size', type=int, metavar='N', help=text)
    add_engine(parser)
    args = parser.parse_args()
    options = check_arguments(parser, args)
    check_engine(parser, args)
    if args.engine == RAY and args.batch_size not in (None, 1):
        parser.error(
            f'--batch-size {args.batch_size}: is 1 with --engine ray, so that answers do not depend on batches'
        )
    batch_size = args.batch_size if args.batch_size is not None else 1 if args.engine == RAY else BATCH

    from tqdm import tqdm

    def open_reader() -> PhotoReader:
        with importing():
            from custom import DigitReader  # takes seconds to import

        reader = DigitReader(args.config, args.checkpoint, args.reader, args.device, batch_size, **vars(options))
        for note in reader.choice.notes:
            say(f'note: {note}')
        return reader

    def bar(readings: Iterator, count: int) -> tqdm:
        return tqdm(readings, 'reading', count, unit=' photos', delay=2, leave=False, disable=None)

    if args.engine == RAY:
        names = {'config': args.config, 'checkpoint': args.checkpoint, 'reader': args.reader}

        def count(initial: int) -> tqdm:
            return tqdm(None, 'reading', initial=initial, unit=' photos', leave=False, disable=None)

        return predict_with_ray(args, open_reader, names, count)
    return read_photos(args, open_reader, bar, tqdm.write)


if __name__ == '__main__':
    run_tool(main)
