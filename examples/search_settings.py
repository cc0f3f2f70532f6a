"""Search over the settings of a training with Optuna. A stopped search goes on where it was.

python examples/search_settings.py DATA_ROOT OUT TRIALS [KEY=VALUE ...]     # settings that all trials share
"""

import subprocess
import sys
from pathlib import Path

import optuna

from custom.runs.curves import read_scalars, series

TRAIN = Path(__file__).resolve().parents[1] / 'tools/train.py'
root, out, trials, *shared = sys.argv[1:]


def number_accuracy(trial: optuna.Trial) -> float:
    """Train with the settings of a trial; return the best number accuracy in validation, 0 to 1."""
    settings = {
        'optim_wrapper.optimizer.lr': trial.suggest_float('lr', 2e-4, 5e-3, log=True),
        'optim_wrapper.optimizer.weight_decay': trial.suggest_float('weight_decay', 1e-3, 0.1, log=True),
        'model.roi_head.bbox_head.fc_out_channels': trial.suggest_categorical('head', [128, 256, 512]),
    }
    work_dir = Path(out, f'trial_{trial.number}')
    options = [f'data_root={root}', *shared, *(f'{key}={value}' for key, value in settings.items())]
    command = [sys.executable, TRAIN, 'digits_frcnn_lite', '--work-dir', work_dir, '--cfg-options', *options]
    subprocess.run(command, check=True)
    return max(series(read_scalars(work_dir).validation, 'number/accuracy')[1])


Path(out).mkdir(parents=True, exist_ok=True)
study = optuna.create_study(
    storage=f'sqlite:///{out}/study.db', study_name='digits', load_if_exists=True, direction='maximize'
)
study.optimize(number_accuracy, n_trials=int(trials))
print(f'best of {len(study.trials)} trials: trial_{study.best_trial.number}, number accuracy {study.best_value:.3f}')
print(*(f'{name}={value}' for name, value in study.best_params.items()))
