"""Checks of an installation, each with a remedy."""

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.files import real_path

if TYPE_CHECKING:
    from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
ORIGINALS = ('mmdet', 'mmengine', 'mmcv', 'mmcv-full', 'mmcv-lite')  # installed into the same folders as the forks
MIN_DISK_GB = 2.0  # checkpoints of one run of the ResNet-50 config: three of 0.5 GB


class Finding(NamedTuple):
    """Result of a check: its level (`wrong` if something fails), a description, and a remedy."""

    level: Literal['ok', 'note', 'wrong']
    text: str
    remedy: str = ''

    def __str__(self) -> str:
        return f'{self.level:5s} {self.text}' + (f'\n      -> {self.remedy}' if self.remedy else '')


def examine(data_root: str | os.PathLike | None = None) -> Iterator[Finding]:
    """Run all checks, and check a data set in the README's layout if one is given."""
    for check in (python, packages, libraries, gpu, disk, weights, network):
        yield from check()
    if data_root is not None:
        yield from data(data_root)


def python() -> Iterator[Finding]:
    """Check that the pinned packages install on this Python."""
    version = '.'.join(map(str, sys.version_info[:3]))
    fits = (3, 10) <= sys.version_info[:2] <= (3, 13)
    remedy = '' if fits else '3.10 to 3.13 is needed: make setup PYTHON=python3.12'
    yield Finding('ok' if fits else 'wrong', f'Python {version} ({sys.executable})', remedy)


def pins(requirements: Path = ROOT / 'requirements.txt') -> 'Iterator[Requirement]':
    """Yield the requirements that apply to this Python."""
    from packaging.requirements import Requirement

    for line in requirements.read_text(encoding='utf-8').splitlines():
        if pin := re.sub(r'\s*#.*', '', line):
            requirement = Requirement(pin)
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def packages() -> Iterator[Finding]:
    """Check that the pinned packages are installed, in their versions, and not beside those they replace."""
    remedy = 'make setup, then . .venv/bin/activate'
    try:
        installed = [(pin, _version(pin.name)) for pin in pins()]
    except ImportError as error:
        yield Finding('wrong', f'nothing is installed for this Python ({_line(error)})', remedy)
        return
    missing = [pin.name for pin, version in installed if version is None]
    # 2.14.1+cpu is a build of 2.14.1, and 1.002 equals 1.2: the specifier accepts both.
    others = [f'{pin.name} {version} ({pin})' for pin, version in installed if version and version not in pin.specifier]
    if missing:
        yield Finding('wrong', f'{len(missing)} packages are not installed: {_some(missing)}', remedy)
    if others:
        yield Finding('note', f'{len(others)} packages in another version: {_some(others)}', f'if it fails: {remedy}')
    if not missing and not others:
        yield Finding('ok', 'packages as pinned in requirements.txt')
    if both := [name for name in ORIGINALS if _version(name)]:
        remedy = f'pip uninstall {" ".join(both)}, then pip install --force-reinstall --no-deps -r requirements.txt'
        yield Finding('wrong', f'{_some(both)} lie in the same folders as their onedl- forks', remedy)


def libraries() -> Iterator[Finding]:
    """Check that the libraries work together, and report the source of mmcv's operators."""
    try:
        import torch

        from ..models.mmcv_ops import serve_mmcv_ops, served_by

        serve_mmcv_ops()
        import cv2
        import mmdet
        import mmengine
        import torchvision
        from mmcv.ops import nms

        nms(torch.tensor([[0.0, 0.0, 9.0, 9.0]]), torch.ones(1), 0.5)
    except Exception as error:  # a broken library may raise anything
        remedy = 'make clean setup; a message about libGL means that opencv-python lies over opencv-python-headless'
        version = getattr(sys.modules.get('torch'), '__version__', 'is missing')
        yield Finding('wrong', f'torch {version}, or a library that needs it: {_line(error)}', remedy)
        return
    yield Finding('ok', f'torch {torch.__version__} and torchvision {torchvision.__version__} fit')
    yield Finding('ok', f"mmcv's operators: {served_by()}")
    yield Finding('ok', f'mmdet {mmdet.__version__}, mmengine {mmengine.__version__}, cv2 {cv2.__version__}')


