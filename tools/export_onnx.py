"""Export of a detector to ONNX, for the reader without torch and for other runtimes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_reader, run_tool
from custom.utils.messages import say

EXAMPLES = """examples:
  python tools/export_onnx.py configs/digits_frcnn_lite.py weights/digits_frcnn_lite.safetensors digits.onnx
  python tools/export_onnx.py work_dirs/mine int8.onnx --int8 photos"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('config', help='a file of configs/, its name, or a work dir')
    text = 'the weights, .pth or .safetensors, or a work dir; default: the best ones of the work dir'
    parser.add_argument('checkpoint', nargs='?', help=text)
    parser.add_argument('out', type=Path, metavar='OUT.onnx', help='replaced if it exists')
    add_reader(parser, 'the one tuned for CHECKPOINT')
    text = '8-bit weights and activations, with ranges from up to 200 photos of DIR; faster where the CPU has VNNI'
    parser.add_argument('--int8', type=Path, metavar='DIR', help=text)
    args = parser.parse_args()

    from custom.commands.export_onnx import export_onnx

    done = export_onnx(args.config, args.checkpoint, args.out, args.reader, args.int8)
    for note in done.notes:
        say(f'note: {note}')
    print(f'{args.out}: {done.size / 1e6:.2f} MB; {done.check}')


if __name__ == '__main__':
    run_tool(main)
