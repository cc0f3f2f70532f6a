import json

import pytest
import torch
from helpers.toy import FixedMetric, ToyModel, loader, photo, toy_runner

from custom.engine.hooks import tune_reader as tune_hook
from custom.models.checkpoints import fingerprint, load_checkpoint, load_weights, resume_from
from custom.reading.settings import ReaderConfig, ReaderSettings, read_reader
from custom.runs.checkpoint_files import best_checkpoint
from custom.utils.errors import UserError

pytestmark = pytest.mark.integration

A, B = [2.0, 4.0, 10.0, 16.0], [12.0, 4.0, 20.0, 16.0]
TRAIN = loader([photo(i, value=0.25) for i in range(4)])  # each step takes 0.05 * 0.25 from the weight
FIGURES = {
    'number_accuracy_default': 0.5,
    'cross_validated': {'accuracy': 0.75, 'intervals': {'accuracy': [0.25, 1.0]}},
}


class ScoreModel(ToyModel):
    """Every score is the model's weight."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        outputs = super().forward(inputs, data_samples, mode)
        if mode == 'predict':
            for sample in outputs:
                sample.pred_instances.scores[:] = self.one.detach()
        return outputs


def labelled(image_id, boxes, truth):
    """As `photo`; truth is (xyxy, digit)."""
    item = photo(image_id, boxes)
    instances = [{'bbox': bbox, 'bbox_label': digit, 'ignore_flag': 0} for bbox, digit in truth]
    item['data_samples'].set_metainfo({'ori_shape': (20, 40), 'instances': instances})
    return item


VALID = [labelled(5, [(B, 0, 7), (A, 0, 3)], [(A, 3), (B, 7)]), labelled(6, [], [(A, 1)]), labelled(4, [], [(B, 2)])]


@pytest.fixture
def tuned(monkeypatch):
    """What the hook gives to `tune_reader`, which answers with a fixed reader."""
    calls = []

    def tune_reader(detections, truth, source):
        calls.append((detections, truth, source))
        return ReaderSettings(ReaderConfig(0.25), tuned_on=FIGURES)

    monkeypatch.setattr(tune_hook, 'tune_reader', tune_reader)
    return calls


def train(tmp_path, items=VALID, epochs=2, more_hooks=(), save_best='toy/score', **settings):
    """Two steps an epoch; the validation figures fall, so that the first epoch is the best one."""
    metric = FixedMetric('toy')
    figures = [{'score': 1 - 0.1 * epoch} for epoch in range(epochs)]
    metric.compute_metrics = lambda results: figures.pop(0)
    saving = {'type': 'CheckpointHook', 'interval': 1, 'save_best': save_best, 'rule': save_best and 'greater'}
    hooks = [{'type': 'TuneReaderHook'}, saving, *more_hooks]  # the order does not matter
    if items:
        settings |= {'val_dataloader': loader(items), 'val_evaluator': [metric]}
    runner = toy_runner(
        tmp_path / 'work',
        ScoreModel(),
        train_dataloader=TRAIN,
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.05}},
        param_scheduler={'type': 'ConstantLR', 'factor': 1.0},
        custom_hooks=hooks,
        **settings,
    )
    runner.train()
    return runner


def test_it_tunes_on_the_validation_photos_with_the_best_weights(tmp_path, tuned, capsys):
    runner = train(tmp_path)
    ((detections, truth, source),) = tuned
    assert detections.image_ids.tolist() == [5, 5]
    assert detections.labels.tolist() == [7, 3]
    assert detections.scores.tolist() == [0.975] * 2  # after the two steps of the first epoch
    assert truth.image_ids.tolist() == [5, 6, 4]
    assert truth.labels.tolist() == [3, 7, 1, 2]
    assert source == 'validation photos'
    assert runner.model.one.item() == pytest.approx(0.95)  # as training left it
    best = tmp_path / 'work/best_toy_score_epoch_1.pth'
    assert best_checkpoint(tmp_path / 'work') == best
    reader = read_reader(tmp_path / 'work/reader.json')
    assert reader.number == ReaderConfig(0.25)
    assert reader.tuned_on == FIGURES
    stored = load_checkpoint(best)
    assert reader.fingerprint == fingerprint(stored['state_dict']) != fingerprint(runner.model.state_dict())
    assert ReaderSettings.from_dict(stored['meta']['reader']) == reader
    assert capsys.readouterr().out.splitlines() == [
        'reader tuned on 3 photos: number accuracy 0.667 (0.208-0.939) untuned, '
        '0.667 (0.208-0.939) tuned (cross-validated; in brackets 95 % intervals, Wilson)',
        f'it is in {best}, and in {tmp_path / "work/reader.json"}',
    ]


def test_with_an_average_of_the_weights_it_is_the_average_that_is_read_with(tmp_path, tuned):
    runner = train(tmp_path, more_hooks=[{'type': 'EMAHook', 'momentum': 0.5}])
    stored = load_checkpoint(best_checkpoint(tmp_path / 'work'))
    raw, average = stored['ema_state_dict']['module.one'].item(), stored['state_dict']['one'].item()
    assert raw == pytest.approx(0.975)
    assert average > raw  # it lags behind
    assert tuned[0][0].scores.tolist() == pytest.approx([average] * 2, abs=1e-6)
    tested = ScoreModel()
    load_weights(tested, best_checkpoint(tmp_path / 'work'))
    reader = read_reader(tmp_path / 'work/reader.json')
    assert reader.fingerprint == stored['meta']['reader']['fingerprint'] == fingerprint(tested.state_dict())
    assert runner.model.one.item() == pytest.approx(0.95)


@pytest.mark.parametrize('failing', ['load_weights', '_validate'])
def test_the_weights_of_the_training_come_back_after_a_failure(tmp_path, monkeypatch, failing):
    def fail(model, *args):
        if failing == 'load_weights':
            torch.nn.init.zeros_(model.one)  # half way
        raise OSError('a photo is gone')

    runners = []
    monkeypatch.setattr(tune_hook.TuneReaderHook, 'before_train', lambda self, runner: runners.append(runner))
    monkeypatch.setattr(tune_hook, failing, fail)
    with pytest.raises(OSError, match='gone'):
        train(tmp_path)
    assert runners[0].model.one.item() == pytest.approx(0.95)


def test_without_a_best_checkpoint_it_is_the_last_one_which_still_resumes(tmp_path, tuned):
    train(tmp_path, save_best=None)
    last = tmp_path / 'work/epoch_2.pth'
    assert load_checkpoint(last)['meta']['reader'] == json.loads((tmp_path / 'work/reader.json').read_text())
    assert tuned[0][0].scores.tolist() == [0.95] * 2
    assert resume_from(tmp_path / 'work', 'auto') == last
    runner = train(tmp_path, epochs=3, save_best=None, resume=True)
    assert runner.epoch == 3
    assert runner.model.one.item() == pytest.approx(0.925)
    assert len(tuned) == 2


def plain(value):
    """Something that == compares whole."""
    if torch.is_tensor(value):
        return value.dtype, value.tolist()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return plain(vars(value)) if hasattr(value, '__dict__') else str(value)


def test_nothing_of_a_checkpoint_is_lost(tmp_path, tuned):
    train(tmp_path, more_hooks=[{'type': 'EMAHook'}])
    path = tmp_path / 'work/epoch_2.pth'
    before = load_checkpoint(path)
    assert {'message_hub', 'optimizer', 'ema_state_dict'} < before.keys()
    reader = tune_hook.store_reader(path, ReaderSettings(ReaderConfig(0.125)))
    after = load_checkpoint(path)
    assert after['meta'].pop('reader') == reader.to_dict()
    assert plain(after) == plain(before)
    assert after['state_dict']._metadata == before['state_dict']._metadata
    bare = tmp_path / 'bare.pth'
    torch.save({'one': torch.tensor(2.0)}, bare)
    tune_hook.store_reader(bare, reader)
    assert load_checkpoint(bare)['meta'] == {
        'reader': {**reader.to_dict(), 'fingerprint': fingerprint(torch.load(bare)['state_dict'])}
    }
    assert sorted(one.name for one in tmp_path.iterdir()) == ['bare.pth', 'work']


def test_nothing_to_tune_on_is_said_and_does_not_spoil_the_training(tmp_path, monkeypatch, capsys):
    def tune_reader(detections, truth, source):
        raise UserError('no digit at all')

    monkeypatch.setattr(tune_hook, 'tune_reader', tune_reader)
    train(tmp_path)
    said = 'note: the reader is not tuned, the thresholds of the config stay in use (no digit at all)\n'
    assert capsys.readouterr() == ('', said)
    assert not (tmp_path / 'work/reader.json').exists()


@pytest.mark.parametrize('items', [None, [photo(1, [(A, 0, 3)]), photo(2)]])
def test_without_validation_or_its_truth_nothing_is_done(tmp_path, tuned, items):
    train(tmp_path, items, save_best=None)
    assert tuned == []
    assert not (tmp_path / 'work/reader.json').exists()


def test_without_a_checkpoint_nothing_is_done(tmp_path, tuned):
    hooks = [{'type': 'TuneReaderHook'}]
    toy_runner(tmp_path, ScoreModel(), train_dataloader=TRAIN, val_dataloader=loader(VALID), custom_hooks=hooks).train()
    assert tuned == []
