import copy
import functools

import numpy as np
import pytest
import torch
from helpers.project import ROOT, make_tiny_root
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

import custom.register  # noqa: F401 - registers what the configs name
from custom.engine.builders import NoRandomWeights
from custom.reading.settings import ReaderConfig
from custom.runs.overrides import apply_overrides
from custom.structures.digits import DIGITS

CONFIGS = sorted(path.name for path in (ROOT / 'configs').glob('*.py'))


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """The tiny data set, which no test changes."""
    root = make_tiny_root(tmp_path_factory.mktemp('data'))
    sets = Config.fromfile(ROOT / 'configs' / 'digits_frcnn_lite_domains.py').labelled_sets
    (root / 'sets').mkdir()
    for name in sets:
        (root / 'sets' / name).symlink_to(root)
    return root


@functools.cache
def load(name, root):
    """A config on the tiny data set (so all the parts of a mixture), without weights that may have to be fetched."""
    cfg = Config.fromfile(ROOT / 'configs' / name)
    places = {'synth_root': '', 'houses_root': '', 'domains_root': 'sets'}
    places |= {'pseudo_ann': 'train.json', 'pseudo_photos': 'train'}
    moved = [f'{key}={root / place}' for key, place in places.items() if key in cfg]
    apply_overrides(cfg, [f'data_root={root}', *moved, 'model.backbone.init_cfg=None'])
    return cfg


@pytest.fixture(params=CONFIGS)
def cfg(request, root):
    """A copy of each config."""
    init_default_scope('mmdet')
    return copy.deepcopy(load(request.param, root))


def test_there_are_configs():
    assert {'digits_frcnn.py', 'digits_frcnn_lite.py'} <= set(CONFIGS)


def test_a_leaf_config_is_a_short_diff():
    for name in CONFIGS:
        lines = (ROOT / 'configs' / name).read_text().splitlines()
        assert len(lines) <= 60, f'{name} has {len(lines)} lines'
        assert any(line.startswith('_base_') for line in lines), f'{name} inherits nothing'


@pytest.mark.integration
def test_it_trains_and_predicts_digits(cfg):
    """One step of training with a finite loss and gradients everywhere; predictions are digits inside the photo."""
    cfg.model.train_cfg.rcnn.sampler.num = cfg.model.test_cfg.rpn.max_per_img = 32  # to save time
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


def test_the_roots_are_enough_to_move_every_path(cfg, root):
    parts = len(cfg.train_dataloader.dataset.get('datasets', [1]))
    for loader, photos in ((cfg.train_dataloader, 6 * parts), (cfg.val_dataloader, 3), (cfg.test_dataloader, 2)):
        dataset = DATASETS.build(loader.dataset)
        assert len(dataset) == photos
        assert dataset.get_data_info(0)['img_path'].startswith(str(root))
    assert 'data/' not in str(cfg.val_evaluator) + str(cfg.test_evaluator)  # the truth comes with the samples


def test_numbers_are_read_alike_with_and_without_the_model(cfg):
    for metrics in (cfg.val_evaluator, cfg.test_evaluator):
        assert [metric.type for metric in metrics].count('DigitMetric') == 1
        (numbers,) = [metric for metric in metrics if metric.type == 'NumberMetric']  # a variant may have more metrics
        assert ReaderConfig(**numbers.reader) == ReaderConfig()


def test_the_learning_rate_belongs_to_the_batch_size(cfg):
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size
    assert not cfg.auto_scale_lr.enable


@pytest.mark.parametrize('epochs', [1, 7])
def test_max_epochs_moves_the_schedule(cfg, tmp_path, epochs):
    apply_overrides(cfg, [f'train_cfg.max_epochs={epochs}', 'train_dataloader.batch_size=2'])
    if 'epoch_size' in cfg.train_dataloader.sampler:
        cfg.train_dataloader.sampler.epoch_size = 6
    cfg.work_dir = str(tmp_path / 'work')
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    with NoRandomWeights():
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
    # Step t of a warm-up over 50 steps, times a cosine over all steps of all epochs.
    at = np.arange(steps)
    warm_up, cosine = 0.01 + 0.99 * at / 49, (1 + np.cos(np.pi * at / steps)) / 2
    np.testing.assert_allclose(rates, cfg.optim_wrapper.optimizer.lr * warm_up * cosine, rtol=1e-6)


def test_the_small_config_sees_small_photos():
    cfg = Config.fromfile(ROOT / 'configs' / 'digits_frcnn_lite.py')
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        scales = [step.scale for step in loader.dataset.pipeline if 'scale' in step]
        assert scales == [cfg.scale]
    base = Config.fromfile(ROOT / 'configs' / 'digits_frcnn.py')
    assert base.train_dataloader.dataset.pipeline[2].scale == base.scale != cfg.scale
