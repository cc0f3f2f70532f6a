"""Progress of a run on the console."""

import sys
import time

import torch
from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from tqdm import tqdm

from ...evaluation.summary import report
from ...utils.cores import usable_cores
from ...utils.messages import duration
from ..metrics import results_of

MEASURED_STEPS, MEASURED_SECONDS = 10, 5.0  # steps after the first one that the estimate of the time is taken from
SHOWN = {'number/accuracy': 'number accuracy', 'digits/AP': 'AP', 'digits/AP50': 'AP50'}


def progress(runner: Runner) -> tuple[str, int, int]:
    """Return the unit of the train loop (epoch or iteration), the number of units done, and the total."""
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return 'iteration', runner.iter, runner.max_iters
    return 'epoch', runner.epoch, runner.max_epochs


def describe_run(runner: Runner) -> str:
    """Describe a training that begins: images, device, length and work dir."""
    unit, done, total = progress(runner)
    photos = f'training on {len(runner.train_dataloader.dataset)} photos'
    if runner.val_loop is not None:
        photos += f', validation on {len(runner.val_dataloader.dataset)}'
    cores, device = usable_cores(), next(runner.model.parameters()).device
    name = f'CPU, {cores} core{"s" * (cores > 1)}' if device.type == 'cpu' else torch.cuda.get_device_name(device)
    processes = f'{runner.world_size} processes, ' if runner.world_size > 1 else ''
    steps = f'{len(runner.train_dataloader)} step{"s" * (len(runner.train_dataloader) > 1)}'
    if done:
        length = f'continued after {unit} {done} of {total}'
    else:
        length = f'{total} {unit}{"s" * (total > 1)}' + (f' of {steps}' if unit == 'epoch' else '')
    work_dir = runner.cfg.get('work_dir') or runner.work_dir
    return f'{photos} | {processes}{name} | {length} | output in {work_dir}'


@HOOKS.register_module()
class ConsoleHook(Hook):
    """Progress bar with the time left on stderr, on terminals only, and lines on stdout.

    A training has an opening line, printed when its first steps are measured, and a line per epoch or validation.

    Args:
        figures: whether to print the figures of a test. Defaults to False: tools/test.py prints them itself.
    """

    priority = 'LOW'  # after the metrics are computed

    def __init__(self, figures: bool = False) -> None:
        self.bar: tqdm | None = None
        self.figures = figures

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
        self.steps, self.opening = 0, describe_run(runner)
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
        self.steps += 1
        if self.steps == 1:
            self.measured_from = now
        elif self.steps > MEASURED_STEPS or now - self.measured_from >= MEASURED_SECONDS:
            self._print_opening(runner, runner.max_iters - runner.iter - 1)

    def _print_opening(self, runner: Runner, left: int) -> None:
        """Print the opening line once, with the time that the steps left take at the speed of those after the first.

        The first step also starts the workers and allocates memory.
        """
        if self.opening and is_main_process():
            steps = self.steps - 1
            if steps and left:
                seconds = (self.last_step - self.measured_from) / steps
                without = ' without validation' if runner.val_loop is not None else ''
                time_left = f'about {duration(seconds * left)} left{without}'
                self.opening += f' | {time_left} (measured on {steps} step{"s" * (steps > 1)})'
            self._write(self.opening)
        self.opening = ''

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Print the line with the validation figures, in training."""
        if self.bar is not None:
            self._print_line(runner, metrics or {})

    def _print_line(self, runner: Runner, metrics: dict[str, float]) -> None:
        if self.batches:
            self._print_opening(runner, runner.max_iters - runner.iter)
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
            self._write(' | '.join(parts))
        self._start_line()

    @staticmethod
    def _write(line: str) -> None:
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()

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
        """Remove the bar, and print the figures if the hook does."""
        self.stop_bar()
        if self.figures and is_main_process():
            self._write(report(*results_of(runner.test_evaluator.metrics)) or str(metrics))
