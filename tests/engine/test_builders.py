import importlib.util

import pytest
import torch
from helpers.project import FAST, ROOT
from helpers.toy import ToyModel, loader, photo, toy_runner
from mmengine.config import Config
from torch import nn

from custom.engine import builders
from custom.engine.builders import NoRandomWeights, build_test_runner
from custom.engine.visualizer import DigitVisualizer
from custom.runs.config import load_config
from custom.utils.errors import UserError


@pytest.fixture(autouse=True)
def no_visualizer_of_others():
    """mmengine keeps the visualizer of a runner by its name, with its folder, which a failed start removes."""
    DigitVisualizer._instance_dict.clear()


def test_weights_are_not_drawn_within_the_context():
    with NoRandomWeights():
        state = torch.get_rng_state()
        layers = [nn.Linear(3, 4), nn.Conv2d(3, 4, 1)]
        nn.init.normal_(tensor=layers[0].weight)
        nn.init.constant_(layers[0].bias, 7)
        assert torch.rand(2).shape == (2,)
        torch.set_rng_state(state)
    assert [layer.weight.shape for layer in layers] == [(4, 3), (4, 3, 1, 1)]
    assert all(layer.weight.requires_grad for layer in layers)
    state = torch.get_rng_state()
    with NoRandomWeights():
        nn.Linear(100, 100)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(nn.init.constant_(torch.empty(2), 7), torch.tensor([7.0, 7.0]))


def test_parameters_are_neither_filled_nor_copied_within_the_context():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    model.register_buffer('table', torch.arange(24.0).reshape(1, 2, 3, 4))
    before = model[0].weight.detach().clone()
    with NoRandomWeights():
        state = torch.get_rng_state()
        model[0].weight.detach_().normal_()  # a parameter still
        model[0].weight.uniform_()
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(model[0].weight, before)
        half = model[0].bias.to(torch.float16)
        model.to(memory_format=torch.channels_last)
        drawn = torch.empty(3).normal_()
    assert half.dtype == torch.float16
    assert drawn.abs().sum() > 0
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model[0].weight.shape == (3, 2, 3, 3)
    assert model.table.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(model.table, torch.arange(24.0).reshape(1, 2, 3, 4))


def test_the_runner_has_the_weights_and_lets_go_of_the_content(tmp_path, monkeypatch):
    runner = toy_runner(tmp_path, ToyModel(), test_dataloader=loader([photo(1)]))
    monkeypatch.setattr(builders, 'build_runner', lambda cfg: runner)
    folded = []
    monkeypatch.setattr(builders, 'fold_batch_norm', lambda model: folded.append(model.one.item()))
    started = []
    monkeypatch.setattr(builders, 'start_loading', lambda loader: started.append((loader, runner.model.one.item())))
    content = {'state_dict': {'one': torch.tensor(5.0)}, 'meta': {}}
    assert build_test_runner({}, tmp_path / 'x.pth', content) is runner
    assert folded == [5.0]
    assert started == [(runner.test_dataloader, 1.0)]  # before the weights
    assert content == {}


def test_settings_that_do_not_build_are_named_with_the_config(tmp_path, tiny_root):
    options = ['model.backbone.depth=17', f'data_root={tiny_root}']
    cfg = load_config(ROOT / 'configs/digits_frcnn.py', options, work_dir=str(tmp_path))
    with pytest.raises(UserError, match=r'digits_frcnn\.py: cannot be built .*17'):
        builders.build_runner(cfg)


@pytest.mark.parametrize('key', ['data_root', 'val_dataloader.dataset.ann_file', 'test_dataloader.dataset.data_root'])
def test_missing_data_is_refused_before_the_work_dir_is_made(tmp_path, tiny_root, key):
    options = [f'data_root={tiny_root}', f'{key}=gone']
    cfg = load_config(ROOT / 'configs/digits_frcnn.py', options, work_dir=str(tmp_path / 'work'))
    if key.startswith('test'):
        cfg.train_dataloader = cfg.train_cfg = cfg.optim_wrapper = cfg.param_scheduler = None
    with pytest.raises(UserError, match=r'gone.*: no such (file|folder); set data_root'):
        builders.build_runner(cfg)
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize(
    'option', ['optim_wrapper.optimizer.type=Nope', 'param_scheduler.1.type=Nope', 'train_dataloader.sampler.type=Nope']
)
def test_settings_that_are_built_when_training_starts_are_named_with_the_config(tmp_path, tiny_root, option):
    options = [f'data_root={tiny_root}', option, *FAST]
    cfg = load_config(ROOT / 'configs/digits_frcnn_lite.py', options, work_dir=str(tmp_path))
    cfg.experiment_name = tmp_path.name  # two runs of one second and name share a log
    with pytest.raises(UserError, match=r'digits_frcnn_lite\.py: cannot be built'):
        builders.build_runner(cfg).train()


def test_the_log_of_a_test_begins_with_the_versions_and_the_config(tmp_path):
    cfg = {'experiment_name': 'logged', 'model': {'type': 'SomeModel', 'a': 1}}
    runner = toy_runner(tmp_path, test_dataloader=loader([photo(1)]), cfg=Config(cfg))
    runner.test()
    (log,) = tmp_path.rglob('*.log')
    text = log.read_text()
    assert '\ncommand: ' in text
    assert '\ntorch: 2.' in text
    assert "\n    type='SomeModel'" in text
    assert 'System environment' not in text


def test_an_error_of_a_logger_is_one_line_and_errors_of_others_stay():
    def error_of(module):
        return type('Refused', (Exception,), {'__module__': module})('no store\n  at this place')

    cfg = Config({}, filename=None)
    with pytest.raises(UserError, match=r'^mlflow: no store at this place$'), builders.building_from(cfg):
        raise error_of('mlflow.exceptions')
    with pytest.raises(Exception, match='no store\n') as caught, builders.building_from(cfg):
        raise error_of('someone')
    assert not isinstance(caught.value, UserError)


def test_a_folder_of_the_name_of_a_package_is_no_package(tmp_path, monkeypatch):
    (tmp_path / 'clearml').mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    cfg = Config({'visualizer': {'vis_backends': [{'type': 'ClearMLVisBackend'}]}})
    if (found := importlib.util.find_spec('clearml')) and found.origin:
        pytest.skip('clearml is installed')
    with pytest.raises(UserError, match='the package clearml is not installed: pip install clearml'):
        builders.build_runner(cfg)
