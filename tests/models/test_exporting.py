"""Export of 16-bit weights with the detections of the checkpoint."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.project import ROOT, run_tool
from helpers.toy import ToyModel, loader, photo, toy_runner
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from safetensors import safe_open
from safetensors.torch import load

import custom.register  # noqa: F401 - registers what the config names
from custom.engine.hooks.tune_reader import store_reader
from custom.models.checkpoints import fingerprint, load_checkpoint, load_weights
from custom.models.exporting import describe, encode_weights, export_weights
from custom.reading.settings import ReaderConfig, ReaderSettings, Views, read_reader, write_reader
from custom.structures.digits import DIGITS
from custom.utils.errors import UserError

CONFIG = ROOT / 'configs' / 'digits_frcnn_lite.py'
META = {'experiment_name': 'digits_frcnn_lite_20260102_030405', 'epoch': 3, 'dataset_meta': {'classes': DIGITS}}


def save(path, weights, **meta):
    torch.save({'state_dict': weights, 'meta': {**META, **meta}}, path)
    return path


@pytest.fixture
def weights():
    generator = torch.Generator().manual_seed(0)
    return {
        'layer.weight': torch.randn(50, 70, generator=generator),
        'norm.running_var': torch.rand(50, generator=generator),
        'norm.num_batches_tracked': torch.tensor(7),
    }


def test_the_same_weights_give_the_same_bytes(weights):
    metadata = {f'key {number}': f'"é{number}"' for number in range(8)}  # in 40,320 orders
    content = encode_weights(weights, metadata)
    assert content == encode_weights(weights, dict(reversed(metadata.items())))
    assert all(torch.equal(value, weights[key]) for key, value in load(content).items())
    assert int.from_bytes(content[:8], 'little') % 8 == 0


def test_kernels_are_halved_vectors_are_not_and_metadata_is_stored(weights, tmp_path):
    done = export_weights([save(tmp_path / 'a.pth', weights)], tmp_path / 'new' / 'a.safetensors')
    with safe_open(tmp_path / 'new' / 'a.safetensors', 'pt') as file:
        stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dict
        said = file.metadata()
    assert {key: stored[key].dtype for key in stored} == {
        'layer.weight': torch.float16,
        'norm.running_var': torch.float32,
        'norm.num_batches_tracked': torch.int64,
    }
    assert said == {'format': 'pt', 'config': 'digits_frcnn_lite', 'epoch': '3', 'classes': '0 1 2 3 4 5 6 7 8 9'}
    assert (done.tensors, done.reader, done.notes) == (3, None, ())
    assert done.size == (tmp_path / 'new' / 'a.safetensors').stat().st_size
    assert 2 * 3500 + 4 * 50 < done.size < 2 * 3500 + 4 * 50 + 600  # and the header
    loaded = load_checkpoint(tmp_path / 'new' / 'a.safetensors')['state_dict']
    assert all(torch.allclose(loaded[key].double(), weights[key].double(), rtol=1e-3, atol=1e-6) for key in weights)
    assert fingerprint(loaded) == fingerprint(weights)


def test_the_prefix_of_a_wrapped_model_is_removed(weights, tmp_path):
    wrapped = {f'module.{key}': value for key, value in weights.items()}
    export_weights([save(tmp_path / 'a.pth', wrapped)], tmp_path / 'b.safetensors')
    assert load_checkpoint(tmp_path / 'b.safetensors')['state_dict'].keys() == weights.keys()


def test_unknown_metadata_is_omitted():
    assert describe({}) == {'format': 'pt'}
    assert describe({'epoch': 2, 'experiment_name': 'mine'}) == {'format': 'pt', 'config': 'mine', 'epoch': '2'}


def test_the_reader_is_exported(weights, tmp_path):
    reader = ReaderSettings(ReaderConfig(score_thr=0.7), fingerprint=fingerprint(weights))
    inside = save(tmp_path / 'inside.pth', weights, reader=reader.to_dict())
    assert export_weights([inside], tmp_path / 'x' / 'a.safetensors').reader == tmp_path / 'x' / 'reader.json'
    assert read_reader(tmp_path / 'x' / 'reader.json') == reader
    beside = save(tmp_path / 'beside.pth', weights)
    write_reader(tmp_path / 'reader.json', reader)
    export_weights([beside], tmp_path / 'y' / 'a.safetensors')
    assert read_reader(tmp_path / 'y' / 'reader.json') == reader


def test_a_named_reader_is_exported_with_the_fingerprint_of_the_weights(weights, tmp_path):
    checkpoint = save(tmp_path / 'a.pth', weights, reader=ReaderSettings(fingerprint=fingerprint(weights)).to_dict())
    tuned = ReaderSettings(ReaderConfig(score_thr=0.7), views=Views((0.75, 1)))
    write_reader(tmp_path / 'tuned.json', tuned)
    export_weights([checkpoint], tmp_path / 'x' / 'a.safetensors', tmp_path / 'tuned.json')
    assert read_reader(tmp_path / 'x' / 'reader.json') == replace(tuned, fingerprint=fingerprint(weights))
    write_reader(tmp_path / 'tuned.json', replace(tuned, fingerprint='0' * 16))
    with pytest.raises(UserError, match=r'tuned\.json: tuned for other weights'):
        export_weights([checkpoint], tmp_path / 'y' / 'a.safetensors', tmp_path / 'tuned.json')
    assert not (tmp_path / 'y').exists()


def test_a_reader_of_other_weights_is_neither_exported_nor_replaced(weights, tmp_path):
    other = ReaderSettings(fingerprint='0' * 16)
    checkpoint = save(tmp_path / 'a.pth', weights, reader=other.to_dict())
    done = export_weights([checkpoint], tmp_path / 'x' / 'a.safetensors')
    assert done.reader is None
    assert 'tuned for other weights (0000000000000000)' in done.notes[0]
    write_reader(tmp_path / 'y' / 'reader.json', other)
    with pytest.raises(UserError, match='belongs to other weights; choose another folder'):
        export_weights([checkpoint], tmp_path / 'y' / 'a.safetensors')
    assert [path.name for path in (tmp_path / 'y').iterdir()] == ['reader.json']


def test_a_newer_export_replaces_weights_and_reader(weights, tmp_path):
    out = tmp_path / 'x' / 'a.safetensors'
    for shift in (0, 1):
        moved = {key: value + shift for key, value in weights.items()}
        reader = ReaderSettings(fingerprint=fingerprint(moved))
        export_weights([save(tmp_path / 'a.pth', moved, reader=reader.to_dict())], out)
        assert read_reader(out.with_name('reader.json')) == reader
        assert fingerprint(load_checkpoint(out)['state_dict']) == reader.fingerprint


def test_the_reader_of_a_run_from_exported_weights_is_exported(tmp_path):
    class Model(ToyModel):
        def __init__(self):
            super().__init__()
            self.frozen = torch.nn.Parameter(torch.tensor([[1.0, -1e-9]]), requires_grad=False)

    shipped, best = tmp_path / 'shipped' / 'a.safetensors', tmp_path / 'work' / 'epoch_1.pth'
    export_weights([save(tmp_path / 'a.pth', Model().state_dict())], shipped)
    assert torch.signbit(load_checkpoint(shipped)['state_dict']['frozen']).tolist() == [
        [False, True]
    ]  # -0.0 in 16 bits
    saving = {'type': 'CheckpointHook', 'interval': 1}
    photos = loader([photo(1, value=0.5)])
    toy_runner(
        tmp_path / 'work', Model(), load_from=str(shipped), train_dataloader=photos, custom_hooks=[saving]
    ).train()
    reader = store_reader(best, ReaderSettings(ReaderConfig(score_thr=0.7)))
    done = export_weights([best], tmp_path / 'x' / 'b.safetensors')
    assert (done.notes, done.reader) == ((), tmp_path / 'x' / 'reader.json')
    assert read_reader(done.reader) == reader
    assert fingerprint(load_checkpoint(tmp_path / 'x' / 'b.safetensors')['state_dict']) == reader.fingerprint


def test_the_mean_of_checkpoints_is_written_without_their_readers(weights, tmp_path):
    paths = []
    for name, shift in [('a', 0), ('b', 1), ('c', 5)]:
        moved = {key: value + shift for key, value in weights.items()}
        reader = ReaderSettings(fingerprint=fingerprint(moved)).to_dict()
        paths.append(save(tmp_path / f'{name}.pth', {f'module.{key}': moved[key] for key in moved}, reader=reader))
    done = export_weights(paths, tmp_path / 'x' / 'mean.safetensors')
    assert (done.reader, done.notes) == (None, ())
    with safe_open(tmp_path / 'x' / 'mean.safetensors', 'pt') as file:
        assert file.metadata()['mean_of'] == '3'
    mean = load_checkpoint(tmp_path / 'x' / 'mean.safetensors')['state_dict']
    assert torch.allclose(mean['layer.weight'], weights['layer.weight'] + 2, rtol=1e-3, atol=1e-3)
    assert torch.allclose(mean['norm.running_var'], weights['norm.running_var'] + 2)
    assert mean['norm.num_batches_tracked'] == 7

    tuned = ReaderSettings(ReaderConfig(score_thr=0.7))
    write_reader(tmp_path / 'tuned.json', tuned)
    export_weights(paths, tmp_path / 'x' / 'mean.safetensors', tmp_path / 'tuned.json')
    assert read_reader(tmp_path / 'x' / 'reader.json') == replace(tuned, fingerprint=fingerprint(mean))
    inside = ReaderSettings.from_dict(load_checkpoint(paths[0])['meta']['reader'])
    write_reader(tmp_path / 'first.json', inside)
    with pytest.raises(UserError, match=r'first\.json: tuned for other weights .* than the mean'):
        export_weights(paths, tmp_path / 'y' / 'mean.safetensors', tmp_path / 'first.json')
    done = export_weights(paths[:2], tmp_path / 'x' / 'mean.safetensors')  # another mean, and no reader of its own
    assert done.reader is None
    assert 'reader.json: not replaced; it belongs to other weights' in done.notes[0]
    with pytest.raises(UserError, match=r'a\.pth: named more than once'):
        export_weights([paths[0], *paths[:2]], tmp_path / 'y' / 'mean.safetensors')


@pytest.mark.parametrize('change', [{'layer.weight': torch.zeros(50, 71)}, {'layer.bias': torch.zeros(50)}])
def test_models_of_two_architectures_have_no_mean(weights, tmp_path, change):
    paths = [save(tmp_path / 'a.pth', weights), save(tmp_path / 'b.pth', {**weights, **change})]
    with pytest.raises(UserError, match=rf'b\.pth: {next(iter(change))} differs from .*a\.pth; only'):
        export_weights(paths, tmp_path / 'out' / 'x.safetensors')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('key', 'value', 'name', 'said'),
    [
        ('layer.weight', 70000.0, 'x.safetensors', 'a.pth: 1 weights do not fit into 16 bits, first: layer.weight'),
        ('norm.running_var', float('nan'), 'x.safetensors', 'a.pth: 1 of 3 weights are not finite .norm.running_var'),
        ('layer.weight', 1.0, 'x.pth', 'x.pth: weights are exported as .safetensors; give a name with this ending'),
    ],
)
def test_a_refused_export_writes_nothing(weights, tmp_path, key, value, name, said):
    weights[key][3] = value
    checkpoint = save(tmp_path / 'a.pth', weights)
    with pytest.raises(UserError, match=said):
        export_weights([checkpoint], tmp_path / 'out' / name)
    assert not (tmp_path / 'out').exists()


@pytest.mark.integration
def test_a_missing_checkpoint_is_one_line(tmp_path):
    done = run_tool('export_weights.py', tmp_path / 'nowhere.pth', tmp_path / 'out' / 'x.safetensors')
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith(f'error: {tmp_path / "nowhere.pth"}: cannot be read')
    assert done.stderr.count('\n') == 1
    assert not (tmp_path / 'out').exists()


@torch.no_grad()
def scores_of(model):
    """Return the 20 best scores on an image of noise."""
    photo = 255 * torch.rand(3, 80, 224, generator=torch.Generator().manual_seed(0))
    sample = DetDataSample(metainfo={'img_shape': (80, 224), 'ori_shape': (80, 224), 'scale_factor': (1, 1)})
    (found,) = model.eval().test_step({'inputs': [photo], 'data_samples': [sample]})
    return found.pred_instances.scores[:20].numpy()


@pytest.mark.integration
@pytest.mark.slow
def test_the_exported_model_has_the_same_detections(tiny_root, tmp_path):
    init_default_scope('mmdet')
    config = Config.fromfile(CONFIG).model
    config.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(config)
    model.roi_head.bbox_head.fc_cls.weight.data *= 0.5  # scores that are neither 0 nor 1
    weights = model.state_dict()
    checkpoint = save(tmp_path / 'a.pth', weights)
    write_reader(
        tmp_path / 'reader.json', ReaderSettings(ReaderConfig(score_thr=0.25), fingerprint=fingerprint(weights))
    )
    before, out = scores_of(model), tmp_path / 'out' / 'a.safetensors'
    done = run_tool('export_weights.py', checkpoint, out, fresh=True)
    assert (done.returncode, done.stderr) == (0, '')
    size = out.stat().st_size / 1e6
    assert done.stdout == f'{out}: {len(weights)} tensors, {size:.2f} MB\n{out.with_name("reader.json")}\n'

    again = MODELS.build(config)
    load_weights(again, out)
    assert np.ptp(before) > 0.04
    assert scores_of(again) == pytest.approx(before, abs=1e-2)

    options = [f'data_root={tiny_root}', 'test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False']
    done = run_tool('test.py', CONFIG, out, '--work-dir', tmp_path, '--cfg-options', *options)
    assert done.returncode == 0, done.stderr
    assert f'reader: score threshold 0.25 from {out.with_name("reader.json")}' in done.stdout
