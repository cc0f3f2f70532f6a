"""Export of a checkpoint, or of the mean of several, to 16-bit .safetensors with a reader.json beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool
from custom.utils.messages import say

EXAMPLES = """examples:
  python tools/export_weights.py work_dirs/digits_frcnn_lite/epoch_12.pth weights/digits_frcnn_lite.safetensors
  python tools/test.py configs/digits_frcnn_lite.py weights/digits_frcnn_lite.safetensors --split valid

Average only models that were fine-tuned from the same weights with different seeds:
  python tools/export_weights.py work_dirs/seed0/epoch_4.pth work_dirs/seed1/epoch_4.pth work_dirs/mean.safetensors"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    text = 'of a training run, or its work dir; several are averaged'
    parser.add_argument('checkpoint', type=Path, nargs='+', help=text)
    parser.add_argument('out', type=Path, metavar='OUT.safetensors', help='replaced if it exists')
    parser.add_argument('--reader', type=Path, metavar='FILE', help='default: the one tuned for a single CHECKPOINT')
    args = parser.parse_args()

    from custom.models.exporting import export_weights
    from custom.runs.named_files import find_checkpoint

    done = export_weights([find_checkpoint(path) for path in args.checkpoint], args.out, args.reader)
    for note in done.notes:
        say(f'note: {note}')
    print(f'{args.out}: {done.tensors} tensors, {done.size / 1e6:.2f} MB')
    print(done.reader or f'{args.out} has no reader: tools/tune_reader.py makes one from validation predictions')


if __name__ == '__main__':
    run_tool(main)
