"""Data sets in the project's layout: synthetic images, SVHN or your own labels, and their check."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool
from custom.commands.prepare_data import add_commands

EXAMPLES = """examples:
  python tools/prepare_data.py synth --out data/synth --images 2000 --seed 1
  python tools/prepare_data.py svhn --src downloads --out data/svhn --download
  python tools/prepare_data.py yolo --src labelled --out data/mine --classes ten=0
  python tools/prepare_data.py check data/mine --out sheets"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    add_commands(parser.add_subparsers(required=True, metavar='COMMAND'))
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # removes the half-written folder beside --out
    args.run(args)


if __name__ == '__main__':
    run_tool(main)
