import copy

import pytest
from helpers.project import ROOT
from mmengine.config import Config

from custom.runs.overrides import apply_overrides
from custom.utils.errors import UserError

NO_WORKERS = ['val_dataloader.persistent_workers=False']


@pytest.fixture(scope='module')
def read_once():
    return Config.fromfile(ROOT / 'configs' / 'digits_frcnn.py')


@pytest.fixture
def cfg(read_once):
    return copy.deepcopy(read_once)


def test_data_root_changes_every_data_set(cfg):
    apply_overrides(cfg, ['data_root=/photos, of 2024/0007'])
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.data_root == '/photos, of 2024/0007'


def test_a_variable_changes_its_copies(cfg):
    cfg._cfg_dict.num_classes = cfg.model.roi_head.bbox_head.num_classes = 7
    apply_overrides(cfg, ['scale=(256, 64)', 'num_classes=10'])
    assert cfg.train_dataloader.dataset.pipeline[2].scale == (256, 64)
    assert cfg.val_dataloader.dataset.pipeline[1].scale == (256, 64)
    assert cfg.test_dataloader.dataset.pipeline[1].scale == (256, 64)
    assert cfg.model.roi_head.bbox_head.num_classes == 10


def test_a_variable_leaves_keys_with_another_value(cfg):
    apply_overrides(cfg, ['test_dataloader.dataset.data_root=/mine', 'data_root=/photos'])
    assert cfg.test_dataloader.dataset.data_root == '/mine'
    assert cfg.val_dataloader.dataset.data_root == '/photos'


def test_a_variable_changes_the_copies_that_are_left(cfg):
    apply_overrides(cfg, ['train_dataloader.dataset.pipeline=[]', 'scale=(256, 64)'])
    assert cfg.train_dataloader.dataset.pipeline == []
    assert cfg.val_dataloader.dataset.pipeline[1].scale == (256, 64)


def test_a_path_variable_changes_all_keys_with_its_text():
    cfg = Config.fromfile(ROOT / 'configs' / 'digits_frcnn_lite_mix.py')
    apply_overrides(cfg, ['data_root=data/synth', 'synth_root=/other'])
    assert [part.data_root for part in cfg.train_dataloader.dataset.datasets] == ['data/synth', '/other']
    assert cfg.val_dataloader.dataset.data_root == 'data/synth'


def test_a_copied_pipeline_is_refused_after_its_copy_was_changed(cfg):
    with pytest.raises(UserError, match='give train_dataloader'):
        apply_overrides(cfg, ['train_dataloader.dataset.pipeline.2.scale=(8, 8)', 'train_pipeline.2.scale=(9, 9)'])


@pytest.mark.parametrize(
    'key',
    [
        'load_from',
        'work_dir',
        'train_dataloader.dataset.ann_file',
        'test_dataloader.dataset.data_prefix.img',
        'default_hooks.checkpoint.out_dir',
        'model.backbone.init_cfg.checkpoint',
    ],
)
@pytest.mark.parametrize('text', ['2024', 'a, b c', '(1)', '~/x'])
def test_a_path_is_text_whatever_it_looks_like(cfg, monkeypatch, key, text):
    monkeypatch.setenv('HOME', '/home/ann')
    apply_overrides(cfg, [f'{key}=None', f'{key}={text}'])
    found = cfg._cfg_dict
    for part in key.split('.'):
        found = found[part]
    assert found == text.replace('~', '/home/ann')


def test_none_is_no_path_and_neither_is_a_hook(cfg):
    apply_overrides(cfg, ['load_from=a', 'load_from=None', "default_hooks.checkpoint={'interval': 3}"])
    assert cfg.load_from is None
    assert cfg.default_hooks.checkpoint.interval == 3


@pytest.mark.parametrize(('old', 'text'), [('training', 'False'), ('training', 'True'), (True, 'training')])
def test_an_argument_that_is_a_bool_or_a_word(cfg, old, text):
    cfg.model.bfloat16 = old
    apply_overrides(cfg, [f'model.bfloat16={text}'])
    assert cfg.model.bfloat16 == {'False': False, 'True': True}.get(text, text)
    assert type(cfg.model.bfloat16) is not type(old)


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
    apply_overrides(cfg, ['train_dataloader.dataset.pipeline.2.scale=(256, 96)'])
    assert cfg.train_dataloader.dataset.pipeline[2].scale == (256, 96)


