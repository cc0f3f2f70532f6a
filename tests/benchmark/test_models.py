from pathlib import Path

import pytest
import torch

from custom.benchmark import models


def test_no_photo_is_used_twice(settings):
    for count in (5, 400):
        items = models.for_inference(settings, count)
        ids = {item['data_samples'].img_id for item in items}
        assert len(ids) == len(items) == min(count, len(list(Path(settings.scratch, 'photos/train').iterdir())))


@pytest.mark.parametrize('training', [False, True])
def test_torchvision_does_not_scale_photos(training, settings):
    model = models.torchvision_detector('v2', settings).train(training)
    photo = torch.rand(3, 64, 100)
    truth = [{'boxes': torch.tensor([[10.0, 10.0, 30.0, 50.0]]), 'labels': torch.tensor([3])}]
    photos, _ = model.transform([photo], truth)
    assert photos.image_sizes == [(64, 100)]
    assert photos.tensors.shape == (1, 3, 64, 128)
