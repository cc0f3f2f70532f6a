import io
import sys
from types import SimpleNamespace
from weakref import WeakSet

import pytest
from helpers.toy import FixedMetric, ToyModel, loader, photo, toy_runner
from tqdm import tqdm

from custom.engine.hooks import console

pytestmark = pytest.mark.integration

TRAIN = loader([photo(i, value=value) for i, value in enumerate([1.0, 2.0, 3.0, 6.0])])  # batch losses 1.5 and 4.5
VALID = loader([photo(1), photo(2)])


@pytest.fixture(autouse=True)
def no_bars_of_others(monkeypatch):
    """A bar that an earlier test left to the garbage collector would have the first line."""
    monkeypatch.setattr(tqdm, '_instances', WeakSet())


@pytest.fixture
def model(monkeypatch):
    """A model by whose clock a batch takes a second, and nothing else takes any time."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(console, 'time', SimpleNamespace(monotonic=lambda: clock.now))

    def tick():
        clock.now += 1

    return ToyModel(tick)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def train(tmp_path, model, epochs=2, **settings):
    cfg = {'by_epoch': True, 'max_epochs': epochs, 'val_interval': settings.pop('val_interval', 1)}
    hooks = [{'type': 'ConsoleHook'}, *settings.pop('more_hooks', [])]
    toy_runner(tmp_path, model, train_dataloader=TRAIN, train_cfg=cfg, custom_hooks=hooks, **settings).train()


def after_opening(out):
    """The lines after the opening one."""
    first, *lines = out.splitlines()
    assert first.startswith('training on 4 photos')
    return lines


def test_the_opening_line_has_the_time_of_measured_steps(tmp_path, model, capsys, monkeypatch):
    monkeypatch.setattr(console, 'usable_cores', lambda: 2)
    train(tmp_path, model, 8, val_dataloader=VALID, val_evaluator=[FixedMetric(AP=0.25)])
    # An epoch ends before 5 s of steps. The second step took 1 s, and 14 are left.
    assert capsys.readouterr().out.splitlines()[0] == (
        f'training on 4 photos, validation on 2 | CPU, 2 cores | 8 epochs of 2 steps | output in {tmp_path} | '
        'about 14 s left without validation (measured on 1 step)'
    )


@pytest.mark.parametrize(('seconds', 'measured', 'left'), [(1, 5, 54), (0.25, 10, 12), (9, 1, 522)])
def test_the_opening_line_comes_after_ten_steps_or_five_seconds(tmp_path, capsys, monkeypatch, seconds, measured, left):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(console, 'time', SimpleNamespace(monotonic=lambda: clock.now))
    toy = ToyModel(lambda: setattr(clock, 'now', clock.now + seconds))
    data = {**TRAIN, 'sampler': {'type': 'InfiniteSampler', 'shuffle': False}}
    cfg = {'by_epoch': False, 'max_iters': 60}
    toy_runner(tmp_path, toy, train_dataloader=data, train_cfg=cfg, custom_hooks=[{'type': 'ConsoleHook'}]).train()
    opening, _ = capsys.readouterr().out.splitlines()
    assert '| 60 iterations |' in opening
    time_left = console.duration(left)
    assert opening.endswith(f' | about {time_left} left (measured on {measured} step{"s" * (measured > 1)})')


def test_the_last_epoch_is_validated_whatever_the_interval_and_is_one_line_too(tmp_path, model, capsys):
    train(tmp_path, model, 3, val_interval=2, val_dataloader=VALID, val_evaluator=[FixedMetric(AP=0.25)])
    lines = after_opening(capsys.readouterr().out)
    assert [line.split(' | ')[0] for line in lines] == ['epoch 1/3', 'epoch 2/3', 'epoch 3/3']
    assert ['AP 0.250' in line for line in lines] == [False, True, True]


def test_an_epoch_is_one_line_with_its_figures(tmp_path, model, capsys):
    metrics = [FixedMetric(AP=0.25, AP50=0.75, AP_0=1.0), FixedMetric('number', accuracy=0.5, ece=0.125)]
    train(tmp_path, model, val_dataloader=VALID, val_evaluator=metrics)
    # An epoch: 4 photos in 2 batches, then one batch of validation.
    printed = capsys.readouterr()
    assert after_opening(printed.out) == [
        'epoch 1/2 | loss 3.000 | number accuracy 0.500 | AP 0.250 | AP50 0.750 | 2.0 photos/s | 3 s left',
        'epoch 2/2 | loss 3.000 | number accuracy 0.500 | AP 0.250 | AP50 0.750 | 2.0 photos/s | 6 s in all',
    ]
    assert printed.err == ''


def test_a_training_that_stops_early_says_so(tmp_path, model, capsys):
    stop = {'type': 'EarlyStoppingHook', 'monitor': 'digits/AP', 'rule': 'greater', 'min_delta': 0, 'patience': 2}
    falling, metric = iter([0.5, 0.4, 0.3, 0.2]), FixedMetric()
    metric.compute_metrics = lambda results: {'AP': next(falling)}
    train(tmp_path, model, 9, more_hooks=[stop], val_dataloader=VALID, val_evaluator=[metric])
    lines = after_opening(capsys.readouterr().out)
    assert len(lines) == 4  # the first epoch, two that are no better, and the reason
    assert lines[-1] == 'stopped after epoch 3 of 9: no better for a while'


def test_the_log_knows_the_speed(tmp_path, model):
    runner = toy_runner(tmp_path, model, train_dataloader=TRAIN, custom_hooks=[{'type': 'ConsoleHook'}])
    runner.train()
    rates = runner.message_hub.get_scalar('train/photos_per_s').data[0]
    assert rates.tolist() == [2, 2]  # two photos a batch, a second each


def test_epochs_without_validation_have_a_line_too(tmp_path, model, capsys):
    train(tmp_path, model, val_dataloader=VALID, val_evaluator=[FixedMetric(AP=0.25)], val_interval=2)
    assert after_opening(capsys.readouterr().out) == [
        'epoch 1/2 | loss 3.000 | 2.0 photos/s | 2 s left',
        'epoch 2/2 | loss 3.000 | AP 0.250 | 2.0 photos/s | 5 s in all',
    ]


@pytest.mark.parametrize('validated', [True, False])
def test_training_by_iterations_has_a_line_for_each_validation(tmp_path, model, capsys, validated):
    cfg = {'by_epoch': False, 'max_iters': 3, 'val_interval': 2}
    valid = {'val_dataloader': VALID, 'val_evaluator': [FixedMetric(AP=0.25)]} if validated else {}
    data = {**TRAIN, 'sampler': {'type': 'InfiniteSampler', 'shuffle': False}}
    toy_runner(
        tmp_path, model, train_dataloader=data, train_cfg=cfg, custom_hooks=[{'type': 'ConsoleHook'}], **valid
    ).train()
    # Three batches of 2 photos and of loss 1.5, 4.5 and 1.5; a validation takes a second, too.
    assert after_opening(capsys.readouterr().out) == (
        [
            'iteration 2/3 | loss 3.000 | AP 0.250 | 2.0 photos/s | 2 s left',
            'iteration 3/3 | loss 1.500 | AP 0.250 | 2.0 photos/s | 5 s in all',
        ]
        if validated
        else ['iteration 3/3 | loss 2.500 | 2.0 photos/s | 3 s in all']
    )


def test_training_by_iterations_that_stops_early_says_so(tmp_path, model, capsys):
    cfg, hooks = {'by_epoch': False, 'max_iters': 9}, [{'type': 'ConsoleHook'}]
    data = {**TRAIN, 'sampler': {'type': 'InfiniteSampler', 'shuffle': False}}
    runner = toy_runner(tmp_path, model, train_dataloader=data, train_cfg=cfg, custom_hooks=hooks)
    tick = model.on_batch
    model.on_batch = lambda: (tick(), setattr(runner.train_loop, 'stop_training', True))
    runner.train()
    assert after_opening(capsys.readouterr().out) == [
        'iteration 1/9 | loss 1.500 | 2.0 photos/s | 8 s left',
        'stopped after iteration 1 of 9: no better for a while',
    ]


def test_without_any_validation(tmp_path, model, capsys):
    train(tmp_path, model, epochs=1)
    assert after_opening(capsys.readouterr().out) == ['epoch 1/1 | loss 3.000 | 2.0 photos/s | 2 s in all']


def test_figures_that_are_missing_are_not_taken_from_the_epoch_before(tmp_path, model, capsys):
    metric = FixedMetric(AP=0.25)
    metric.compute_metrics = lambda results, waiting=[{'AP': 0.25}, {}]: waiting.pop(0)
    train(tmp_path, model, val_dataloader=VALID, val_evaluator=[metric])
    assert capsys.readouterr().out.count('AP 0.250') == 1


def test_on_a_terminal_there_is_a_bar_until_the_end(tmp_path, model, capsys, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, 'stderr', terminal)
    train(tmp_path, model, val_dataloader=VALID)
    assert 'training:   0%' in terminal.getvalue()
    assert terminal.getvalue().split('\r')[-2].isspace()  # wiped
    assert capsys.readouterr().out.count('epoch ') == 2


def test_a_test_has_a_bar_and_no_line(tmp_path, model, capsys, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, 'stderr', terminal)
    toy_runner(tmp_path, model, test_dataloader=VALID, custom_hooks=[{'type': 'ConsoleHook'}]).test()
    assert 'testing:   0%' in terminal.getvalue()
    assert terminal.getvalue().split('\r')[-2].isspace()
    assert capsys.readouterr().out == ''


def test_other_processes_say_nothing(tmp_path, model, capsys, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, 'stderr', terminal)
    monkeypatch.setattr(console, 'is_main_process', lambda: False)
    train(tmp_path, model, val_dataloader=VALID)
    assert (capsys.readouterr().out, terminal.getvalue()) == ('', '')


@pytest.mark.parametrize('kind', ['train', 'test'])
def test_a_run_that_fails_takes_its_bar_along(tmp_path, monkeypatch, kind):
    def stop():
        raise KeyboardInterrupt

    terminal = Terminal()
    monkeypatch.setattr(sys, 'stderr', terminal)
    data = {f'{kind}_dataloader': TRAIN}
    runner = toy_runner(tmp_path, ToyModel(stop), custom_hooks=[{'type': 'ConsoleHook'}], **data)
    with pytest.raises(KeyboardInterrupt):
        getattr(runner, kind)()
    assert f'{kind}ing:   0%' in terminal.getvalue()
    assert terminal.getvalue().split('\r')[-2].isspace()


def test_the_speed_is_that_of_all_processes_together(tmp_path, model, capsys):
    runner = toy_runner(tmp_path, model, train_dataloader=TRAIN, custom_hooks=[{'type': 'ConsoleHook'}])
    runner._world_size = 2
    runner.train()
    assert '| 4.0 photos/s |' in capsys.readouterr().out
