"""Detections of many photos."""

import numpy as np
import pytest

from custom.structures.detections import Detections
from custom.utils.errors import UserError


def some(n):
    xyxy = [[i, 0, i + 2.5, 4] for i in range(n)]
    return Detections.from_model(range(n), xyxy, [0.5] * n, [7] * n)


def test_from_model_rounds_and_turns_xyxy_into_xywh():
    detections = Detections.from_model([5], [[1.0004, 2.0006, 4.5, 8.25]], [0.12345678], [0])
    assert detections.bboxes.tolist() == [[1.0, 2.001, 3.5, 6.249]]
    assert detections.scores.tolist() == [0.123457]
    assert (detections.image_ids.dtype, detections.labels.dtype) == (np.int64, np.int64)


def test_concatenate():
    parts = [some(2), some(0), some(3)]
    whole = Detections.concatenate(parts)
    assert whole.image_ids.tolist() == [0, 1, 0, 1, 2]
    assert whole.bboxes[2:].tolist() == parts[2].bboxes.tolist()
    assert len(Detections.concatenate([])) == 0


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'bboxes': [[0, 0, np.nan, 1]]}, 'image 8: bbox .*nan.* is not finite; 1 of 1'),
        ({'bboxes': [[0, 0, -1, 1]]}, 'negative width or height'),
        ({'scores': [np.inf]}, 'score inf is not finite'),
        ({'labels': [10]}, 'category_id 11'),
    ],
)
def test_values_that_the_file_cannot_hold_are_refused(change, said):
    good = {'image_ids': [8], 'bboxes': [[0, 0, 1, 1]], 'scores': [0.5], 'labels': [3]}
    with pytest.raises(UserError, match=said):
        Detections(**{name: np.array(value) for name, value in (good | change).items()})


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match='do not match'):
        Detections.from_model([1, 2], [[0, 0, 1, 1]], [0.5], [1])
