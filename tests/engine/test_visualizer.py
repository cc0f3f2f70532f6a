import numpy as np
import pytest
import torch
from helpers.project import run_python
from mmdet.registry import VISUALIZERS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from custom.engine.visualizer import FIGURE
from custom.utils.errors import UserError


def build(kind, **more):
    return VISUALIZERS.get(kind)(**more)


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def drawn(visualizer, photo):
    visualizer.dataset_meta = {
        'classes': tuple('0123456789'),
        'palette': [(20 * i, 255 - 20 * i, 99) for i in range(10)],
    }
    boxes = torch.tensor([[5.0, 5, 20, 35], [25, 4, 40, 36]])
    sample = DetDataSample(pred_instances=InstanceData(bboxes=boxes, labels=torch.tensor([1, 7]), scores=torch.ones(2)))
    visualizer.add_datasample('photo', photo, sample, draw_gt=False)
    return visualizer.get_image()


def test_it_draws_what_mmdetection_draws(photo):
    ours, theirs = drawn(build('DigitVisualizer'), photo), drawn(build('DetLocalVisualizer'), photo)
    np.testing.assert_array_equal(ours, theirs)
    assert (ours != photo).any()


def test_the_figure_is_made_on_first_use(photo):
    visualizer = build('DigitVisualizer')
    assert not set(FIGURE) & set(vars(visualizer))
    visualizer.set_image(photo)
    assert set(FIGURE) <= set(vars(visualizer))
    np.testing.assert_array_equal(visualizer.get_image(), photo)
    np.testing.assert_array_equal(build('DigitVisualizer', image=photo).get_image(), photo)
    with pytest.raises(AttributeError, match="DigitVisualizer has no attribute 'figure'"):
        visualizer.figure  # noqa: B018


@pytest.mark.integration
def test_matplotlib_is_imported_on_first_use():
    code = (
        'import sys, custom.register\n'
        'from mmdet.registry import VISUALIZERS\n'
        'visualizer = VISUALIZERS.build(dict(type="DigitVisualizer", name="a"))\n'
        'print("matplotlib" in sys.modules, visualizer.dpi, "matplotlib" in sys.modules)'
    )
    assert run_python(code) == ['False', '100.0', 'True']


def test_mlflow_gets_a_file_name_and_other_loggers_the_name(photo):
    """MLflow takes the format of an image from the ending of its name."""

    class Backend:
        def __init__(self):
            self.images = []

        def add_image(self, name, image, step):
            self.images.append((name, image.shape, step))

    mlflow = type('MLflowVisBackend', (Backend,), {})()
    visualizer = build('DigitVisualizer')
    visualizer._vis_backends = {'files': Backend(), 'mlflow': mlflow}
    visualizer.add_image('validation', photo, step=2)
    assert [backend.images for backend in visualizer._vis_backends.values()] == [
        [('validation', (40, 60, 3), 2)],
        [('validation_2.png', (40, 60, 3), 2)],
    ]


def test_a_log_that_cannot_be_written_is_named(photo, tmp_path):
    class Full:
        _save_dir = str(tmp_path)

        def fail(self, *args, **kwargs):
            raise OSError(28, 'No space left on device')

        add_image = add_scalars = close = fail

    visualizer = build('DigitVisualizer')
    visualizer._vis_backends = {'files': Full()}
    for write in (lambda: visualizer.add_image('a', photo), lambda: visualizer.add_scalars({'a': 1}), visualizer.close):
        with pytest.raises(UserError, match=f'{tmp_path}: could not be written .No space left on device.'):
            write()
