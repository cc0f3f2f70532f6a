"""Command, machine and versions of a run, as text for work dirs and bug reports."""

import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from ..utils.cores import usable_cores
from ..utils.files import replacing

MMDETECTION = ('onedl-mmdetection', 'onedl-mmengine', 'onedl-mmcv')
PACKAGES = ('torch', 'torchvision', *MMDETECTION, 'timm', 'numpy', 'pandas', 'pillow', 'pycocotools')


def commit() -> str:
    """Return the commit of the project's checkout, with `-dirty` if files were changed."""
    git = ['git', '-C', str(Path(__file__).resolve().parents[2]), 'describe', '--always', '--dirty']
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return 'unknown (no git checkout)'


def versions() -> dict[str, str]:
    """Return the project's commit and the versions of Python and of PACKAGES, by name."""
    return {'commit': commit(), 'Python': platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return 'not installed'


def describe_environment() -> str:
    """Return a line each for the command, the number of processes, the machine and the versions."""
    import torch
    from mmengine.dist import get_world_size

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    lines = {
        'command': shlex.join(sys.argv),
        'processes': str(get_world_size()),
        'system': platform.platform(),
        'CPU': f'{platform.machine()}, {usable_cores()} cores, {torch.get_num_threads()} threads',
        'GPU': ', '.join(gpus) or 'none',
        **versions(),
    }
    return ''.join(f'{key}: {value}\n' for key, value in lines.items())


def write_environment(path: Path) -> None:
    """Write `describe_environment()` to a file, on the main process.

    Raises:
        UserError: the file cannot be written.
    """
    from mmengine.dist import is_main_process

    if is_main_process():
        with replacing(path) as beside:
            beside.write_text(describe_environment(), encoding='utf-8')
