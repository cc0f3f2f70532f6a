"""What a run ran on, as text: for its work dir and for bug reports."""

import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from ..utils.cores import usable_cores
from ..utils.files import replacing

PACKAGES = (
    'torch',
    'torchvision',
    'onedl-mmdetection',
    'onedl-mmengine',
    'onedl-mmcv',
    'timm',
    'numpy',
    'pandas',
    'pillow',
    'pycocotools',
)


def commit() -> str:
    """The commit of the project's checkout, `-dirty` where it was changed."""
    root = Path(__file__).resolve().parents[2]
    git = ['git', '-C', str(root), 'describe', '--always', '--dirty']
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return 'unknown (no git checkout)'


def versions() -> dict[str, str]:
    """Name to version of the project (its commit), of Python and of the packages that matter."""
    return {'commit': commit(), 'Python': platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def describe_environment() -> str:
    """The command and on how many processes it runs, the machine, and the versions that matter, a line each."""
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


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return 'not installed'


def write_environment(path: Path) -> None:
    """Write `describe_environment()` to `path`, on the main process.

    Raises:
        UserError: the file cannot be written.
    """
    from mmengine.dist import is_main_process

    if is_main_process():
        with replacing(path) as beside:
            beside.write_text(describe_environment(), encoding='utf-8')
