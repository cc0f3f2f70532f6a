"""The tools under torchrun: any number of ranks gives what one process gives, to the byte."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

import custom.register  # noqa: F401 - registers what the config names
from custom.checkpoints import load_checkpoint

CONFIG = ROOT / 'configs/digits_frcnn_lite.py'
LIGHT = [
    'model.backbone.init_cfg=None',
    # What is found depends a little on the photos of the same batch: they pad one another.
    *(f'{kind}_dataloader.batch_size=1' for kind in ('train', 'val', 'test')),
    *(f'{kind}_dataloader.num_workers=0' for kind in ('train', 'val', 'test')),
    *(f'{kind}_dataloader.persistent_workers=False' for kind in ('train', 'val', 'test')),
]


def run_ranks(ranks: int, folder: Path, tool: str, *args: object, options: list[str]) -> str:
    """Run a tool on the CPU, in `folder`; what it prints. One rank is a plain process."""
    folder.mkdir()
    start = [sys.executable]
    if ranks > 1:
        start += ['-m', 'torch.distributed.run', '--standalone', f'--nproc-per-node={ranks}']
        args = (*args, '--launcher', 'pytorch')
    command = [*start, ROOT / 'tools' / tool, CONFIG, *args, '--work-dir', 'work', '--cfg-options', *LIGHT, *options]
    env = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=env, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert 'Warning' not in done.stderr  # each rank would say it
    return done.stdout


def files_in(folder: Path) -> list[str]:
    """Every file below the folder; what is named after the time of the run is called TIME."""
    files = (str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())
    return sorted(re.sub(r'\d{8}_\d{6}', 'TIME', file) for file in files)


@pytest.fixture
def weights(tiny_root: Path) -> tuple[Path, float]:
    """A checkpoint of random weights, and a threshold under which one validation photo has no box at all."""
    cfg = Config.fromfile(CONFIG)
    cfg.model.backbone.init_cfg = None
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    with torch.no_grad():
        model.roi_head.bbox_head.fc_cls.weight.mul_(3)  # scores that differ, some near 1
    torch.save({'state_dict': model.state_dict()}, tiny_root / 'random.pth')
    photos = DATASETS.build({**cfg.val_dataloader.dataset, 'data_root': str(tiny_root)})
    with torch.no_grad():
        found = [model.test_step(pseudo_collate([one]))[0].pred_instances.scores.max().item() for one in photos]
    least, next_to_it, _ = sorted(found)
    assert next_to_it - least > 1e-4  # far more than rounding
    return tiny_root / 'random.pth', (least + next_to_it) / 2


def test_any_number_of_ranks_gives_the_same_files_and_figures(tiny_root, weights, tmp_path):
    checkpoint, threshold = weights
    for image_id in (1, 2):  # the test photos are the first two of the validation photos
        shutil.copy(tiny_root / f'valid/{image_id}.png', tiny_root / f'test/{image_id}.png')
    options = [f'data_root={tiny_root}', f'model.test_cfg.rcnn.score_thr={threshold}']
    options += [f'{kind}_evaluator.1.reader.score_thr={threshold}' for kind in ('val', 'test')]

    def test(ranks, split):
        folder = tmp_path / f'{split}{ranks}'
        said = run_ranks(ranks, folder, 'test.py', checkpoint, '--split', split, '--dump', 'out', options=options)
        return said, folder, {name: (folder / 'out' / name).read_bytes() for name in os.listdir(folder / 'out')}

    said, folder, wanted = test(1, 'valid')
    entries, rows = json.loads(wanted['pred.json']), wanted['pred.csv'].decode().splitlines()
    assert [row.split(',')[0] for row in rows] == ['image_id', '1', '2', '3']
    assert [row.endswith(',-1') for row in rows[1:]].count(True) == 1  # one photo, and so one of 3 ranks, has no box
    for ranks in (2, 3):  # 3 photos over 2 ranks do not divide
        again_said, again_folder, again = test(ranks, 'valid')
        assert again == wanted
        assert again_said == said
        assert files_in(again_folder) == files_in(folder)

    said, _, again = test(3, 'test')  # fewer photos than ranks
    assert said.count(f'{checkpoint} on ') == 1
    assert json.loads(again['pred.json']) == [entry for entry in entries if entry['image_id'] < 3]
    assert again['pred.csv'].decode().splitlines() == rows[:3]
    with zipfile.ZipFile(tmp_path / 'test3/out/submission.zip') as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: again[name] for name in ('pred.json', 'pred.csv')
        }


def test_two_ranks_train(tiny_root, tmp_path):
    options = [f'data_root={tiny_root}', 'train_cfg.max_epochs=1']
    said = run_ranks(2, tmp_path / 'run', 'train.py', options=options).splitlines()
    starts = [
        'epoch 1/1 | ',
        'reader tuned on 3 photos: ',
        f'it is in {tmp_path}/run/work/best_number_accuracy_epoch_1.pth, and in ',
        'best checkpoint, config and log: work',
    ]
    assert len(said) == len(starts)  # one rank speaks
    assert all(line.startswith(start) for line, start in zip(said, starts, strict=True))
    work = tmp_path / 'run/work'
    (best,) = work.glob('best_*.pth')
    assert load_checkpoint(best)['meta']['reader'] == json.loads((work / 'reader.json').read_text())
    assert (work / 'environment.txt').is_file()
    assert (work / 'last_checkpoint').read_text().endswith('epoch_1.pth')
    stored = load_checkpoint(work / 'epoch_1.pth')
    assert stored['meta']['iter'] == 3  # 6 photos, one on each rank a step
    assert not any(key.startswith('module.') for key in stored['state_dict'])
    assert all(value.isfinite().all() for value in stored['state_dict'].values())
