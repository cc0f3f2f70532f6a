"""Test a digit detector: figures where there is truth, and the files of a submission with --dump."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.cli import add_run_arguments, best_checkpoint, build_runner, load_config, run_tool, select_split


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='example: python tools/test.py configs/digits_frcnn.py --dump --cfg-options data_root=DIR',
    )
    parser.add_argument('config', help='a file of configs/')
    parser.add_argument('checkpoint', nargs='?', help='default: the best one of the work dir')
    parser.add_argument('--split', choices=['test', 'valid'], default='test', help='default: test')
    parser.add_argument(
        '--dump',
        nargs='?',
        const='auto',
        metavar='DIR',
        help='write pred.json, pred.csv and submission.zip to DIR (default: WORK_DIR/<split>)',
    )
    add_run_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    checkpoint = args.checkpoint or best_checkpoint(cfg.work_dir)
    photos = select_split(cfg, args.split)
    if args.dump:
        folder = Path(cfg.work_dir, args.split) if args.dump == 'auto' else Path(args.dump)
        reader = cfg.test_evaluator.reader
        cfg.custom_hooks.append({'type': 'SubmissionHook', 'out_dir': str(folder), 'reader': reader})

    from mmengine.dist import is_main_process

    from custom.checkpoints import load_weights
    from custom.scoring import format_figures

    cfg.visualizer.vis_backends = []  # nothing to draw, and TensorBoard takes seconds to import
    cfg.load_from, cfg.resume = None, False  # the checkpoint named here is the one that is tested
    cfg.train_cfg = cfg.train_dataloader = cfg.optim_wrapper = cfg.param_scheduler = None
    runner = build_runner(cfg)
    load_weights(runner.model, checkpoint)
    figures = runner.test()
    if is_main_process():
        print(f'{checkpoint} on {photos}')
        print(format_figures(figures, len(runner.test_dataloader.dataset)))
        if args.dump:
            print(f'{folder}: pred.json, pred.csv and submission.zip of both')


if __name__ == '__main__':
    run_tool(main)
