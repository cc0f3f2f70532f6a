"""Test a digit detector: figures where there is truth, and the files of a submission with --dump."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, add_run_arguments, run_tool
from custom.runs.checkpoint_files import best_checkpoint
from custom.runs.config import load_config, select_split
from custom.utils.errors import UserError
from custom.utils.messages import say


def parse_args() -> argparse.Namespace:
    parser = ToolParser(
        __doc__, 'example: python tools/test.py configs/digits_frcnn.py --dump --cfg-options data_root=DIR'
    )
    parser.add_argument('config', help='a file of configs/')
    parser.add_argument('checkpoint', nargs='?', help='default: the best one of the work dir')
    photos = parser.add_mutually_exclusive_group()
    photos.add_argument('--split', choices=['test', 'valid'], default='test', help='default: test')
    photos.add_argument('--images', metavar='DIR', help='a folder of photos without labels, instead of a split')
    parser.add_argument(
        '--tta',
        action=argparse.BooleanOptionalAction,
        help='see photos at several sizes, then their numbers closer, and fuse; default: as the reader was tuned',
    )
    parser.add_argument(
        '--dump',
        nargs='?',
        const='auto',
        metavar='DIR',
        help='write pred.json, pred.csv, submission.zip, reader.json to DIR (default: WORK_DIR/<split or name>[_tta])',
    )
    parser.add_argument(
        '--reader', metavar='FILE', help="a reader.json, or 'none', the config's; default: the one tuned for CHECKPOINT"
    )
    add_run_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    checkpoint = Path(args.checkpoint or best_checkpoint(cfg.work_dir))
    photos = select_split(cfg, args.split, args.images)
    name = photos.resolve().name if args.images else args.split

    from mmengine.dist import is_main_process

    from custom.engine.builders import trained_runner
    from custom.engine.metrics import results_of
    from custom.evaluation.summary import report
    from custom.models.checkpoints import load_checkpoint
    from custom.models.reader_of_weights import choose_reader
    from custom.models.tta import choose_views

    content = load_checkpoint(checkpoint)
    found = choose_views(cfg, choose_reader(cfg, checkpoint, args.reader, content), args.tta)
    if args.dump:
        folder = Path(cfg.work_dir, name + '_tta' * bool(args.tta)) if args.dump == 'auto' else Path(args.dump)
        if folder.resolve() == checkpoint.resolve().parent:
            raise UserError(f'--dump {folder}: would replace the reader.json of {checkpoint}; choose another folder')
        cfg.custom_hooks.append({'type': 'SubmissionHook', 'out_dir': str(folder), 'reader': found.reader.to_dict()})

    cfg.visualizer.vis_backends = []  # nothing to draw, and TensorBoard takes seconds to import
    cfg.load_from, cfg.resume = None, False  # the checkpoint named here is the one that is tested
    cfg.train_cfg = cfg.train_dataloader = cfg.optim_wrapper = cfg.param_scheduler = None
    runner = trained_runner(cfg, checkpoint, content)
    figures = runner.test()
    if is_main_process():
        for note in found.notes:
            say(f'note: {note}')
        print(f'{checkpoint} on {photos}\nread with {found}')
        nothing = f'no truth for these {len(runner.test_dataloader.dataset)} photos: nothing to score'
        print(report(*results_of(runner.test_evaluator.metrics)) or figures or nothing)
        if args.dump:
            print(f'{folder}: pred.json, pred.csv, submission.zip of both, and reader.json')


if __name__ == '__main__':
    run_tool(main)
