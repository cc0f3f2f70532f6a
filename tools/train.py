"""Training of a digit detector."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import TRAIN_SETTINGS, ToolParser, add_foreign_options, add_run_arguments, run_tool
from custom.runs.config import load_config
from custom.utils.errors import UserError
from custom.utils.processes import importing


def main() -> None:
    parser = ToolParser(__doc__, 'example: python tools/train.py configs/digits_frcnn.py --cfg-options data_root=DIR')
    add_run_arguments(parser)
    resume_help = 'continue from a checkpoint; without a name, from the last one of the work dir'
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT', help=resume_help)
    parser.add_argument('--amp', action='store_true', help='mixed precision, in bfloat16 if the GPU supports it')
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate with the batch size')
    add_foreign_options(parser, TRAIN_SETTINGS)
    args = parser.parse_args()
    with importing():
        cfg = load_config(args.config, args.cfg_options, args.launcher, args.work_dir)

        import torch
        from mmengine.dist import is_main_process

        from custom.engine.builders import build_runner
        from custom.models.checkpoints import resume_from
        from custom.models.numerics import short_float

    if args.resume:
        checkpoint = resume_from(cfg.work_dir, args.resume)
        if checkpoint is not None:
            cfg.load_from, cfg.resume = str(checkpoint), True
    cfg.auto_scale_lr.enable = cfg.auto_scale_lr.enable or args.auto_scale_lr
    if args.amp:
        if not torch.cuda.is_available():
            raise UserError('--amp: no GPU found that torch can use; leave --amp out')
        cfg.optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic', dtype=short_float())

    runner = build_runner(cfg)
    runner.train()
    if is_main_process():
        print(f'best checkpoint, config and log: {cfg.work_dir}')


if __name__ == '__main__':
    run_tool(main)
