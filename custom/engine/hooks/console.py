"""Progress of a run on the console."""

import sys
import time

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from tqdm import tqdm

from ...utils.messages import duration

SHOWN = {'number/accuracy': 'number accuracy', 'digits/AP': 'AP', 'digits/AP50': 'AP50'}


def progress(runner: Runner) -> tuple[str, int, int]:
    """Return the unit of the train loop (epoch or iteration), the number of units done, and the total."""
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return 'iteration', runner.iter, runner.max_iters
    return 'epoch', runner.epoch, runner.max_epochs


@HOOKS.register_module()
class ConsoleHook(Hook):
    """Progress bar with the time left on stderr, on terminals only, and a line per epoch or validation on stdout."""

    priority = 'LOW'  # after the metrics are computed

    def __init__(self) -> None:
        self.bar: tqdm | None = None

    def _start_bar(self, name: str, total: int, done: int = 0) -> None:
        hidden = None if is_main_process() else True  # None: hidden unless stderr is a terminal
        bar = {'initial': done, 'disable': hidden, 'leave': False, 'unit': ' batches', 'dynamic_ncols': True}
        self.bar = tqdm(None, name, total, **bar)

    def stop_bar(self) -> None:
        """Remove the bar, if there is one."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def before_train(self, runner: Runner) -> None:
        """Start the bar over all batches, and the first line."""
        self.first_iter, self.started = runner.iter, time.monotonic()
        self._start_bar('training', runner.max_iters, runner.iter)
        self._start_line()

    def _start_line(self) -> None:
        self.line_started = self.last_step = time.monotonic()
        self.loss_sum, self.batches, self.photos = 0.0, 0, 0

    def before_train_epoch(self, runner: Runner) -> None:
        """Print the line of the previous epoch, unless its validation did."""
        self._print_line(runner, {})

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs: dict | None = None) -> None:
        """Advance the bar, and log the speed."""
        now = time.monotonic()
        rate = len(data_batch['inputs']) * runner.world_size / (now - self.last_step)
        runner.message_hub.update_scalar('train/photos_per_s', rate)
        self.last_step = now
        self.loss_sum += float(outputs['loss'].detach())  # type: ignore[index]
        self.batches += 1
        self.photos += len(data_batch['inputs'])
        self.bar.update()  # type: ignore[union-attr]

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Print the line with the validation figures, in training."""
        if self.bar is not None:
            self._print_line(runner, metrics or {})

    def _print_line(self, runner: Runner, metrics: dict[str, float]) -> None:
        if self.batches and is_main_process():
            unit, done, total = progress(runner)
            passed = time.monotonic() - self.started
            left = passed / (runner.iter - self.first_iter) * (runner.max_iters - runner.iter)
            parts = [
                f'{unit} {done}/{total}',
                f'loss {self.loss_sum / self.batches:.3f}',
                *(f'{name} {metrics[key]:.3f}' for key, name in SHOWN.items() if key in metrics),
                f'{self.photos * runner.world_size / (self.last_step - self.line_started):.1f} photos/s',
                f'{duration(left)} left' if left else f'{duration(passed)} in all',
            ]
            tqdm.write(' | '.join(parts), file=sys.stdout)
            sys.stdout.flush()
        self._start_line()

    def after_train(self, runner: Runner) -> None:
        """Remove the bar, and report an early stop."""
        self._print_line(runner, {})
        self.stop_bar()
        unit, done, total = progress(runner)
        if done < total and is_main_process():
            print(f'stopped after {unit} {done} of {total}: no better for a while', flush=True)

    def before_test_epoch(self, runner: Runner) -> None:
        """Start the bar over the test photos."""
        self._start_bar('testing', len(runner.test_dataloader))

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        """Advance the bar."""
        self.bar.update()  # type: ignore[union-attr]

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Remove the bar."""
        self.stop_bar()
