import numpy as np
import pytest
import torch
from conftest import ROOT
from mmdet.registry import DATASETS, METRICS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

import custom.register  # noqa: F401 - registers what the configs name
from custom.annotations import DIGITS
from custom.overrides import apply_overrides

CONFIGS = sorted(path.name for path in (ROOT / 'configs').glob('*.py'))


@pytest.fixture(params=CONFIGS)
def cfg(request, tiny_root):
    """Each config on the tiny data set, without weights that may have to be fetched."""
    cfg = Config.fromfile(ROOT / 'configs' / request.param)
    apply_overrides(cfg, [f'data_root={tiny_root}', 'model.backbone.init_cfg=None'])
    init_default_scope('mmdet')
    return cfg


def test_there_are_configs():
    assert {'digits_frcnn.py', 'digits_frcnn_mini.py'} <= set(CONFIGS)


def test_a_leaf_config_is_a_short_diff():
    for name in CONFIGS:
        lines = (ROOT / 'configs' / name).read_text().splitlines()
        assert len(lines) <= 60, f'{name} has {len(lines)} lines'
        assert any(line.startswith('_base_') for line in lines), f'{name} inherits nothing'


def test_it_trains_and_predicts_digits(cfg):
    """One step of training with a finite loss and gradients everywhere; predictions are digits inside the photo."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    batch = [dataset[0], dataset[1]]
    batch = {key: [one[key] for one in batch] for key in batch[0]}
    model.train()
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    total.backward()
    unused = [name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
    assert unused == []

    model.eval()
    photos = DATASETS.build(cfg.test_dataloader.dataset)
    with torch.no_grad():
        (found,) = model.test_step({key: [value] for key, value in photos[0].items()})
    boxes = found.pred_instances.bboxes.numpy()
    assert set(found.pred_instances.labels.tolist()) <= set(range(10))
    assert np.all((boxes >= 0) & (boxes <= [40, 20, 40, 20]))


def test_it_knows_the_ten_digits(cfg):
    assert cfg.model.roi_head.bbox_head.num_classes == len(DIGITS)


def test_nothing_mirrors_or_drops_photos(cfg):
    def types(node):
        if isinstance(node, dict):
            yield node.get('type')
            node = node.values()
        if not isinstance(node, (str, int, float, type(None))):
            for value in node:
                yield from types(value)

    used = set(types(cfg.train_dataloader)) | set(types(cfg.test_dataloader))
    assert not {kind for kind in used if kind and 'Flip' in str(kind)}
    assert 'filter_cfg' not in cfg.train_dataloader.dataset


def test_data_root_is_enough_to_move_every_path(cfg, tiny_root):
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        dataset = DATASETS.build(loader.dataset)
        assert len(dataset) in (6, 3, 2)
        assert dataset.get_data_info(0)['img_path'].startswith(str(tiny_root))
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert METRICS.build(evaluator).dataset_meta is None  # takes its truth from the samples: no path of its own


@pytest.mark.parametrize('epochs', [1, 7])
def test_max_epochs_moves_the_schedule(cfg, tmp_path, epochs):
    apply_overrides(cfg, [f'train_cfg.max_epochs={epochs}', 'train_dataloader.batch_size=2'])
    cfg.work_dir = str(tmp_path / 'work')
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    runner = Runner.from_cfg(cfg)
    runner._train_loop = runner.build_train_loop(cfg.train_cfg)
    runner.optim_wrapper = runner.build_optim_wrapper(cfg.optim_wrapper)
    steps = 3 * epochs  # 6 photos, 2 a step
    rates = []
    schedulers = runner.build_param_scheduler(cfg.param_scheduler)
    for _ in range(steps):
        rates.append(runner.optim_wrapper.optimizer.param_groups[-1]['lr'])
        runner.optim_wrapper.optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    last = runner.optim_wrapper.optimizer.param_groups[-1]['lr']
    peak = cfg.optim_wrapper.optimizer.lr
    assert rates[0] < 0.02 * peak
    # The last value of a cosine over all steps, whatever warm-up came before.
    assert last == pytest.approx(peak * (1 + np.cos(np.pi * (steps - 1) / steps)) / 2, rel=0.01)
    if epochs > 1:
        assert max(rates) > 0.8 * peak
        assert np.argmax(rates) == 2  # warm-up ends with the first epoch


def test_the_small_config_sees_small_photos():
    cfg = Config.fromfile(ROOT / 'configs' / 'digits_frcnn_mini.py')
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        scales = [step.scale for step in loader.dataset.pipeline if 'Resize' in step.type]
        assert scales == [cfg.scale]
    base = Config.fromfile(ROOT / 'configs' / 'digits_frcnn.py')
    assert base.train_dataloader.dataset.pipeline[4].scale == base.scale != cfg.scale
