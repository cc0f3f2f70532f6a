"""Convert weights of torchvision's Faster R-CNN (ResNet-50, FPN, first version or v2) to this project's, or back."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool
from custom.utils.errors import UserError
from custom.utils.messages import say

EXAMPLES = """Of 11 outputs, torchvision's label 1 is the digit 0, as with category_id. Of any other number of
outputs, such as COCO's 91, the box predictor is left out.

examples:
  python tools/convert_torchvision.py fasterrcnn_resnet50_fpn_v2_coco.pth coco.pth
  python tools/train.py configs/digits_frcnn_r50v2.py --cfg-options load_from=coco.pth model.backbone.init_cfg=None
  python tools/convert_torchvision.py work_dirs/digits_frcnn_r50v2/epoch_12.pth torchvision.pth --to torchvision"""


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('src', type=Path, metavar='SRC', help='.pth or .safetensors; code in it is not run')
    parser.add_argument('dst', type=Path, metavar='DST', help='.pth (the way back is exact) or .safetensors')
    parser.add_argument('--to', choices=['mmdet', 'torchvision'], default='mmdet', help='default: mmdet')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.dst.suffix not in ('.pth', '.pt', '.safetensors'):
        raise UserError(f'{args.dst}: weights are written as .pth or .safetensors; give a name that ends so')
    if args.dst.resolve() == args.src.resolve():
        raise UserError(f'{args.src}: would replace itself; give DST another name')

    from custom.models.checkpoints import load_checkpoint
    from custom.models.torchvision_weights import (
        CONFIGS,
        to_mmdet,
        to_torchvision,
        without_other_classes,
        write_weights,
    )

    stored = load_checkpoint(args.src)
    weights = {key.removeprefix('module.'): value for key, value in stored['state_dict'].items()}  # saved when wrapped
    if any(key.startswith({'mmdet': 'roi_head.', 'torchvision': 'roi_heads.'}[args.to]) for key in weights):
        raise UserError(f'{args.src}: its names are those of {args.to} already; the way back is the other --to')
    if args.to == 'torchvision':
        weights, model = to_torchvision(weights, args.src, stored.get('torchvision_predictor'))
        write_weights(args.dst, weights)
        print(f'{args.dst}: weights of torchvision.models.detection.{model}')
        return

    converted, model = to_mmdet(weights, args.src)
    kept = without_other_classes(converted)
    if len(kept) < len(converted):
        outputs = len(converted['roi_head.bbox_head.fc_cls.bias'])
        say(
            f'note: {outputs} outputs are not the background and ten digits: the box predictor is left out, and '
            'training starts it anew'
        )
    predictor = {key: weights[key] for key in weights if 'box_predictor' in key}
    write_weights(args.dst, {'state_dict': kept, 'torchvision_predictor': predictor})
    print(f'{args.dst}: weights for {CONFIGS[model]}')


if __name__ == '__main__':
    run_tool(main)
