import pytest
from conftest import ROOT
from mmengine.config import Config

from custom.errors import UserError
from custom.overrides import apply_overrides


@pytest.fixture
def cfg():
    return Config.fromfile(ROOT / 'configs' / 'digits_frcnn.py')


def test_data_root_moves_every_data_set(cfg):
    apply_overrides(cfg, ['data_root=/photos, of 2024/0007'])
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.data_root == '/photos, of 2024/0007'


def test_text_stays_text(cfg):
    apply_overrides(cfg, ['data_root=0007', 'train_dataloader.dataset.ann_file=a,b.json'])
    assert cfg.train_dataloader.dataset.data_root == '0007'
    assert cfg.train_dataloader.dataset.ann_file == 'a,b.json'


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('0.5', 0.5),
        ('None', None),
        ('(256, 96)', (256, 96)),
        ('true', True),
        ("('0', '1')", ('0', '1')),
        ('a,b', ['a', 'b']),
    ],
)
def test_values_are_python_literals_or_what_mmengine_reads(cfg, text, value):
    apply_overrides(cfg, [f'model.backbone.init_cfg={text}'])
    assert cfg.model.backbone.init_cfg == value


def test_lists_are_reached_by_index(cfg):
    apply_overrides(cfg, ['train_dataloader.dataset.pipeline.4.scale=(256, 96)'])
    assert cfg.train_dataloader.dataset.pipeline[4].scale == (256, 96)


@pytest.mark.parametrize(
    'option',
    [
        'train_dataloader.dataset.indices=10',  # an argument of mmengine's BaseDataset, not in the config
        'train_dataloader.drop_last=True',
        'optim_wrapper.accumulative_counts=2',
        'default_hooks.early_stopping={}',
        'find_unused_parameters=True',
        'model.roi_head.bbox_head.norm_cfg={}',
    ],
)
def test_new_keys_that_something_reads_are_let_through(cfg, option):
    apply_overrides(cfg, [option])


@pytest.mark.parametrize(
    ('option', 'hint'),
    [
        ('data_rot=/x', 'did you mean data_root?'),
        ('train_cfg.max_epoch=3', 'did you mean train_cfg.max_epochs?'),
        ('model.test_cfg.rcnn.score_thrr=0.1', 'did you mean model.test_cfg.rcnn.score_thr?'),
        ('model.backbone.dept=18', 'did you mean model.backbone.depth?'),
        ('train_dataloader.batchsize=4', 'did you mean train_dataloader.batch_size?'),
        ('train_dataloader.dataset.pipeline.9.scale=1', "'9' must be a number below"),
        ('train_cfg.max_epochs', 'must be key=value'),
        ('train_cfg.max_epochs=[1', 'must be a value like the present 12'),
        ('model.backbone.init_cfg=[1,', 'Imbalanced'),
    ],
)
def test_a_slip_is_said_with_the_way_out(cfg, option, hint):
    with pytest.raises(UserError, match='--cfg-options') as error:
        apply_overrides(cfg, [option])
    assert hint in str(error.value)
