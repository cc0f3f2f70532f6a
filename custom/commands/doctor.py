"""What has to be right before anything runs, and how to mend what is not."""

import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..utils.cores import usable_cores
from ..utils.errors import UserError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
ORIGINALS = ('mmdet', 'mmengine', 'mmcv', 'mmcv-full', 'mmcv-lite')  # they unpack into the same folders as the forks
LEAST_DISK_GB = 2.0  # checkpoints of one run of the ResNet-50 config: three of 0.5 GB
IMAGENET_HOST = 'download.pytorch.org'
NETWORK_SECONDS = 3.0


class Finding(NamedTuple):
    """One thing that was looked at: how bad it is (`wrong` where something fails), what it is like, what to do."""

    level: Literal['ok', 'note', 'wrong']
    text: str
    mend: str = ''

    def __str__(self) -> str:
        return f'{self.level:5s} {self.text}' + (f'\n      -> {self.mend}' if self.mend else '')


def examine(data_root: str | os.PathLike | None = None) -> Iterator[Finding]:
    """Look at one thing after the other, in the end at a data set where one is given, in the README's layout."""
    looks: list[Callable[[], Iterator[Finding]]] = [python, packages, libraries, gpu, disk, weights, network]
    for look in looks:
        yield from look()
    if data_root is not None:
        yield from data(data_root)


def python() -> Iterator[Finding]:
    """Is this Python one that the pinned packages install on?"""
    version = '.'.join(map(str, sys.version_info[:3]))
    if (3, 10) <= sys.version_info[:2] <= (3, 13):
        yield Finding('ok', f'Python {version} ({sys.executable})')
    else:
        yield Finding('wrong', f'Python {version}: 3.10 to 3.13 is needed', 'make setup PYTHON=python3.12')


def pins(requirements: Path = ROOT / 'requirements.txt') -> 'Iterator[Requirement]':
    """What requirements.txt pins for this Python."""
    from packaging.requirements import Requirement

    for line in requirements.read_text(encoding='utf-8').splitlines():
        if wanted := re.sub(r'\s*#.*', '', line):
            requirement = Requirement(wanted)
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def packages() -> Iterator[Finding]:
    """Are the pinned packages there, in these versions, and not beside those they replace?"""
    mend = 'make setup, then . .venv/bin/activate'
    try:
        found = [(pin, _version(pin.name)) for pin in pins()]
    except ImportError as error:
        yield Finding('wrong', f'nothing is installed for this Python ({_line(error)})', mend)
        return
    missing = [pin.name for pin, version in found if version is None]
    # 2.14.1+cpu is a build of 2.14.1, and 1.002 the same as 1.2: the specifier knows.
    others = [f'{pin.name} {version} ({pin})' for pin, version in found if version and version not in pin.specifier]
    if missing:
        yield Finding('wrong', f'{len(missing)} packages are not installed: {_some(missing)}', mend)
    if others:
        yield Finding('note', f'{len(others)} packages in another version: {_some(others)}', f'if it fails: {mend}')
    if not missing and not others:
        yield Finding('ok', 'packages as pinned in requirements.txt')
    if both := [name for name in ORIGINALS if _version(name)]:
        mend = f'pip uninstall {" ".join(both)}, then pip install --force-reinstall --no-deps -r requirements.txt'
        yield Finding('wrong', f'{_some(both)} lie in the same folders as their onedl- forks', mend)


def libraries() -> Iterator[Finding]:
    """Do the libraries work together, and who serves mmcv's operators?"""
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding('wrong', f'torch cannot be imported ({_line(error)})', 'make clean setup')
        return
    try:
        from ..models.mmcv_ops import serve_mmcv_ops, served_by

        serve_mmcv_ops()
        import torchvision
        from mmcv.ops import nms

        nms(torch.tensor([[0.0, 0.0, 9.0, 9.0]]), torch.ones(1), 0.5)
    except Exception as error:  # whatever a broken library raises is what the user has to read
        yield Finding('wrong', f'torch {torch.__version__} and what builds on it: {_line(error)}', 'make clean setup')
        return
    yield Finding('ok', f'torch {torch.__version__} and torchvision {torchvision.__version__} fit')
    yield Finding('ok', f"mmcv's operators: {served_by()}")
    try:
        import cv2
        import mmdet
        import mmengine
    except Exception as error:
        mend = 'make clean setup; a message about libGL means that opencv-python lies over opencv-python-headless'
        yield Finding('wrong', f'mmdet cannot be imported ({_line(error)})', mend)
        return
    yield Finding('ok', f'mmdet {mmdet.__version__}, mmengine {mmengine.__version__}, cv2 {cv2.__version__}')


