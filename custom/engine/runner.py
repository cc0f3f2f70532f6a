"""The runner of training and test runs."""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import RUNNERS
from mmengine.config import Config
from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process, master_only
from mmengine.logging import MMLogger
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from torch import distributed, nn
from torch.utils.data import DataLoader

from ..datasets.samplers import by_whole_batches
from ..datasets.seeded import seed_draws
from ..models.checkpoints import load_weights
from ..models.wrapping import unwrapped
from ..runs.checkpoint_files import last_checkpoint
from ..runs.environment import describe_environment, write_environment
from ..runs.work_dir import WorkDir
from ..utils.errors import UserError
from ..utils.files import replacing
from ..utils.messages import is_quiet
from .batch_queue import send_errors
from .builders import building_from
from .hooks.console import ConsoleHook
from .parallel import RanksHook
from .ranks import local_size, register_ranks, set_rendezvous

# Warnings of mmengine about its own calls, and about each weight that the config freezes.
IGNORED = ('will be deprecated in future', 'is skipped since its requires_grad=False')


def _refuse_log(path: str, record: logging.LogRecord) -> None:
    """Raise the error of a log file that cannot be written, where logging prints a traceback for each line."""
    error = sys.exc_info()[1]
    if isinstance(error, OSError):
        raise UserError(f'{path}: could not be written ({error.strerror}); choose another --work-dir') from error
    raise error or RuntimeError(record.getMessage())


