import pytest
from helpers.toy import ToyModel, loader, photo, toy_runner
from mmengine.visualization import Visualizer
from PIL import Image

from custom.engine.hooks.panel import PanelHook
from custom.engine.metrics import NumberMetric

pytestmark = pytest.mark.integration

TRUE = [{'bbox': [20, 5, 30, 25], 'bbox_label': 2, 'ignore_flag': 0}]
TRUE += [{'bbox': [5, 5, 15, 25], 'bbox_label': 1, 'ignore_flag': 0}]
TRUE += [{'bbox': [1, 5, 4, 25], 'bbox_label': 7, 'ignore_flag': 1}]  # does not count


@pytest.fixture
def items(tmp_path):
    """Four validation photos, each with a 1 and a 2; what is found is the 1, with a score that grows with the id."""
    found = []
    for image_id in range(1, 5):
        Image.new('RGB', (40, 30), 'grey').save(tmp_path / f'{image_id}.png')
        item = photo(image_id, [((5, 5, 15, 25), 0.5 + image_id / 10, 1)])
        sample = item['data_samples']
        sample.set_metainfo({'img_path': str(tmp_path / f'{image_id}.png'), 'ori_shape': (30, 40), 'instances': TRUE})
        found.append(item)
    return found


def train(tmp_path, items, monkeypatch, hook, **settings):
    shown = []
    monkeypatch.setattr(Visualizer, 'add_image', lambda self, name, image, step=0: shown.append((name, image, step)))
    train_loader = {'batch_size': 1, 'num_workers': 0, **loader([photo(1)])}
    toy_runner(
        tmp_path / 'work',
        ToyModel(),
        train_dataloader=train_loader,
        val_dataloader=loader(items),
        val_evaluator=[NumberMetric(reader={'score_thr': 0.75})],
        custom_hooks=[hook],
        **{'train_cfg': {'by_epoch': True, 'max_epochs': 2}, **settings},
    ).train()
    return shown


def test_every_epoch_shows_the_same_photos_read_as_the_metric_reads_them(tmp_path, items, monkeypatch):
    shots = []
    monkeypatch.setattr(
        'custom.engine.hooks.panel.contact_sheet', lambda taken, title: shots.append((list(taken), title))
    )
    train(tmp_path, items, monkeypatch, PanelHook(photos=2))
    assert [title for _, title in shots] == ['after epoch 1', 'after epoch 2']
    for taken, _ in shots:
        assert [shot.number for shot in taken] == ['', '1']  # photos 2 and 4, their scores 0.7 and 0.9
        assert [shot.truth for shot in taken] == ['12', '12']


def test_the_picture_goes_to_the_visualizer(tmp_path, items, monkeypatch):
    shown = train(tmp_path, items, monkeypatch, PanelHook())
    assert [(name, step) for name, _, step in shown] == [('validation', 1), ('validation', 2)]
    assert shown[0][1].ndim == 3
    assert shown[0][1].shape[2] == 3


def test_a_training_by_iterations_has_a_picture_for_each_validation(tmp_path, items, monkeypatch):
    cfg = {'by_epoch': False, 'max_iters': 5, 'val_interval': 3}
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda seconds: None)  # when the photos start again
    shown = train(tmp_path, items, monkeypatch, PanelHook(), train_cfg=cfg)
    assert [step for _, _, step in shown] == [3, 5]


def test_other_processes_draw_nothing(tmp_path, items, monkeypatch):
    monkeypatch.setattr('custom.engine.hooks.panel.is_main_process', lambda: False)
    assert train(tmp_path, items, monkeypatch, PanelHook()) == []
