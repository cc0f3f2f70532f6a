"""mmengine's Runner, at home on a console and on CPUs."""

import logging

import torch
from mmdet.registry import RUNNERS
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch import distributed, nn


@RUNNERS.register_module()
class DigitRunner(Runner):
    """A Runner whose log file keeps everything while the console shows warnings only (`ConsoleHook` does the rest).

    With `launcher='pytorch'` and no GPU it uses gloo; mmengine would ask for a CUDA device there.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """The parent's logger, its console handler raised to warnings."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(max(handler.level, logging.WARNING))
        return logger

    def setup_env(self, env_cfg: dict) -> None:
        """As the parent does; the process group is made here first where there is no GPU."""
        if self.distributed and not distributed.is_initialized() and not torch.cuda.is_available():
            distributed.init_process_group('gloo')
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """As the parent does; without a GPU the default wrapper must not be told a device id."""
        if self.distributed and model_wrapper_cfg is None and not torch.cuda.is_available():
            model_wrapper_cfg = {'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False}
        return super().wrap_model(model_wrapper_cfg, model)
