"""mmengine's Runner, at home on a console and on CPUs."""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import torch
from mmdet.registry import RUNNERS
from mmengine.config import Config
from mmengine.dist import all_gather_object, is_main_process
from mmengine.logging import MMLogger
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from torch import distributed, nn

from ..datasets.samplers import by_whole_batches
from ..runs.environment import describe_environment
from ..utils.errors import UserError
from ..utils.messages import is_quiet
from .hooks.console import ConsoleHook
from .parallel import RanksHook
from .ranks import find_others, local_size, watch

# mmengine warns of calls that only mmengine itself makes, and of each weight that is frozen as the config says.
NO_NEWS = ('will be deprecated in future', 'is skipped since its requires_grad=False')


@RUNNERS.register_module()
class DigitRunner(Runner):
    """A Runner whose log file keeps everything while the console shows warnings only (`ConsoleHook` does the rest).

    On several processes it trains as `custom.engine.parallel` says. Without a GPU they talk by gloo; mmengine would ask
    for a CUDA device there.

    Raises:
        UserError: the launcher did not start this process, or there are more processes than GPUs.
    """

    cfg: Any
    _val_dataloader: Any
    _test_dataloader: Any

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
            find_others(self.launcher)
            for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
                os.environ.setdefault(name, '1')  # as the parent does, with a warning from every process
            if torch.cuda.is_available():
                if local_size() > torch.cuda.device_count():
                    raise UserError(
                        f'--launcher {self.launcher}: {local_size()} processes on a machine of '
                        f'{torch.cuda.device_count()} GPUs; start as many as there are GPUs, or hide them '
                        '(CUDA_VISIBLE_DEVICES=) to work on the CPUs'
                    )
            elif not distributed.is_initialized():
                seconds = env_cfg.get('dist_cfg', {}).get('timeout', 600)
                distributed.init_process_group('gloo', timeout=timedelta(seconds=seconds))
        super().setup_env(env_cfg)
        if self.distributed:
            watch()

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """As the parent does; by default in `DigitDataParallel`, with as without a GPU.

        Raises:
            UserError: `sync_bn` is set, which would replace timm's layers by some without their activation.
        """
        if self.cfg.get('sync_bn'):
            raise UserError(f'sync_bn={self.cfg.sync_bn!r}: use model_wrapper_cfg.shared_norm=True')
        if self.distributed:
            model_wrapper_cfg = {'type': 'DigitDataParallel', **(model_wrapper_cfg or {})}
            if model_wrapper_cfg['type'] == 'DigitDataParallel':
                model_wrapper_cfg.setdefault('find_unused_parameters', self.cfg.get('find_unused_parameters', False))
            if not torch.cuda.is_available():
                model_wrapper_cfg.setdefault('device_ids', None)  # the parent would name a GPU
        with warnings.catch_warnings():
            # From every process: torch has a new name for an argument that the parent gives.
            warnings.filterwarnings('ignore', '`broadcast_buffers` is deprecated', FutureWarning)
            return super().wrap_model(model_wrapper_cfg, model)

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """As the parent does; ranks see the batches that one process would see."""
        if self.distributed and isinstance(self._val_dataloader, dict):
            self._val_dataloader = by_whole_batches(self._val_dataloader)
        return super().build_val_loop(loop)

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """As the parent does; ranks see the batches that one process would see."""
        if self.distributed and isinstance(self._test_dataloader, dict):
            self._test_dataloader = by_whole_batches(self._test_dataloader)
        return super().build_test_loop(loop)

    def register_hooks(self, *args, **kwargs) -> None:
        """As the parent does; one more keeps the ranks alike."""
        super().register_hooks(*args, **kwargs)
        if self.distributed:
            self.register_hook(RanksHook())

    def load_or_resume(self) -> None:
        """As the parent does.

        Raises:
            UserError: some ranks start elsewhere than others, which do not see their work dir.
        """
        super().load_or_resume()
        starts = all_gather_object(self.iter) if self.distributed else []
        if len(set(starts)) > 1:
            raise UserError(
                f'{self.work_dir}: rank {starts.index(min(starts))} does not find the checkpoint that rank '
                f'{starts.index(max(starts))} resumes from; put the work dir where every machine sees it'
            )

    def resume(self, filename: str, *args, **kwargs) -> None:
        """As the parent does, unless the steps are others: the schedule counts them.

        Raises:
            UserError: an epoch has more or fewer steps than those of the checkpoint, since there are more or fewer
                processes, photos in a batch, or photos.
        """
        super().resume(filename, *args, **kwargs)
        loop, before = self.train_loop, self.message_hub.runtime_info
        if not isinstance(loop, EpochBasedTrainLoop) or 'max_iters' not in before:
            return
        was, steps = before['max_iters'] // before['max_epochs'], len(loop.dataloader)
        if was != steps:
            raise UserError(
                f'{filename}: its run had {was} steps an epoch, this one would have {steps} (of '
                f'{self.world_size} x {loop.dataloader.batch_size} photos): resume with a train_dataloader.batch_size '
                'that makes them alike, or start a new run from its weights by --cfg-options load_from=FILE'
            )

    def _log_env(self, env_cfg: dict) -> None:
        """As the parent does for a training run; a test, which begins in a fraction of that time, says less."""
        if self._train_loop is not None:
            super()._log_env(env_cfg)
            return
        # The log has it as it is: to lay a config out in lines of one length takes half a second.
        self.cfg = Config(self.cfg.to_dict(), filename=self.cfg.filename, format_python_code=False)
        self.logger.info(f'\n{describe_environment()}\nConfig:\n{self.cfg.pretty_text}')

    def dump_config(self) -> None:
        """As the parent does for a training run; a test leaves the config of the run that it tests as it was."""
        if self._train_loop is not None:
            super().dump_config()

    def load_checkpoint(self, *args, **kwargs) -> dict:
        """As the parent does, which prints that it does: on stderr, and once."""
        with contextlib.redirect_stdout(sys.stderr if is_main_process() else io.StringIO()):
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
