from dataclasses import replace

import pytest

from custom.benchmark import task_infer, task_train
from custom.benchmark.candidate import Settings
from custom.utils.errors import UserError


@pytest.mark.parametrize('task', [task_infer, task_train])
def test_batch_size_of_the_model(task, monkeypatch, settings, light_model):
    light_model.group_size, seen = 0, []
    inner = light_model.extract_feat
    monkeypatch.setattr(light_model, 'extract_feat', lambda photos: seen.append(len(photos)) or inner(photos))
    candidate = task.prepare('ours', replace(settings, batch=3))
    seen.clear()
    photos = candidate.run()
    assert sum(seen) == photos
    assert max(seen) == 3


def test_training_needs_labels(tmp_path, light_model):
    settings = Settings(images=str(tmp_path / 'photos'))
    with pytest.raises(UserError, match=r'photos: training needs labels; save them as .*photos\.json'):
        task_train.prepare('ours', settings)
