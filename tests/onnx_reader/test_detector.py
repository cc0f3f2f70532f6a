import numpy as np
import pytest
from helpers.onnx_models import FACTS, save, whole_image_model

from custom.inference.multiview import View
from custom.onnx_reader.detector import OnnxDetector
from custom.reading.settings import ReaderSettings


@pytest.fixture(scope='module')
def detector(tmp_path_factory):
    return OnnxDetector(save(whole_image_model(), tmp_path_factory.mktemp('onnx') / 'a.onnx'))


def test_the_boxes_of_each_view_come_in_the_order_of_the_views_in_pixels_of_the_photo(detector):
    sizes = [(20, 30), (10, 90), (40, 10), (20, 30), (7, 5)]  # height and width
    views = [View(np.zeros((*size, 3), np.uint8), (0.5, 2.0)) for size in sizes]
    found = detector.detect(views)
    assert [bboxes.tolist() for bboxes, _, _ in found] == [[[0, 0, 2 * w, h / 2]] for h, w in sizes]
    assert all(bboxes.dtype == scores.dtype == np.float32 for bboxes, scores, _ in found)
    assert [labels.tolist() for _, _, labels in found] == [[7]] * 5


def test_a_batch_is_split_into_groups_of_similar_width(detector, monkeypatch):
    shapes = []

    class Session:
        def run(self, names, inputs):
            shapes.append(inputs['images'].shape)
            return session.run(names, inputs)

    session = detector.session
    monkeypatch.setattr(detector, 'session', Session())
    detector.detect([View(np.zeros((h, w, 3), np.uint8), (1, 1)) for h, w in [(8, 10), (9, 50), (4, 12), (30, 48)]])
    assert sorted(shapes) == [(2, 8, 12, 3), (2, 30, 50, 3)]  # group_size is 2


def test_the_settings_of_the_file_are_read(detector):
    assert (detector.facts, detector.reader) == (FACTS, ReaderSettings())
