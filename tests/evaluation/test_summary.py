import numpy as np

from custom.evaluation.number_accuracy import INTERVALS
from custom.evaluation.summary import report, score
from custom.reading.settings import DEFAULTS, ReaderConfig
from custom.structures.annotations import DigitAnnotations
from custom.structures.detections import Detections

A, B = [0.0, 0, 10, 20], [12.0, 0, 10, 20]  # xywh


def scene():
    """Make photos of 7, 70, 70 and 0, read as 7, 7, 70 and nothing; each detection has the score 0.9."""
    boxes = [(1, A, 7), (2, A, 7), (2, B, 0), (3, A, 7), (3, B, 0), (4, A, 0)]
    ids, bboxes, labels = (np.array(column) for column in zip(*boxes, strict=True))
    truth = DigitAnnotations(
        np.arange(1, 5), [], np.full((4, 2), 100), ids, bboxes, labels, np.zeros(len(boxes), dtype=bool)
    )
    found = [0, 1, 3, 4]
    xyxy = np.hstack([bboxes[:, :2], bboxes[:, :2] + bboxes[:, 2:]])[found]
    return Detections.from_model(ids[found], xyxy, np.full(4, 0.9), labels[found]), truth


def scored(config=DEFAULTS):
    return score(*scene(), config)


def test_the_lines():
    lines = report(*scored()).splitlines()
    assert lines[0] == 'number accuracy 0.500 (2 of 4 photos; 95 % interval 0.150-0.850, Wilson)'
    assert lines[1] == '  by length: 1 digit 0.500 (0.095-0.905) of 2, 2 digits 0.500 (0.095-0.905) of 2'
    assert lines[2].startswith('  edit distance 0.500 (0.137-1.823) per image | answer -1 on 0.250 (0.046-0.699)')
    assert lines[3].startswith(
        '  digits per image: wrong 0.000 (0.000-0.960), inserted (phantom) 0.000 (0.000-0.960), '
        'deleted (missing) 0.500 ('
    )
    # The confidences are 0.9 for numbers, of which the second is wrong, and 1 that there is none.
    assert lines[4].startswith('  expected calibration error (ECE) ')
    assert lines[5].startswith('  coverage at 95 % accuracy: 0.000 (0.000-')
    # All three 7s, and one of three 0s: 34 of the 101 recalls.
    assert lines[6] == f'  in brackets 95 % intervals: {INTERVALS}'
    assert lines[7].startswith('AP 0.668 (')
    assert lines[8] == '  COCO, mean over the digits; in brackets 95 % intervals, bootstrap over photos, 1000 resamples'
    assert lines[9] == '  by digit: 0 0.337  7 1.000'
    assert len(lines) == 10


def test_intervals_are_reproducible():
    assert report(*scored()) == report(*scored())


def test_the_reader_config_is_used():
    assert report(*scored(ReaderConfig(0.95))).startswith('number accuracy 0.000 (0 of 4 photos; ')


def test_numbers_or_boxes_alone():
    numbers, matches = scored()
    whole = report(numbers, matches).splitlines()
    assert report(numbers, None).splitlines() == whole[:7]
    assert report(None, matches).splitlines() == whole[7:]
    assert report(None, None) == ''
