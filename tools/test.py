"""Test of a digit detector: figures if there is ground truth, and the files of a submission with --dump."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import (
    TEST_SETTINGS,
    ToolParser,
    add_foreign_options,
    add_reader,
    add_run_arguments,
    run_tool,
)
from custom.runs.config import load_config, select_split
from custom.runs.named_files import checkpoint_of_run
from custom.utils.errors import UserError
from custom.utils.files import real_path
from custom.utils.messages import say_notes
from custom.utils.processes import importing

EXAMPLES = """examples:
  python tools/test.py configs/digits_frcnn.py --dump --cfg-options data_root=DIR
  python tools/test.py work_dirs/mine --split valid"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    add_run_arguments(parser)
    parser.add_argument('checkpoint', nargs='?', help='a file or a work dir; default: the best one of the work dir')
    photos_group = parser.add_mutually_exclusive_group()
    photos_group.add_argument('--split', choices=['test', 'valid'], default='test', help='default: test')
    photos_group.add_argument('--images', metavar='DIR', help='a folder of photos without labels, instead of a split')
    tta_help = 'test-time augmentation: search over scale, and crops around numbers; default: as the reader was tuned'
    parser.add_argument('--tta', action=argparse.BooleanOptionalAction, help=tta_help)
    dump_help = 'write pred.json, pred.csv, submission.zip, reader.json; default: WORK_DIR/<split or name>[_tta]'
    parser.add_argument('--dump', nargs='?', const='auto', metavar='DIR', help=dump_help)
    add_reader(parser, 'the one tuned for CHECKPOINT')
    add_foreign_options(parser, TEST_SETTINGS)
    args = parser.parse_args()
    work_dir = args.work_dir or (args.checkpoint if Path(args.checkpoint or '').is_dir() else None) or None
    with importing():
        cfg = load_config(args.config, args.cfg_options, args.launcher, work_dir)
        checkpoint = checkpoint_of_run(args.config, args.checkpoint, cfg.work_dir)

        from mmengine.dist import is_main_process

        from custom.engine.builders import build_test_runner
        from custom.engine.metrics import results_of
        from custom.evaluation.summary import report
        from custom.models.checkpoints import fingerprint, load_checkpoint
        from custom.models.reader_of_weights import choose_reader
        from custom.models.tta import choose_views

    photos = select_split(cfg, args.split, args.images)
    name = real_path(photos).name if args.images else args.split
    content = load_checkpoint(checkpoint, mapped=True)
    found = choose_views(cfg, choose_reader(cfg, checkpoint, args.reader, content), args.tta)
    if args.dump:
        folder = Path(cfg.work_dir, name + '_tta' * bool(args.tta)) if args.dump == 'auto' else Path(args.dump)
        if real_path(folder) == real_path(checkpoint).parent:
            raise UserError(f'--dump {folder}: would replace the reader.json of {checkpoint}; choose another folder')
        made = {**found.reader.to_dict(), 'fingerprint': fingerprint(content['state_dict'])}
        cfg.custom_hooks.append({'type': 'SubmissionHook', 'out_dir': str(folder), 'reader': made})

    cfg.visualizer.vis_backends = []  # nothing is drawn, and TensorBoard takes seconds to import
    cfg.load_from, cfg.resume = None, False  # the checkpoint of the command line is tested
    cfg.train_cfg = cfg.train_dataloader = cfg.optim_wrapper = cfg.param_scheduler = None
    runner = build_test_runner(cfg, checkpoint, content)
    figures = runner.test()
    if is_main_process():
        say_notes(*found.notes)
        print(f'{checkpoint} on {photos}\nreader: {found}')
        nothing = f'no truth for these {len(runner.test_dataloader.dataset)} photos: nothing to score'
        print(report(*results_of(runner.test_evaluator.metrics)) or figures or nothing)
        if args.dump:
            print(f'{folder}: pred.json, pred.csv, submission.zip of both, and reader.json')


if __name__ == '__main__':
    run_tool(main)
