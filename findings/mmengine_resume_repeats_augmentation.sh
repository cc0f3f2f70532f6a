#!/bin/sh
# A run of mmengine that resumes after epoch 1 gets epoch 1's random augmentation again in epoch 2.
#
# onedl-mmengine 0.10.12 (torch 2.14.1), a fixed seed, two persistent workers. Expected: the random numbers that the data
# set draws in epoch 2 are those of the run that was not stopped, or at least new ones.
# Seen: each worker is seeded by seed + worker id when it starts. The workers of a resumed run start with its first epoch,
# so that epoch 2 repeats the numbers of epoch 1, while the order of the images is that of epoch 2.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 onedl-mmengine==0.10.12
# mmengine's opencv-python wants libGL, which servers lack.
"$folder/venv/bin/pip" install --quiet --force-reinstall --no-deps opencv-python-headless==4.12.0.88
cd "$folder"
venv/bin/python - <<'PYTHON' 2>errors.txt || { cat errors.txt; exit 1; }
import json
from pathlib import Path

import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset


class Numbers(Dataset):
    metainfo = {}

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {'inputs': torch.tensor([float(index), np.random.random()])}


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.seen = []

    def forward(self, inputs, mode='tensor'):
        self.seen += [value.tolist() for value in inputs]
        return {'loss': self.weight.sum()}


def run(work_dir, epochs, resume):
    runner = Runner(
        Model(),
        work_dir,
        train_dataloader={
            'dataset': Numbers(), 'batch_size': 2, 'num_workers': 2, 'persistent_workers': True,
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
        },
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        randomness={'seed': 0},
        resume=resume,
        log_level='ERROR',
        experiment_name=f'{work_dir}{epochs}',
    )
    runner.train()
    seen = runner.model.seen
    return [seen[start:start + 8] for start in range(0, len(seen), 8)]


first, second = run('whole', 2, False)
run('stopped', 1, False)
(resumed,) = run('stopped', 2, True)
order = [[index for index, _ in epoch] for epoch in (first, second, resumed)]
drawn = [[number for _, number in epoch] for epoch in (first, second, resumed)]
same_order, as_second, as_first = order[2] == order[1], drawn[2] == drawn[1], drawn[2] == drawn[0]
print(f'resumed epoch 2: order of epoch 2 {same_order}, random numbers of epoch 2 {as_second}, of epoch 1 {as_first}')
assert (same_order, as_second, as_first) == (True, False, True)
PYTHON
