"""What the contestants of eval, dump and startup do; how fast they are is not what is tested here."""

import json

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.structures import InstanceData

from custom.benchmark import models, task_dump, task_eval, task_infer, task_startup, task_train
from custom.benchmark.compare import Settings
from custom.benchmark.photos import config_of, for_inference
from custom.digit_reader import WEIGHTS, DigitReader
from custom.reading.settings import read_reader
from custom.utils.errors import UserError


def test_both_evaluations_give_the_same_twelve_figures(monkeypatch):
    monkeypatch.setattr(task_eval, 'FEW', 20)
    ours, theirs = (task_eval.prepare(rival, Settings(short=True)) for rival in task_eval.RIVALS)
    assert ours.run() == theirs.run() == 20
    assert list(ours.figures()) == list(task_eval.FIGURES)
    assert ours.figures() == pytest.approx(theirs.figures(), rel=0, abs=1e-12)
    assert 0.3 < ours.figures()['AP'] < 0.7


def test_a_submission_and_stock_json_say_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(task_dump, 'FEW', 20)
    settings = Settings(short=True, scratch=str(tmp_path))
    contestants = {rival: task_dump.prepare(rival, settings) for rival in task_dump.RIVALS}
    assert {one.run() for one in contestants.values()} == {20}
    assert all(one.figures()['MB to write'] >= 0 for one in contestants.values())
    files = sorted(path.name for path in (tmp_path / 'ours').iterdir())
    assert files == ['pred.csv', 'pred.json', 'reader.json', 'submission.zip']
    ours, theirs = (json.loads((tmp_path / path).read_bytes()) for path in ('ours/pred.json', 'stock/pred.bbox.json'))
    assert len(ours) == len(theirs) == 2000
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        assert (one['image_id'], one['category_id']) == (other['image_id'], other['category_id'])
        assert [*one['bbox'], one['score']] == pytest.approx([*other['bbox'], other['score']], abs=0.001)


def test_a_submission_that_is_wrong_ends_the_round(monkeypatch, tmp_path):
    monkeypatch.setattr(task_dump, 'FEW', 3)
    run = task_dump.prepare('ours', Settings(short=True, scratch=str(tmp_path))).run
    monkeypatch.setattr('custom.engine.hooks.submission.complete_submission', lambda *_: None)
    with pytest.raises(UserError, match='no such file'):
        run()


def test_both_testers_get_to_their_first_batch(tmp_path):
    for rival in task_startup.RIVALS:
        one = task_startup.prepare(rival, Settings(scratch=str(tmp_path)))
        assert one.run() == 1
        assert (tmp_path / rival / 'weights.pth').stat().st_size > 100_000_000
    logs = [next((tmp_path / rival / 'work').rglob('*.log')).read_text() for rival in task_startup.RIVALS]
    assert all('scale=(\n' in log or 'scale=(512, 128)' in log for log in logs)
    assert all('num_classes=10' in log for log in logs)
    assert [path.name for path in (tmp_path / 'data/valid').iterdir()].count('1.png') == 1


def test_a_tester_that_fails_ends_the_round_with_its_last_words(tmp_path):
    run = task_startup.prepare('ours', Settings(scratch=str(tmp_path))).run
    (tmp_path / 'data/valid.json').unlink()
    with pytest.raises(UserError, match=r'valid\.json: no such file'):
        run()


def test_ap_is_that_of_the_photos_that_were_seen(tmp_path):
    settings = Settings(scratch=str(tmp_path))
    samples = [item['data_samples'] for item in for_inference(config_of('digits_frcnn'), settings, 5)]
    for sample in samples:
        found = InstanceData(
            bboxes=torch.tensor([one['bbox'] for one in sample.instances]),
            labels=torch.tensor([one['bbox_label'] for one in sample.instances]),
            scores=torch.ones(len(sample.instances)),
        )
        sample.pred_instances = found
    assert task_infer._score(samples) == pytest.approx(1)
    samples[0].pred_instances.labels = (samples[0].pred_instances.labels + 1) % 10
    assert task_infer._score(samples) < 0.95


def test_weights_bring_ap(monkeypatch, tmp_path):
    monkeypatch.setattr(task_infer, 'SCORED', 5)
    monkeypatch.setattr(models, 'detector', lambda *_: MODELS.build(config_of('digits_frcnn_lite').model))
    for weights, names in (('some.pth', {'AP'}), (None, set())):
        contestant = task_infer.prepare('ours', Settings(weights=weights, short=True, scratch=str(tmp_path)))
        assert contestant.run() == task_infer.FEW
        assert contestant.figures().keys() == names


@pytest.mark.parametrize('task', [task_infer, task_train])
def test_the_model_is_given_as_many_photos_as_asked_for(task, monkeypatch, tmp_path):
    model = MODELS.build(config_of('digits_frcnn_lite').model)
    model.group_size, seen = 0, []
    monkeypatch.setattr(models, 'detector', lambda *_: model)
    inner = model.extract_feat
    monkeypatch.setattr(model, 'extract_feat', lambda photos: seen.append(len(photos)) or inner(photos))
    contestant = task.prepare('ours', Settings(batch=3, short=True, scratch=str(tmp_path)))
    seen.clear()
    photos = contestant.run()
    assert sum(seen) == photos
    assert max(seen) == 3


@pytest.mark.parametrize('rival', ['ours-lite', 'ours-lite-single', 'ours-lite-sizes'])
def test_the_light_model_sees_photos_as_its_rival_says(rival, monkeypatch, tmp_path):
    batches = []
    detect = DigitReader._detect
    monkeypatch.setattr(DigitReader, '_detect', lambda self, items: batches.append(items) or detect(self, items))
    contestant = task_infer.prepare(rival, Settings(short=True, scratch=str(tmp_path)))
    photos = contestant.run()
    assert photos == task_infer.FEW * task_infer.TIMES
    assert {len(items) for items in batches if items} == {1 if rival == 'ours-lite-single' else task_infer.BATCH}
    views = {len(items[0]) for items in batches if items}
    asked = read_reader(WEIGHTS.with_name('reader.json')).views
    several = max(1, len(asked.scales) + bool(asked.digits))  # with the photo as it is
    assert views == {several if rival == 'ours-lite-sizes' else 1}


def test_ap_wants_labels_before_anything_is_measured(tmp_path):
    settings = Settings(images=str(tmp_path / 'photos'), weights='some.pth')
    with pytest.raises(UserError, match=r'photos: AP wants labels; put .*photos\.json beside it'):
        task_infer.prepare('ours', settings)


def test_no_photo_is_taken_twice(tmp_path):
    settings = Settings(scratch=str(tmp_path))
    for count in (5, 400):
        items = for_inference(config_of('digits_frcnn'), settings, count)
        ids = {item['data_samples'].img_id for item in items}
        assert len(ids) == len(items) == min(count, len(list((tmp_path / 'photos/train').iterdir())))


@pytest.mark.parametrize('training', [False, True])
def test_torchvision_sees_photos_in_their_size(training, tmp_path):
    model = models.torchvision_detector('v2', Settings(scratch=str(tmp_path))).train(training)
    photo = torch.rand(3, 64, 100)
    truth = [{'boxes': torch.tensor([[10.0, 10.0, 30.0, 50.0]]), 'labels': torch.tensor([3])}]
    photos, _ = model.transform([photo], truth)
    assert photos.image_sizes == [(64, 100)]
    assert photos.tensors.shape == (1, 3, 64, 128)
