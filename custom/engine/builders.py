"""Builders of runners, for training and for tests."""

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import RUNNERS
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn
from torch.overrides import TorchFunctionMode

from ..data.recognition import way_out
from ..models.batch_norm import fold_batch_norm
from ..models.checkpoints import load_weights
from ..runs.dumped_config import walk
from ..utils.errors import UserError
from .batch_queue import start_loading

LOGGERS = {
    'AimVisBackend': 'aim',
    'ClearMLVisBackend': 'clearml',
    'DVCLiveVisBackend': 'dvclive',
    'MLflowVisBackend': 'mlflow',
    'NeptuneVisBackend': 'neptune',
    'WandbVisBackend': 'wandb',
}  # mmengine's backends whose packages are not in requirements.txt


def build_runner(cfg: Config) -> Runner:
    """Build the runner of a config, whose data must exist: a runner makes its work dir first.

    Raises:
        UserError: a data set or the package of a logger is missing, or the settings of the config cannot be built.
    """
    used = ('train_dataloader', 'val_dataloader') if cfg.get('train_dataloader') else ('test_dataloader',)
    for _, node in walk([cfg.get(loader) for loader in used]):
        kind = node.get('type') if isinstance(node, dict) else None
        if kind in ('DigitDataset', 'DigitFolder'):
            inside = node.get('ann_file') if kind == 'DigitDataset' else (node.get('data_prefix') or {}).get('img')
            path = Path(node.get('data_root') or '', inside or '')
            if not (path.is_file() if kind == 'DigitDataset' else path.is_dir()):
                what = 'file' if kind == 'DigitDataset' else 'folder'
                raise UserError(f'{path}: no such {what}; {way_out(Path(node.get("data_root") or "."))}')
    _require_loggers(cfg)
    if cfg.get('compile'):
        import torchvision  # noqa: F401 - registers its operators with torch.compile, unlike custom.models.mmcv_ops
    with building_from(cfg):
        return RUNNERS.build(cfg)


def _require_loggers(cfg: Config) -> None:
    """Check that the packages of the visualizer's backends are installed; mmengine imports them after its start."""
    for backend in (cfg.get('visualizer') or {}).get('vis_backends') or ():
        package = LOGGERS.get(backend.get('type', ''), '') if isinstance(backend, dict) else ''
        spec = importlib.util.find_spec(package) if package else None
        if package and (spec is None or spec.origin is None):  # no origin: a folder of that name, as wandb itself makes
            raise UserError(f'{backend.type}: the package {package} is not installed: pip install {package}')


@contextlib.contextmanager
def building_from(cfg: Config) -> Iterator[None]:
    """Raise errors of wrong settings as a UserError that names the config's file, those of a logger with its name."""
    try:
        yield
    except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = error or type(error).__name__
        raise UserError(f'{cfg.filename}: cannot be built with these settings ({reason})') from error
    except Exception as error:
        package = type(error).__module__.partition('.')[0]
        if package not in LOGGERS.values():
            raise
        raise UserError(f'{package}: {" ".join(str(error).split())[:400]}') from error


class NoRandomWeights(TorchFunctionMode):
    """A context in which parameters stay uninitialised, since weights are loaded later.

    The functions of torch.nn.init and random numbers do not fill them, and another memory order does not copy them.
    """

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Call `func`, unless it fills or copies a parameter."""
        kwargs = kwargs or {}
        if getattr(func, '__module__', None) == 'torch.nn.init':
            return args[0] if args else kwargs['tensor']
        if args and isinstance(args[0], nn.Parameter):
            if func in (torch.Tensor.normal_, torch.Tensor.uniform_):
                return args[0]
            if func is torch.Tensor.to and args[1:] == (None, None, False) and list(kwargs) == ['memory_format']:
                return torch.empty_like(args[0], **kwargs)
        return func(*args, **kwargs)


def build_test_runner(cfg: Config, checkpoint: Path, content: dict) -> Runner:
    """Build a test-only runner with a checkpoint's weights and folded batch norm; weights are initialised once.

    The worker processes of its data loader begin to load images before the weights are loaded.

    Args:
        cfg: the config.
        checkpoint: the file of the weights.
        content: the checkpoint's content, by `load_checkpoint`; emptied here to free memory.

    Raises:
        UserError: the settings of the config cannot be built, or the weights do not fit.
    """
    with NoRandomWeights():
        runner = build_runner(cfg)
    start_loading(runner.test_loop.dataloader)
    load_weights(runner.model, checkpoint, content)
    content.clear()
    fold_batch_norm(runner.model)
    return runner