def gpu() -> Iterator[Finding]:
    """Check each GPU and its free memory, or find the reason why there is none."""
    torch: Any = sys.modules.get('torch')
    if torch is None:
        return  # `libraries` has reported the reason
    for index in range(torch.cuda.device_count()):
        name = f'GPU {index}: {torch.cuda.get_device_name(index)}'
        try:
            free, total = (number / 2**30 for number in torch.cuda.mem_get_info(index))
            yield Finding('ok', f'{name}, {free:.1f} of {total:.1f} GiB free')
        except RuntimeError as error:
            yield Finding('wrong', f'{name} does not answer ({_line(error)})', 'look at nvidia-smi')
    if torch.cuda.device_count():
        return
    cores = f'no GPU; {usable_cores()} CPU cores, {torch.get_num_threads()} threads'
    if shutil.which('nvidia-smi') is None:
        yield Finding('ok', f'{cores}: use configs/digits_frcnn_lite.py')
    elif torch.version.cuda is None:
        yield Finding('note', f'{cores}; this torch is built without CUDA', 'make setup TORCH=system PYTHON=...')
    else:
        remedy = 'look at nvidia-smi: the driver may be too old for this torch'
        yield Finding('note', f'{cores}; torch is built for CUDA {torch.version.cuda} but finds no device', remedy)


def disk(folder: str | os.PathLike = '.') -> Iterator[Finding]:
    """Check that a run's checkpoints fit on the disk."""
    free = shutil.disk_usage(folder).free / 1e9
    remedy = '' if free >= MIN_DISK_GB else f'free {MIN_DISK_GB:.0f} GB, or set --work-dir to another disk'
    yield Finding('wrong' if remedy else 'ok', f'disk: {free:.1f} GB free in {real_path(folder)}', remedy)


def weights(folder: Path = ROOT / 'weights') -> Iterator[Finding]:
    """Check for the project's own weights."""
    paths = sorted(folder.glob('*.safetensors'))
    if not paths:
        yield Finding('note', f'{folder}: no weights', 'git checkout weights')
    for path in paths:
        yield Finding('ok', f'{path.name}: {path.stat().st_size / 1e6:.1f} MB')


def network(host: str = 'download.pytorch.org', seconds: float = 3.0) -> Iterator[Finding]:
    """Check that the host of the ImageNet weights answers."""
    try:
        socket.create_connection((host, 443), seconds).close()
        yield Finding('ok', f'network: {host} answers')
    except OSError as error:
        remedy = "only configs/digits_frcnn.py's ImageNet weights need it: model.backbone.init_cfg.checkpoint=FILE"
        yield Finding('note', f'no connection to {host} ({_line(error)})', remedy)


def data(root: str | os.PathLike) -> Iterator[Finding]:
    """Check the labelled splits of a data set."""
    from ..data.coco_reading import read_annotations

    for split in ('train', 'valid'):
        try:
            truth = read_annotations(Path(root, f'{split}.json'), Path(root, split))
            yield Finding('ok', f'{root}: {split} has {len(truth.image_ids)} photos, {(~truth.iscrowd).sum()} digits')
            for note in truth.notes:
                yield Finding('note', f'{root}/{split}.json: {note}')
        except UserError as error:
            yield Finding('wrong', str(error), 'README.md, "Your own photos", has the layout')


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _some(names: list[str]) -> str:
    return ', '.join(names[:5]) + (', …' if len(names) > 5 else '')


def _line(error: BaseException) -> str:
    return ' '.join(str(error).split())[:200] or type(error).__name__
