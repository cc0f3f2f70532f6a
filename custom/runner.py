"""mmengine's Runner, at home on a console and on CPUs."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator

import torch
from mmdet.registry import RUNNERS
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch import distributed, nn

from custom.console import ConsoleHook
from custom.errors import UserError
from custom.talk import is_quiet

# mmengine warns of calls that only mmengine itself makes, and of each weight that is frozen as the config says.
NO_NEWS = ('will be deprecated in future', 'is skipped since its requires_grad=False')


@RUNNERS.register_module()
class DigitRunner(Runner):
    """A Runner whose log file keeps everything while the console shows warnings only (`ConsoleHook` does the rest).

    With `launcher='pytorch'` and no GPU it uses gloo; mmengine would ask for a CUDA device there.

    Raises:
        UserError: a launcher that did not start this process, or one that needs a GPU where there is none.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """The parent's logger, its console handler raised to warnings and moved to stderr: stdout is for results."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                handler.setStream(sys.stderr)
                handler.setLevel(max(handler.level, logging.ERROR if is_quiet() else logging.WARNING))
                handler.addFilter(lambda record: not any(part in record.getMessage() for part in NO_NEWS))
        return logger

    def setup_env(self, env_cfg: dict) -> None:
        """As the parent does; the process group is made here first where there is no GPU."""
        if self.distributed:
            if self.launcher == 'pytorch' and 'RANK' not in os.environ:
                raise UserError('--launcher pytorch: start it by torchrun --nproc-per-node=N instead of python')
            for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
                os.environ.setdefault(name, '1')  # as the parent does, with a warning from every process
            if not torch.cuda.is_available():
                if self.launcher != 'pytorch':
                    raise UserError(
                        f'--launcher {self.launcher}: needs a GPU; on CPUs use torchrun, --launcher pytorch'
                    )
                if not distributed.is_initialized():
                    distributed.init_process_group('gloo')
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """As the parent does; without a GPU the default wrapper must not be told a device id."""
        if self.distributed and model_wrapper_cfg is None and not torch.cuda.is_available():
            model_wrapper_cfg = {
                'type': 'MMDistributedDataParallel',
                'device_ids': None,
                'broadcast_buffers': False,
                'find_unused_parameters': self.cfg.get('find_unused_parameters', False),
            }
        with warnings.catch_warnings():
            # From every process: torch has a new name for an argument that the parent gives.
            warnings.filterwarnings('ignore', '`broadcast_buffers` is deprecated', FutureWarning)
            return super().wrap_model(model_wrapper_cfg, model)

    def dump_config(self) -> None:
        """As the parent does for a training run; a test leaves the config of the run that it tests as it was."""
        if self._train_loop is not None:
            super().dump_config()

    def load_checkpoint(self, *args, **kwargs) -> dict:
        """As the parent does, which prints that it does: on stderr."""
        with contextlib.redirect_stdout(sys.stderr):
            return super().load_checkpoint(*args, **kwargs)

    @contextlib.contextmanager
    def _bar_removed(self) -> Iterator[None]:
        try:
            yield
        finally:
            for hook in self.hooks:
                if isinstance(hook, ConsoleHook):
                    hook.stop_bar()

    def train(self) -> nn.Module:
        """As the parent does; when it fails, the bar is gone before the reason is said."""
        with self._bar_removed():
            return super().train()

    def test(self) -> dict[str, float]:
        """As the parent does; when it fails, the bar is gone before the reason is said."""
        with self._bar_removed():
            return super().test()
