"""What a person sees on the console while a run goes on."""

import sys
import time

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm

from custom.talk import duration


@HOOKS.register_module()
class ConsoleHook(Hook):
    """A progress bar with the time left on stderr, and one line an epoch on stdout.

    The bar appears on terminals only; the log file of the run has every detail.
    """

    priority = 'LOW'  # after the metrics are in

    def __init__(self) -> None:
        self.bar: tqdm | None = None

    def _start_bar(self, name: str, total: int, done: int = 0) -> None:
        hidden = None if is_main_process() else True  # None: hidden where stderr is no terminal
        self.bar = tqdm(
            None, name, total, leave=False, initial=done, disable=hidden, unit=' batches', dynamic_ncols=True
        )

    def stop_bar(self) -> None:
        """Remove the bar, if there is one."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def before_train(self, runner: Runner) -> None:
        """Start the bar over all epochs."""
        self.first_epoch, self.started = runner.epoch, time.monotonic()
        self._start_bar('training', runner.max_iters, runner.iter)

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the clock and the mean loss of this epoch."""
        self.last_step = time.monotonic()
        self.epoch_started, self.loss_sum, self.batches, self.photos = time.monotonic(), 0.0, 0, 0

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs: dict | None = None) -> None:
        """Advance the bar, and tell the log how fast it goes."""
        now = time.monotonic()
        rate = len(data_batch['inputs']) * runner.world_size / (now - self.last_step)
        runner.message_hub.update_scalar('train/photos_per_s', rate)
        self.last_step = now
        self.loss_sum += float(outputs['loss'].detach())  # type: ignore[index]
        self.batches += 1
        self.photos += len(data_batch['inputs'])
        self.bar.update()  # type: ignore[union-attr]

    def after_train_epoch(self, runner: Runner) -> None:
        """Say the epoch's line, unless validation will say it with its figures."""
        self.epoch_seconds = time.monotonic() - self.epoch_started
        epoch, loop = runner.epoch + 1, runner.train_loop
        due = epoch % loop.val_interval == 0 or epoch == runner.max_epochs
        if not (runner.val_loop is not None and epoch >= loop.val_begin and due):
            self._say_epoch(runner, epoch, {})

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Say the epoch's line with the validation figures."""
        if self.bar is not None:  # validation within training
            self._say_epoch(runner, runner.epoch, metrics or {})

    def _say_epoch(self, runner: Runner, epoch: int, metrics: dict[str, float]) -> None:
        left = (time.monotonic() - self.started) / (epoch - self.first_epoch) * (runner.max_epochs - epoch)
        shown = {'number/accuracy': 'number accuracy', 'digits/AP': 'AP', 'digits/AP50': 'AP50'}
        figures = [f'{shown[key]} {metrics[key]:.3f}' for key in shown if key in metrics]
        parts = [
            f'epoch {epoch}/{runner.max_epochs}',
            f'loss {self.loss_sum / self.batches:.3f}',
            *figures,
            f'{self.photos * runner.world_size / self.epoch_seconds:.1f} photos/s',
            f'{duration(left)} left' if left else f'{duration(time.monotonic() - self.started)} in all',
        ]
        if is_main_process():
            tqdm.write(' | '.join(parts), file=sys.stdout)
            sys.stdout.flush()

    def after_train(self, runner: Runner) -> None:
        """Remove the bar, and say when training ended before its last epoch."""
        self.stop_bar()
        if runner.epoch < runner.max_epochs and is_main_process():
            print(f'stopped after epoch {runner.epoch} of {runner.max_epochs}: no better for a while', flush=True)

    def before_test_epoch(self, runner: Runner) -> None:
        """Start the bar over the test photos."""
        self._start_bar('testing', len(runner.test_dataloader))

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        """Advance the bar."""
        self.bar.update()  # type: ignore[union-attr]

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Remove the bar."""
        self.stop_bar()
