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


def test_views_that_are_padded_to_one_size_are_a_group(detector, monkeypatch):
    shapes = []

    class Session:
        def run(self, names, inputs):
            shapes.append(inputs['images'].shape)
            return session.run(names, inputs)

    session = detector.session
    monkeypatch.setattr(detector, 'session', Session())
    sizes = [(8, 10), (9, 50), (4, 12), (3, 3), (30, 48)]
    detector.detect([View(np.zeros((*size, 3), np.uint8), (1, 1)) for size in sizes])
    # Two images of a group at most, sides padded to multiples of 16 by the model.
    assert sorted(shapes) == [(1, 3, 3, 3), (1, 9, 50, 3), (1, 30, 48, 3), (2, 8, 12, 3)]


def test_the_settings_of_the_file_are_read(detector):
    assert (detector.facts, detector.reader) == (FACTS, ReaderSettings())
