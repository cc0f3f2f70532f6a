"""Runs on any number of ranks compared with one process: equal files and figures, losses equal but for rounding."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.forked_ranks import run_ranks
from helpers.project import ROOT
from helpers.rank_training import CONFIG, scenes, trainer  # noqa: F401 - fixtures
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

import custom.register  # noqa: F401 - registers what the config names
from custom.models.checkpoints import load_checkpoint

pytestmark = [pytest.mark.integration, pytest.mark.slow]
LIGHT = [
    'model.backbone.init_cfg=None',
    'model.backbone.frozen_stages=-1',
    *(f'{kind}_dataloader.num_workers=0' for kind in ('train', 'val', 'test')),
    *(f'{kind}_dataloader.persistent_workers=False' for kind in ('train', 'val', 'test')),
]


@pytest.fixture
def weights(scenes, tmp_path) -> tuple[Path, float]:  # noqa: F811
    """A checkpoint of random weights, and a threshold under which one of 5 validation photos has no box at all."""
    cfg = Config.fromfile(CONFIG)
    cfg.model.backbone.init_cfg = None
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    with torch.no_grad():
        model.roi_head.bbox_head.fc_cls.weight.mul_(3)  # scores that differ, some near 1
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'random.pth')
    photos = DATASETS.build({**cfg.val_dataloader.dataset, 'data_root': str(scenes)})
    with torch.no_grad():
        found = [model.test_step(pseudo_collate([one]))[0].pred_instances.scores.max().item() for one in photos]
    least, next_to_it, *_ = sorted(found)
    assert next_to_it - least > 1e-3  # more than the photos of a batch change by padding one another
    return tmp_path / 'random.pth', (least + next_to_it) / 2


def test_any_number_of_ranks_gives_the_same_files_and_figures(scenes, weights, tmp_path):  # noqa: F811
    checkpoint, threshold = weights
    options = [f'data_root={scenes}', f'model.test_cfg.rcnn.score_thr={threshold}', *LIGHT]
    options += [f'{kind}_dataloader.batch_size=2' for kind in ('val', 'test')]
    options += [f'{kind}_evaluator.1.reader.score_thr={threshold}' for kind in ('val', 'test')]

    def test(ranks, split):
        folder = tmp_path / f'{split}{ranks}'
        args = [CONFIG, checkpoint, '--split', split, '--dump', 'out', '--work-dir', 'work']
        args += ['--launcher', 'pytorch'] if ranks > 1 else []
        done = run_ranks(ranks, ROOT / 'tools/test.py', *args, '--cfg-options', *options, cwd=folder)
        assert set(done.codes) == {0}, done.err
        assert 'Warning' not in ''.join(done.err)  # each rank would say it
        files = [re.sub(r'\d{8}_\d{6}', 'TIME', str(path.relative_to(folder))) for path in folder.rglob('*.*')]
        written = {path.name: path.read_bytes() for path in (folder / 'out').iterdir()}
        return ''.join(done.out), sorted(file for file in files if not file.startswith('rank')), written

    wanted = test(1, 'valid')
    entries, rows = json.loads(wanted[2]['pred.json']), wanted[2]['pred.csv'].decode().splitlines()
    assert len(rows) == 6
    assert [row.endswith(',-1') for row in rows].count(True) == 1
    assert len({entry['image_id'] for entry in entries}) == 4
    for ranks in (2, 3):  # 5 photos, 2 a batch; of 3 ranks the last one has one photo
        assert test(ranks, 'valid') == wanted

    said, files, wanted = test(1, 'test')
    assert test(3, 'test') == (said, files, wanted)  # 2 photos: fewer than ranks
    assert said.count(f'{checkpoint} on ') == 1
    assert len(wanted['pred.csv'].decode().splitlines()) == 3


def assert_alike(rows: list[dict], wanted: list[dict]) -> None:
    assert len(rows) == len(wanted)
    for row, other in zip(rows, wanted, strict=True):
        assert row == pytest.approx(other, rel=1e-6, abs=1e-8), row


@pytest.mark.parametrize(
    ('ranks', 'batch', 'photos'),
    [
        pytest.param(2, 2, 5, id='2 ranks, one without a photo in the last step'),
        pytest.param(3, 2, 11, id='3 ranks, one with fewer photos in the last step'),
        pytest.param(3, 1, 2, id='3 ranks, 2 photos'),
    ],
)
def test_training_on_ranks_gives_the_losses_and_figures_of_one_process(trainer, ranks, batch, photos):  # noqa: F811
    size = f'train_dataloader.dataset.indices={photos}'
    wanted = trainer.train(1, size, f'train_dataloader.batch_size={ranks * batch}', work_dir='alone')
    steps = [row for row in wanted if 'loss' in row]
    assert len(steps) == -(-photos // (ranks * batch))
    assert [row['digits/AP'] > 0.3 for row in wanted if 'digits/AP' in row] == [True]  # of 5 photos
    assert_alike(trainer.train(ranks, size, f'train_dataloader.batch_size={batch}'), wanted)


def test_a_run_goes_on_with_other_ranks_that_make_the_same_steps_and_with_no_others(trainer):  # noqa: F811
    half, whole, twice = 'train_dataloader.batch_size=1', 'train_dataloader.batch_size=2', 'train_cfg.max_epochs=2'
    wanted = trainer.train(1, whole, twice, work_dir='alone')
    assert_alike(trainer.train(2, half, twice), wanted)
    again = trainer.train(1, whole, twice, work_dir='again', flags=['--resume', 'work/epoch_1.pth'])
    assert_alike(again, wanted[len(wanted) // 2 :])
    again = trainer.train(2, half, twice, work_dir='once more', flags=['--resume', 'alone/epoch_1.pth'])
    assert_alike(again, wanted[len(wanted) // 2 :])
    done = trainer.start(2, whole, twice, flags=['--resume', 'work/epoch_1.pth'])
    assert done.codes == [2, 2]
    assert ''.join(done.err).count('error: ') == 1
    assert 'its run had 3 steps an epoch, this one would have 2 (of 2 x 2 photos): resume with' in ''.join(done.err)


def test_the_learning_rate_is_scaled_by_the_photos_of_a_step(trainer):  # noqa: F811
    options = [f'train_dataloader.{key}' for key in ('batch_size=2', 'dataset.indices=4')]
    rates = {}
    for ranks, flags in ((1, []), (1, ['--auto-scale-lr']), (2, ['--auto-scale-lr'])):
        work_dir = f'{ranks} {len(flags)}'
        rows = trainer.train(ranks, *options, 'auto_scale_lr.base_batch_size=8', work_dir=work_dir, flags=flags)
        rates[ranks, bool(flags)] = rows[0]['lr']
    plain = 0.5 * 2e-4  # the backbone's
    assert rates == pytest.approx({(1, False): plain, (1, True): plain * 2 / 8, (2, True): plain * 4 / 8})


def test_ranks_validate_the_model_that_they_store(trainer):  # noqa: F811
    kinds = {'model.type': 'DigitFasterRCNN', 'model.data_preprocessor.type': 'DetDataPreprocessor'}  # as it is used
    trainer.change(**kinds, **{'model_wrapper_cfg.shared_norm': False})
    *_, figures = trainer.train(2, 'train_dataloader.batch_size=1')
    args = [trainer.config, 'work/epoch_1.pth', '--split', 'valid', '--work-dir', 'alone']
    done = run_ranks(1, ROOT / 'tools/test.py', *args, cwd=trainer.folder)
    assert done.codes == [0], done.err
    said = dict(re.findall(r'^(AP|number accuracy) ([\d.]+) ', done.out[0], re.MULTILINE))
    assert float(said['AP']) == pytest.approx(figures['digits/AP'], abs=2e-3)  # tools/test.py folds batch norm
    assert float(said['number accuracy']) == pytest.approx(figures['number/accuracy'], abs=1e-3)


def test_machines_that_share_no_disk(trainer):  # noqa: F811
    trainer.change(custom_hooks=[{'type': 'TuneReaderHook'}], **{'model_wrapper_cfg.shared_norm': False})
    half = 'train_dataloader.batch_size=1'
    done = trainer.start(2, half, apart=True)
    assert done.codes == [0, 0], done.err
    assert done.out[0].startswith('reader tuned on 5 photos')
    done = trainer.start(2, half, 'train_cfg.max_epochs=2', flags=['--resume'], apart=True)
    assert done.codes == [2, 2]
    (line,) = re.findall('error: .*', ''.join(done.err))
    assert 'rank 1 does not find the checkpoint that rank 0 resumes from; put the work dir where' in line


def test_two_ranks_train_by_the_script(tiny_root, tmp_path):
    options = [f'data_root={tiny_root}', 'train_cfg.max_epochs=1', 'train_dataloader.batch_size=1', *LIGHT]
    env = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'PYTHON': sys.executable}
    command = ['sh', ROOT / 'tools/dist_train.sh', CONFIG, 2, '--work-dir', 'work', '--cfg-options', *options]
    done = subprocess.run([*map(str, command)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stderr) == (0, '')
    starts = [
        'training on 6 photos, validation on 3 | 2 processes',
        'epoch 1/1 | ',
        'reader tuned on 3 photos: ',
        f'it is in {tmp_path}/work/best_number_accuracy_epoch_1.pth, and in ',
        'best checkpoint, config and log: work',
    ]
    said = done.stdout.splitlines()
    assert len(said) == len(starts)  # one rank speaks
    assert all(line.startswith(start) for line, start in zip(said, starts, strict=True))
    work = tmp_path / 'work'
    (best,) = work.glob('best_*.pth')
    assert load_checkpoint(best)['meta']['reader'] == json.loads((work / 'reader.json').read_text())
    assert (work / 'environment.txt').is_file()
    assert (work / 'last_checkpoint').read_text().endswith('epoch_1.pth')
    stored = load_checkpoint(work / 'epoch_1.pth')
    assert stored['meta']['iter'] == 3  # 6 photos, one on each rank a step
    assert not any(key.startswith('module.') for key in stored['state_dict'])
    assert all(value.isfinite().all() for value in stored['state_dict'].values())
