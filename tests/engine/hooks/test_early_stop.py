import pytest
from helpers.toy import FixedMetric, loader, photo, toy_runner

pytestmark = pytest.mark.integration

TRAIN = loader([photo(i) for i in range(4)])
VALID = loader([photo(1)])
STOP = {'type': 'EarlyStopHook', 'monitor': 'digits/AP', 'rule': 'greater', 'min_delta': 0, 'patience': 2}


def trained(tmp_path, values):
    falling, metric = iter(values), FixedMetric()
    metric.compute_metrics = lambda results: {'AP': next(falling)}
    runner = toy_runner(
        tmp_path,
        train_dataloader=TRAIN,
        val_dataloader=VALID,
        val_evaluator=[metric],
        train_cfg={'by_epoch': True, 'max_epochs': len(values)},
        custom_hooks=[STOP],
    )
    runner.train()
    return runner.epoch


def test_training_stops_when_epochs_are_worse_than_the_best(tmp_path):
    assert trained(tmp_path, [0.5, 0.4, 0.3, 0.9]) == 3


def test_epochs_as_good_as_the_best_do_not_count(tmp_path):
    assert trained(tmp_path, [0.0, 0.0, 0.0, 0.0]) == 4


def test_a_test_is_no_training(tmp_path):
    assert toy_runner(tmp_path, test_dataloader=VALID, custom_hooks=[STOP]).test() == {}
