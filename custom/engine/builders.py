"""The runner of a model that is trained, ready sooner than one that is to learn."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.runner import Runner
from torch.overrides import TorchFunctionMode

from ..models.batch_norm import fold_batch_norm
from ..models.checkpoints import load_weights
from ..utils.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config


def build_runner(cfg: 'Config') -> 'Runner':
    """mmengine's runner for `cfg`.

    Raises:
        UserError: what the config asks for cannot be built.
    """
    from mmdet.registry import RUNNERS

    if cfg.get('compile'):
        import torchvision  # noqa: F401 - tells torch.compile of the operators, which custom.models.mmcv_ops loads alone
    with building_from(cfg):
        return RUNNERS.build(cfg)


@contextlib.contextmanager
def building_from(cfg: 'Config') -> Iterator[None]:
    """Raise what wrong settings of a config cause as one UserError that names its file."""
    try:
        yield
    except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'{cfg.filename}: cannot be built with these settings ({error or type(error).__name__})'
        ) from error


class NoRandomWeights(TorchFunctionMode):
    """Within this context the functions of torch.nn.init leave tensors as they are, which is to say undefined.

    Only where every weight is loaded afterwards, as `load_weights` sees to.

    Example:
        >>> with NoRandomWeights():
        ...     layer = torch.nn.Linear(4096, 4096)  # takes no time
    """

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Call `func`, unless it is one of torch.nn.init."""
        if getattr(func, '__module__', None) == 'torch.nn.init':
            return args[0] if args else (kwargs or {})['tensor']
        return func(*args, **(kwargs or {}))


def trained_runner(cfg: 'Config', checkpoint: Path, content: dict) -> Runner:
    """Build the runner of a config with the weights of a checkpoint, its batch norm folded: for testing only.

    Args:
        cfg: the config.
        checkpoint: the file of the weights.
        content: of the checkpoint, as `load_checkpoint` gave it; its weights are let go.

    Raises:
        UserError: what the config asks for cannot be built, or the weights do not fit.
    """
    with NoRandomWeights():
        runner = build_runner(cfg)
    load_weights(runner.model, checkpoint, content)
    content.clear()
    fold_batch_norm(runner.model)
    return runner
