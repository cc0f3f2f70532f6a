"""Conversion of torchvision's Faster R-CNN weights (ResNet-50, FPN, first version or v2) to this project's, or back."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool
from custom.utils.errors import UserError
from custom.utils.files import real_path
from custom.utils.messages import say

EXAMPLES = """torchvision's label 1 is the digit 0 when there are 11 outputs, as with category_id. With any other
number of outputs, such as COCO's 91, the box predictor is left out.

examples:
  python tools/convert_torchvision.py fasterrcnn_resnet50_fpn_v2_coco.pth coco.pth
  python tools/train.py configs/digits_frcnn_r50v2.py --cfg-options load_from=coco.pth model.backbone.init_cfg=None
  python tools/convert_torchvision.py work_dirs/digits_frcnn_r50v2/epoch_12.pth torchvision.pth --to torchvision"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('src', type=Path, metavar='SRC', help='.pth or .safetensors; code in it is not run')
    parser.add_argument('dst', type=Path, metavar='DST', help='.pth (converts back exactly) or .safetensors')
    parser.add_argument('--to', choices=['mmdet', 'torchvision'], default='mmdet', help='default: mmdet')
    args = parser.parse_args()
    if args.dst.suffix not in ('.pth', '.pt', '.safetensors'):
        raise UserError(f'{args.dst}: weights are written as .pth or .safetensors; give a name with such an ending')
    if real_path(args.dst) == real_path(args.src):
        raise UserError(f'{args.src}: would replace itself; give DST another name')

    from custom.models import torchvision_weights as convert
    from custom.models.checkpoints import load_checkpoint

    stored = load_checkpoint(args.src)
    weights = {key.removeprefix('module.'): value for key, value in stored['state_dict'].items()}  # saved when wrapped
    if any(key.startswith({'mmdet': 'roi_head.', 'torchvision': 'roi_heads.'}[args.to]) for key in weights):
        raise UserError(f'{args.src}: its names are those of {args.to} already; give the other --to')
    if args.to == 'torchvision':
        weights, model = convert.to_torchvision(weights, args.src, stored.get('torchvision_predictor'))
        convert.write_weights(args.dst, weights)
        print(f'{args.dst}: weights of torchvision.models.detection.{model}')
        return

    converted, model = convert.to_mmdet(weights, args.src)
    kept = convert.without_other_classes(converted)
    if len(kept) < len(converted):
        outputs = len(converted['roi_head.bbox_head.fc_cls.bias'])
        say(f'note: {outputs} outputs are not the background and ten digits: the box predictor is left out')
    predictor = {key: weights[key] for key in weights if 'box_predictor' in key}
    convert.write_weights(args.dst, {'state_dict': kept, 'torchvision_predictor': predictor})
    print(f'{args.dst}: weights for {convert.CONFIGS[model]}')


if __name__ == '__main__':
    run_tool(main)
