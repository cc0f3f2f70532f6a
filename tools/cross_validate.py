"""Cross-validation of a config: each labelled photo is tested by a model that was trained on the other folds."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import TRAIN_SETTINGS, ToolParser, add_foreign_options, run_tool
from custom.runs.config import load_config
from custom.utils.files import replacing
from custom.utils.messages import say

EXAMPLES = """The last epoch is tested with the config's thresholds, so nothing is chosen on the test photos. The same
command continues a stopped run.

examples:
  python tools/cross_validate.py configs/digits_frcnn_lite.py --data ROOT
  python tools/cross_validate.py configs/digits_frcnn_lite_mix.py --data ROOT --folds 10 --processes 2 \\
      --cfg-options synth_root=data/synth train_cfg.max_epochs=3"""


def main() -> None:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('config', help='a file of configs/, its name, or a work dir')
    parser.add_argument('--data', type=Path, required=True, metavar='ROOT', help='holds train.json and valid.json')
    parser.add_argument('--folds', type=int, default=5, help='default: 5')
    parser.add_argument('--seed', type=int, default=0, help='random seed of the split; default: 0')
    parser.add_argument('--processes', type=int, default=1, metavar='N', help='train on N ranks, which share the batch')
    parser.add_argument('--work-dir', help='default: work_dirs/<config name>_folds')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as in tools/train.py')
    add_foreign_options(parser, TRAIN_SETTINGS)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # otherwise the tool that runs for a fold would survive
    cfg = load_config(args.config, args.cfg_options, work_dir=args.work_dir)

    import numpy as np

    from custom.commands.cross_validate import FoldRuns, pool_folds, run_folds, settings_of
    from custom.data.splits import assign_folds, photo_groups, read_labelled, write_folds
    from custom.structures.annotations import true_numbers

    name = Path(cfg.filename).name
    work_dir = Path(args.work_dir or f'work_dirs/{Path(name).stem}_folds')
    config = work_dir / name
    runs = FoldRuns(cfg, config, args.data, args.processes)
    runs.refuse_own(args.cfg_options)
    truth = read_labelled(args.data)
    lengths = np.array([len(number) for number in true_numbers(truth).values()])
    groups = photo_groups(truth, args.data)
    if duplicates := len(groups) - len(set(groups.tolist())):
        say(f'{args.data}: {duplicates} photos are near-duplicates of others; near-duplicates share a fold')
    fold_of = assign_folds(lengths, groups, args.folds, args.seed)
    made_of = {'config': config.name, 'config and options': settings_of(cfg), 'seed': args.seed}
    folders = write_folds(work_dir, truth, fold_of, {**made_of, 'processes': args.processes})

    with replacing(config) as beside:  # all folds use this copy, even if the file in configs/ changes meanwhile
        beside.write_text(cfg.pretty_text)
    run_folds(folders, fold_of, runs)
    outcome = pool_folds(folders, fold_of, truth, work_dir / 'pred.json')
    print(f'{args.config} on the {len(fold_of)} labelled photos of {args.data}, {args.folds} folds')
    print(outcome)
    print(f'{work_dir}: pred.json of all folds, and all.json, the truth')


if __name__ == '__main__':
    run_tool(main)