@pytest.mark.parametrize(
    'option',
    [
        'train_dataloader.dataset.indices=10',  # an argument of mmengine's BaseDataset, not in the config
        'train_dataloader.drop_last=True',
        'optim_wrapper.accumulative_counts=2',
        "default_hooks.early_stopping={'type': 'EarlyStoppingHook', 'monitor': 'digits/AP'}",
        'optim_wrapper.paramwise_cfg.norm_decay_mult=0',
        'optim_wrapper.clip_grad.norm_type=2',
        'randomness.deterministic=True',
        'work_dir=w',
        'find_unused_parameters=True',
        'model.roi_head.bbox_head.norm_cfg={}',
    ],
)
def test_new_keys_that_something_reads_are_accepted(cfg, option):
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
        ('optim_wrapper.paramwise_cfg.norm_decay_mul=0', 'did you mean optim_wrapper.paramwise_cfg.norm_decay_mult?'),
        ('optim_wrapper.clip_grad.norm_typ=2', 'did you mean optim_wrapper.clip_grad.norm_type?'),
        ('randomness.sead=1', 'did you mean randomness.seed?'),
        ('default_hooks.checkpont.interval=2', 'did you mean default_hooks.checkpoint?'),
        ('default_hooks.early_stopping={}', 'a new one is a dict with its type'),
        ('train_cfg.max_epochs=2.5', 'must be a whole number like the present 12'),
        ('train_dataloader.batch_size=4.0', 'must be a whole number like the present 8'),
        ('scale.0=256', 'does not fit the config'),
        ('model.rpn_head.anchor_generator.scales.0=5', 'does not fit the config'),
        ('custom_imports.imports=[]', 'change it in the config file'),
        ('train_pipeline.2.scale=(256, 96)', 'give train_dataloader.dataset.pipeline.2.scale'),
        ('train_pipeline=[]', 'give train_dataloader.dataset.pipeline'),
        (
            'test_pipeline.1.scale=(256, 96)',
            'give val_dataloader.dataset.pipeline.1.scale and test_dataloader.dataset.pipeline.1.scale',
        ),
        ('vis_backends=[]', 'give visualizer.vis_backends'),
        ('vis_backends.0.type=WandbVisBackend', 'give visualizer.vis_backends.0.type'),
    ],
)
def test_a_wrong_option_is_refused_with_the_way_out(cfg, option, hint):
    with pytest.raises(UserError, match='--cfg-options') as error:
        apply_overrides(cfg, [option])
    assert hint in str(error.value)


@pytest.mark.parametrize(
    ('option', 'rule'),
    [
        ('num_classes=11', 'must be 10, one for each digit: the background is not counted'),
        ('model.roi_head.bbox_head.num_classes=9', 'must be 10'),
        *((f'train_cfg.max_epochs={value}', 'must be a whole number of at least 1') for value in (0, -1, True)),
        ('train_cfg.val_interval=0', 'must be a whole number of at least 1'),
        *((f'{name}_dataloader.batch_size=0', 'of at least 1') for name in ('train', 'val', 'test')),
        *((f'{name}_dataloader.num_workers=-1', 'of at least 0') for name in ('train', 'val', 'test')),
        ('train_dataloader.num_workers=0', 'persistent_workers=True: must be False where num_workers is 0'),
        *((f'scale={value}', 'must be two whole numbers') for value in ('256', '(0, 80)', '(224,)', '(224.5, 80)')),
        ('train_dataloader.dataset.pipeline.2.scale=(-8, 8)', 'must be two whole numbers'),
        ('train_dataloader.dataset.pipeline.2.zoom=(0, 1)', 'must be greater than 0'),
        *((f'optim_wrapper.optimizer.lr={value}', 'a number of at least 0') for value in ('-1', '-1e-3')),
        *((f'optim_wrapper.optimizer.lr={value}', 'a finite number') for value in ('nan', 'inf', '1e999')),
        ('optim_wrapper.optimizer.weight_decay=-1', 'of at least 0'),
        ('optim_wrapper.clip_grad.max_norm=nan', 'a finite number'),
        ('optim_wrapper.clip_grad.max_norm=0', 'greater than 0'),
        ('optim_wrapper.accumulative_counts=0', 'of at least 1'),
        ('model.test_cfg.rcnn.score_thr=1.5', 'from 0 to 1'),
        ('model.test_cfg.rcnn.max_per_img=0', 'at least 1, or -1 for all'),
        ('val_evaluator.1.reader.score_thr=nan', 'a finite number'),
        ('tta_scales=(0.8, nan)', 'a finite number'),
        ('param_scheduler.0.end=0', 'must be greater than begin=0'),
        ('randomness.seed=-1', 'from 0 to'),
        ('data_root=', 'must name a folder'),
    ],
)
def test_a_value_out_of_range_is_refused_as_an_option_and_in_the_file(cfg, option, rule):
    with pytest.raises(UserError, match='--cfg-options') as error:
        apply_overrides(cfg, [option])
    assert rule in str(error.value)
    assert option in str(error.value)
    with pytest.raises(UserError, match=r'^\S+/digits_frcnn\.py: ') as error:  # the option has been merged
        apply_overrides(cfg, ['log_level=INFO'])
    assert rule in str(error.value)