def gpu() -> Iterator[Finding]:
    """Is there a GPU, and how much of its memory is free?"""
    try:
        import torch
    except (ImportError, OSError):
        return  # said by `libraries`
    for index in range(torch.cuda.device_count()):
        name = f'GPU {index}: {torch.cuda.get_device_name(index)}'
        try:
            free, total = (number / 2**30 for number in torch.cuda.mem_get_info(index))
        except RuntimeError as error:
            yield Finding('wrong', f'{name} does not answer ({_line(error)})', 'look at nvidia-smi')
        else:
            yield Finding('ok', f'{name}, {free:.1f} of {total:.1f} GiB free')
    if torch.cuda.device_count():
        return
    cores = f'no GPU; {usable_cores()} CPU cores, {torch.get_num_threads()} threads'
    if shutil.which('nvidia-smi') is None:
        yield Finding('ok', f'{cores}: take configs/digits_frcnn_lite.py')
    elif torch.version.cuda is None:
        yield Finding('note', f'{cores}; this torch is built without CUDA', 'make setup TORCH=system PYTHON=...')
    else:
        mend = 'look at nvidia-smi: the driver may be too old for this torch'
        yield Finding('note', f'{cores}; torch is built for CUDA {torch.version.cuda} but finds no device', mend)


def disk(folder: str | os.PathLike = '.') -> Iterator[Finding]:
    """Is there room for a run?"""
    free = shutil.disk_usage(folder).free / 1e9
    text = f'disk: {free:.1f} GB free in {Path(folder).resolve()}'
    if free < LEAST_DISK_GB:
        yield Finding('wrong', text, f'free {LEAST_DISK_GB:.0f} GB, or point --work-dir to another disk')
    else:
        yield Finding('ok', text)


def weights(folder: Path = ROOT / 'weights') -> Iterator[Finding]:
    """Are the weights that come with the project here?"""
    found = sorted(folder.glob('*.safetensors'))
    if not found:
        yield Finding('note', f'{folder}: no weights', 'git checkout weights')
    for path in found:
        yield Finding('ok', f'{path.name}: {path.stat().st_size / 1e6:.1f} MB')


def network(host: str = IMAGENET_HOST, seconds: float = NETWORK_SECONDS) -> Iterator[Finding]:
    """Can the host of the one download be reached?"""
    try:
        socket.create_connection((host, 443), seconds).close()
    except OSError as error:
        mend = "only configs/digits_frcnn.py's ImageNet weights need it: model.backbone.init_cfg.checkpoint=FILE"
        yield Finding('note', f'no way to {host} ({_line(error)})', mend)
    else:
        yield Finding('ok', f'network: {host} answers')


def data(root: str | os.PathLike) -> Iterator[Finding]:
    """Is a data set as training wants it?"""
    from ..data.coco_reading import read_annotations

    for split in ('train', 'valid'):
        try:
            truth = read_annotations(Path(root, f'{split}.json'), Path(root, split))
        except UserError as error:
            yield Finding('wrong', str(error), 'README.md, "Your own photos", has the layout')
        else:
            yield Finding('ok', f'{root}: {split} has {len(truth.image_ids)} photos, {len(truth.labels)} digits')


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _some(names: list[str]) -> str:
    return ', '.join(names[:5]) + (', …' if len(names) > 5 else '')


def _line(error: BaseException) -> str:
    return ' '.join(str(error).split())[:200] or type(error).__name__
