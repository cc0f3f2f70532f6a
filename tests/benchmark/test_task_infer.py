from dataclasses import replace

import pytest
import torch
from mmengine.structures import InstanceData

from custom.benchmark import task_infer
from custom.benchmark.candidate import Settings
from custom.benchmark.models import for_inference
from custom.digit_reader import DigitReader
from custom.utils.errors import UserError


def test_ap_is_that_of_the_given_photos(settings):
    samples = [item['data_samples'] for item in for_inference(settings, 5)]
    for sample in samples:
        sample.pred_instances = InstanceData(
            bboxes=torch.tensor([one['bbox'] for one in sample.instances]),
            labels=torch.tensor([one['bbox_label'] for one in sample.instances]),
            scores=torch.ones(len(sample.instances)),
        )
    assert task_infer._average_precision(samples) == pytest.approx(1)
    samples[0].pred_instances.labels = (samples[0].pred_instances.labels + 1) % 10
    assert task_infer._average_precision(samples) < 0.95


def test_weights_bring_ap(monkeypatch, settings, light_model):
    monkeypatch.setattr(task_infer, 'SCORED', 5)
    for weights, names in (('some.pth', {'AP'}), (None, set())):
        candidate = task_infer.prepare('ours', replace(settings, weights=weights))
        assert candidate.run() == task_infer.FEW
        assert candidate.figures().keys() == names


@pytest.mark.parametrize(
    ('candidate', 'sizes'), [('ours-lite', {16, 4}), ('ours-lite-single', {1}), ('ours-lite-sizes', {16, 4})]
)
def test_batch_size_and_views_of_the_light_model(candidate, sizes, monkeypatch, settings):
    monkeypatch.setattr(task_infer, 'TIMES', 5)
    batches = []
    detect = DigitReader._detect
    monkeypatch.setattr(DigitReader, '_detect', lambda self, items: batches.append(items) or detect(self, items))
    photos = task_infer.prepare(candidate, settings).run()
    assert photos == task_infer.FEW * task_infer.TIMES
    assert {len(items) for items in batches if items} == sizes
    scales = {item.view.scale for items in batches for item in items}
    assert (scales == {(1.0, 1.0)}) is (candidate == 'ours-lite-sizes')  # the search gets the photos as they are


def test_ap_needs_labels_before_anything_is_measured(tmp_path):
    settings = Settings(images=str(tmp_path / 'photos'), weights='some.pth')
    with pytest.raises(UserError, match=r'photos: AP needs labels; save them as .*photos\.json'):
        task_infer.prepare('ours', settings)