def test_an_option_repairs_a_value_out_of_range(cfg):
    cfg.train_cfg.max_epochs = 0
    apply_overrides(cfg, ['train_cfg.max_epochs=2', 'val_dataloader.num_workers=0', *NO_WORKERS])


@pytest.mark.parametrize(
    'option',
    [
        'optim_wrapper.clip_grad.max_norm=inf',
        'optim_wrapper.clip_grad.norm_type=inf',
        'optim_wrapper.optimizer.lr=0',
        'default_hooks.checkpoint.interval=-1',
        'model.test_cfg.rcnn.max_per_img=-1',
        'model.rpn_head.num_classes=1',
        'randomness.seed=None',
    ],
)
def test_an_unusual_value_that_works_is_accepted(cfg, option):
    apply_overrides(cfg, [option])


def test_of_two_values_for_a_key_the_last_one_holds_and_a_note_says_so(cfg, capsys):
    apply_overrides(cfg, ['train_cfg.max_epochs=1', 'train_cfg.max_epochs=1'])
    assert capsys.readouterr().err == ''
    apply_overrides(cfg, ['train_cfg.max_epochs=1', 'log_level=INFO', 'train_cfg.max_epochs=2'])
    assert cfg.train_cfg.max_epochs == 2
    assert capsys.readouterr().err == (
        'note: --cfg-options train_cfg.max_epochs: given as 1 and as 2; the last one holds\n'
    )


def test_an_integer_that_stands_for_a_fraction_takes_one(cfg):
    apply_overrides(cfg, ['optim_wrapper.clip_grad.max_norm=0.5', 'param_scheduler.1.eta_min=1e-5'])
    assert cfg.optim_wrapper.clip_grad.max_norm == 0.5
    assert cfg.param_scheduler[1].eta_min == 1e-5


@pytest.mark.parametrize('given', ['.type=AdamW', "={'type': 'AdamW', 'lr': 0.001}"])
def test_a_type_that_does_not_take_the_arguments_is_refused_with_the_way_out(cfg, read_once, given):
    with pytest.raises(UserError, match=r'AdamW takes no momentum; replace the whole dict') as error:
        apply_overrides(cfg, [f'optim_wrapper.optimizer{given}'])
    way_out = str(error.value).partition(' as in ')[2].replace('"', '')
    fresh = copy.deepcopy(read_once)
    apply_overrides(fresh, [way_out])
    assert fresh.optim_wrapper.optimizer.type == 'AdamW'
    assert set(fresh.optim_wrapper.optimizer) == {'type', 'lr', 'weight_decay'}


@pytest.mark.parametrize(
    'option',
    [
        "optim_wrapper.optimizer={'type': 'AdamW', 'lr': 0.001, '_delete_': True}",
        'optim_wrapper.optimizer.type=RMSprop',  # takes momentum, too
        'optim_wrapper.type=AmpOptimWrapper',  # passes **kwargs on to OptimWrapper
    ],
)
def test_a_type_that_takes_the_arguments_is_accepted(cfg, option):
    apply_overrides(cfg, [option])
