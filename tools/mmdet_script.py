"""MMDetection's own scripts on this project's configs, data and checkpoints."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool

EXAMPLES = """--cfg-options work as in tools/train.py. Scripts that need results read the file of `test --out`.

examples, with CONFIG=configs/digits_frcnn_lite.py:
  python tools/mmdet_script.py print_config CONFIG
  python tools/mmdet_script.py browse_dataset CONFIG --output-dir images --not-show
  python tools/mmdet_script.py get_flops CONFIG
  python tools/mmdet_script.py analyze_logs plot_curve work_dirs/demo/*/vis_data/scalars.json --keys loss --out loss.png
  python tools/mmdet_script.py test CONFIG CHECKPOINT --out results.pkl
  python tools/mmdet_script.py confusion_matrix CONFIG results.pkl images
  python tools/mmdet_script.py analyze_results CONFIG results.pkl images
  python tools/mmdet_script.py eval_metric CONFIG results.pkl
  python tools/mmdet_script.py coco_error_analysis pred.json images --ann valid.json
  python tools/mmdet_script.py publish_model CHECKPOINT OUT.pth"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('--split', choices=['valid', 'test'], default='valid', help='split to test on; default: valid')
    parser.add_argument('script', help='its name, without .py')
    parser.add_argument('arguments', nargs=argparse.REMAINDER, help="the script's own; --help shows them")
    args = parser.parse_args()

    from custom.commands.mmdet_scripts import run_script

    run_script(args.script, args.arguments, args.split)


if __name__ == '__main__':
    run_tool(main)
