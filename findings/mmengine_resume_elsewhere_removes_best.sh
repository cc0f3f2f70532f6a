#!/bin/sh
# A run of mmengine that resumes from another run's checkpoint, in a work dir of its own, removes the other run's best file.
#
# onedl-mmengine 0.10.12 (torch 2.14.1), CheckpointHook with save_best. Expected: the run writes to and removes from its own
# work_dir alone. Seen: the checkpoint holds the absolute path of the best checkpoint, and the first better validation of the
# new run removes the file at that path. The same happens with a copied work dir.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 onedl-mmengine==0.10.12
# mmengine's opencv-python wants libGL, which servers lack.
"$folder/venv/bin/pip" install --quiet --force-reinstall --no-deps opencv-python-headless==4.12.0.88
cd "$folder"
venv/bin/python - <<'PYTHON' 2>errors.txt || { cat errors.txt; exit 1; }
from pathlib import Path

import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner


class Photos(list):
    metainfo = {}


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, mode='tensor'):
        return {'loss': self.weight.sum()} if mode == 'loss' else [{}]


class Rising(BaseMetric):
    runner = None

    def process(self, data_batch, data_samples):
        self.results.append(None)

    def compute_metrics(self, results):
        return {'score': float(self.runner.epoch)}


def run(work_dir, epochs, **more):
    data = Photos([{'inputs': torch.zeros(1)}])
    loader = {'dataset': data, 'batch_size': 1, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
    metric = Rising()
    runner = Runner(
        Model(),
        work_dir,
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg={'by_epoch': True, 'max_epochs': epochs, 'val_interval': 1},
        val_cfg={},
        val_evaluator=[metric],
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 1, 'save_best': 'score', 'rule': 'greater'}},
        log_level='ERROR',
        experiment_name=work_dir,
        **more,
    )
    metric.runner = runner
    runner.train()


def best(work_dir):
    return sorted(path.name for path in Path(work_dir).glob('best_*.pth'))


run('first', 2)
before = best('first')
run('second', 3, resume=True, load_from='first/epoch_2.pth')
print(f'best checkpoints of the first run: {before} before, {best("first")} after another run resumed; of that: {best("second")}')
assert (before, best('first'), best('second')) == (['best_score_epoch_2.pth'], [], ['best_score_epoch_3.pth'])
PYTHON