@RUNNERS.register_module()
class DigitRunner(Runner):
    """mmengine's Runner with a short console log, and with distributed runs as in `custom.engine.parallel`.

    The console shows warnings and the lines of `ConsoleHook`; the log file has everything. Without a GPU the process
    group uses gloo, where mmengine needs a CUDA device.

    A training claims its work dir (`WorkDir`). The log folder apart, it writes there after data, settings and the
    resumed checkpoint are accepted: config and environment. What fails before that leaves nothing behind. Checkpoints
    are whole at any moment.

    Raises:
        UserError: the launcher did not start this process, the GPU that it needs is missing, there are fewer GPUs than
            processes, or the work dir cannot be claimed.
    """

    cfg: Any
    _val_dataloader: Any
    _test_dataloader: Any
    _accepted = False
    _has_new_log = False
    _load_from: Any

    def __init__(self, model: Any, work_dir: str, *args: Any, **kwargs: Any) -> None:
        self._claimed = WorkDir(work_dir)
        self._resumed = kwargs.get('load_from') or Path(work_dir, 'last_checkpoint') if kwargs.get('resume') else None
        try:
            super().__init__(model, work_dir, *args, **kwargs)
        except BaseException:
            self._leave_nothing()
            raise

    def _leave_nothing(self) -> None:
        """Remove what a run has written that fails before it is accepted."""
        if not is_main_process():
            return
        logger = getattr(self, 'logger', None)
        for handler in logger.handlers if logger else []:
            if isinstance(handler, logging.FileHandler):
                with contextlib.suppress(OSError):
                    handler.close()
        if hasattr(self, 'visualizer'):
            with contextlib.suppress(Exception):  # a writer of TensorBoard, say, that cannot write
                self.visualizer.close()
        self._claimed.leave_nothing(*([self._log_dir] if self._has_new_log and hasattr(self, '_log_dir') else []))

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build the logger; its console handler prints warnings only, on stderr, since stdout is for results."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handleError = partial(_refuse_log, handler.baseFilename)  # type: ignore[method-assign]
            elif isinstance(handler, logging.StreamHandler):
                handler.stream = sys.stderr  # setStream flushes the former stream, which a notebook may have closed
                handler.setLevel(max(handler.level, logging.ERROR if is_quiet() else logging.WARNING))
                handler.addFilter(lambda record: not any(part in record.getMessage() for part in IGNORED))
        return logger

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the environment; without a GPU, the process group is made here."""
        if self.distributed:
            if self.launcher == 'mpi' and not torch.cuda.is_available():
                raise UserError('--launcher mpi: needs a GPU; on CPUs use tools/dist_train.sh or tools/slurm_train.sh')
            set_rendezvous(self.launcher)
            for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
                os.environ.setdefault(name, '1')  # as the parent does, which also warns on every rank
            gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
            if gpus and local_size() > gpus:
                raise UserError(
                    f'--launcher {self.launcher}: {local_size()} processes on a machine of {gpus} GPUs; start as many '
                    'as there are GPUs, or hide them (CUDA_VISIBLE_DEVICES=) to work on the CPUs'
                )
            if not gpus and not distributed.is_initialized():
                seconds = env_cfg.get('dist_cfg', {}).get('timeout', 600)
                distributed.init_process_group('gloo', timeout=timedelta(seconds=seconds))
        super().setup_env(env_cfg)
        if self.distributed:
            register_ranks()
        self._has_new_log = not Path(self.work_dir, self.timestamp).exists()
        if self._train_loop is not None:
            fault: list[UserError | None] = [None]
            if is_main_process():
                try:
                    self._claimed.claim(self._resumed)
                except UserError as error:
                    fault = [error]
            broadcast_object_list(fault)
            if fault[0] is not None:
                raise fault[0]

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Build the model, and log the type of its arithmetic."""
        built = super().build_model(model)
        if self._train_loop is not None:
            built.train()  # which chooses the arithmetic
        if arithmetic := getattr(built, 'arithmetic', ''):
            self.logger.info(arithmetic)
        return built

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model, by default in `DigitDataParallel`.

        Raises:
            UserError: `sync_bn` is set, which would replace timm's layers by layers without their activation.
        """
        if self.cfg.get('sync_bn'):
            raise UserError(f'sync_bn={self.cfg.sync_bn!r}: use model_wrapper_cfg.shared_norm=True')
        if self.distributed:
            model_wrapper_cfg = {'type': 'DigitDataParallel', **(model_wrapper_cfg or {})}
            if model_wrapper_cfg['type'] == 'DigitDataParallel':
                model_wrapper_cfg.setdefault('find_unused_parameters', self.cfg.get('find_unused_parameters', False))
            if not torch.cuda.is_available():
                model_wrapper_cfg.setdefault('device_ids', None)  # the parent's default is a GPU
        with warnings.catch_warnings():  # every rank would warn of an argument of the parent's
            warnings.filterwarnings('ignore', '`broadcast_buffers` is deprecated', FutureWarning)
            return super().wrap_model(model_wrapper_cfg, model)

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop; wrong settings are a `UserError`."""
        with building_from(self.cfg):
            return super().build_train_loop(loop)

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build the loader; its random augmentation is that of `seed_draws`, its errors are those of `send_errors`."""
        loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        return loader if isinstance(dataloader, DataLoader) else send_errors(seed_draws(loader, seed))

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimizer's wrapper; wrong settings are a `UserError`."""
        with building_from(self.cfg):
            return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the schedulers; wrong settings are a `UserError`."""
        with building_from(self.cfg):
            return super().build_param_scheduler(scheduler)

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop; ranks get the batches of one process."""
        if self.distributed and isinstance(self._val_dataloader, dict):
            self._val_dataloader = by_whole_batches(self._val_dataloader)
        with building_from(self.cfg):
            return super().build_val_loop(loop)

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop; ranks get the batches of one process."""
        if self.distributed and isinstance(self._test_dataloader, dict):
            self._test_dataloader = by_whole_batches(self._test_dataloader)
        with building_from(self.cfg):
            return super().build_test_loop(loop)

    def register_hooks(self, *args, **kwargs) -> None:
        """Register the hooks, with `RanksHook` in a distributed run."""
        super().register_hooks(*args, **kwargs)
        if self.distributed:
            self.register_hook(RanksHook())

    def load_or_resume(self) -> None:
        """Load or resume; then the run is accepted, and config and environment are written.

        Raises:
            UserError: the ranks start at different iterations, since some do not see the work dir of the others.
        """
        if self._resume and self._load_from is None:
            newest = last_checkpoint(self.work_dir)  # the parent would follow a path out of the work dir
            self._load_from = str(newest) if newest else None
        super().load_or_resume()
        starts = all_gather_object(self.iter) if self.distributed else []
        if len(set(starts)) > 1:
            raise UserError(
                f'{self.work_dir}: rank {starts.index(min(starts))} does not find the checkpoint that rank '
                f'{starts.index(max(starts))} resumes from; put the work dir where every machine sees it'
            )
        if self._train_loop is not None and not self._has_loaded:
            self._warn_of_frozen_noise()
        if self._train_loop is not None:  # a test run leaves those of the tested run alone
            self._accepted = True
            self.dump_config()
            write_environment(Path(self.work_dir, 'environment.txt'))

    def _warn_of_frozen_noise(self) -> None:
        """Warn if the backbone has random weights that are not trained."""
        backbone = getattr(unwrapped(self.model), 'backbone', None)
        settings = getattr(backbone, 'init_cfg', None) or []
        kinds = [one.get('type') for one in (settings if isinstance(settings, list) else [settings])]
        if backbone is None or 'Pretrained' in kinds or all(weight.requires_grad for weight in backbone.parameters()):
            return
        self.logger.warning(
            'model.backbone has random weights, some of which are frozen: set model.backbone.frozen_stages=-1, with '
            'ResNet also model.backbone.norm_eval=False, or start from weights by load_from=FILE'
        )

    def resume(self, filename: str, *args, **kwargs) -> None:
        """Resume from a checkpoint.

        Raises:
            UserError: the weights or the state do not fit, or an epoch has not as many steps as the checkpoint's, which
                its schedule counts.
        """
        load_weights(self.model, filename)  # the parent would pass over what does not fit
        try:
            super().resume(filename, *args, **kwargs)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = f'{type(error).__name__}: {error}'.splitlines()[0][:200]
            raise UserError(
                f'{filename}: its state does not fit this config ({reason}); resume with the config of its run, or '
                'start a new run from its weights by --cfg-options load_from=FILE'
            ) from error
        loop, before = self.train_loop, self.message_hub.runtime_info
        if hasattr(loop.dataloader.sampler, 'seed'):
            loop.dataloader.sampler.seed = self.seed  # that of the checkpoint
        if not isinstance(loop, EpochBasedTrainLoop):
            if hasattr(loop.dataloader.sampler, 'skip') and loop.dataloader.batch_size:
                loop.dataloader.batch_sampler.sampler.skipped = loop.iter * loop.dataloader.batch_size
            return
        if 'max_iters' not in before:
            return
        was, steps = before['max_iters'] // before['max_epochs'], len(loop.dataloader)
        if was != steps:
            raise UserError(
                f'{filename}: its run had {was} steps an epoch, this one would have {steps} (of '
                f'{self.world_size} x {loop.dataloader.batch_size} photos): resume with a train_dataloader.batch_size '
                'that makes them equal, or start a new run from its weights by --cfg-options load_from=FILE'
            )

    @master_only
    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        """Save a checkpoint beside its place, and rename it.

        Raises:
            UserError: it cannot be written, say because the disk is full.
        """
        with replacing(Path(out_dir, filename)) as beside:
            super().save_checkpoint(str(beside.parent), beside.name, *args, **kwargs)

    def _log_env(self, env_cfg: dict) -> None:
        """Log the environment; less in a test run, to start sooner."""
        if self._train_loop is not None:
            super()._log_env(env_cfg)
            return
        self.cfg = Config(self.cfg.to_dict(), filename=self.cfg.filename, format_python_code=False)  # saves 0.5 s
        self.logger.info(f'\n{describe_environment()}\nConfig:\n{self.cfg.pretty_text}')

    def dump_config(self) -> None:
        """Dump the config of an accepted training run; a test run leaves the config of the tested run alone."""
        if self._accepted and is_main_process():
            name = Path(self.cfg.filename).name if self.cfg.filename else f'{self.timestamp}.py'
            with replacing(Path(self.work_dir, name)) as beside:
                beside.write_text(self.cfg.pretty_text if name.endswith('.py') else self.cfg.dump(), encoding='utf-8')

    def load_checkpoint(self, *args, **kwargs) -> dict:
        """Load a checkpoint; the parent's message goes to stderr, once for all ranks."""
        with contextlib.redirect_stdout(sys.stderr if is_main_process() else io.StringIO()):
            return super().load_checkpoint(*args, **kwargs)

    @contextlib.contextmanager
    def _bar_removed(self) -> Iterator[None]:
        """Remove the progress bar at the end, before an error is printed."""
        try:
            yield
        finally:
            for hook in self.hooks:
                if isinstance(hook, ConsoleHook):
                    hook.stop_bar()

    def train(self) -> nn.Module:
        """Train the model and return it."""
        try:
            with self._bar_removed():
                return super().train()
        except BaseException:
            if not self._accepted:
                self._leave_nothing()
            raise
        finally:
            self._claimed.release()

    def test(self) -> dict[str, float]:
        """Test the model and return its figures."""
        with self._bar_removed():
            return super().test()
