"""custom/benchmark/domain_scores.py: figures of hand-made answers."""

import dataclasses
import json

import numpy as np
import pytest

from custom.benchmark import compare_domains as module
from custom.benchmark.compare_domains import as_json, compare_domains
from custom.benchmark.domain_scores import Result, failures, is_right, rows_of, run_all
from custom.benchmark.domains import HOUSES, Domain, Sample
from custom.benchmark.rivals import Answer
from custom.structures.annotations import DigitAnnotations
from custom.structures.detections import Detections
from custom.utils.errors import UserError


@pytest.mark.parametrize(
    ('answer', 'numbers', 'right'),
    [
        (Answer(('12',), 0.1), ('12',), True),
        (Answer(('12',), 0.9), ('7', '12'), True),
        (Answer(('1', '2', '12'), 0.9), ('12',), True),
        (Answer(('012',), 0.9), ('12',), False),
        (Answer((), 0.9), ('12',), False),
        (Answer(('12',), 0.5), (), False),
        (Answer(('12',), 0.49), (), True),
        (Answer((), 0.9), (), True),
    ],
)
def test_an_answer_is_right(answer, numbers, right):
    assert is_right(answer, numbers) == right


def test_the_figures_of_a_domain():
    answers = [Answer(('1',), 0.95), Answer(('2',), 0.9), Answer(('3',), 0.8), Answer((), 0.0), Answer(('5',), 0.99)]
    result = Result('plates', 'ours', [('1',), ('7',), ('3',), ('4',), None], answers, seconds=2.0, ap50=0.5)
    assert result.right == [True, False, True, False]
    assert result.sure() == (2, 1)  # the last photo has no known number
    # Wilson: (2 + 1.92) / (4 + 3.84) ± 1.96 / 7.84 * sqrt(2 * 2 / 4 + 0.96)
    assert rows_of([result]) == [['plates', 'ours', '4', '0.500 (0.150-0.850)', '0.500', '0.50', '0.50', '2.5']]
    assert not result.is_empty_set


def test_photos_without_a_number():
    answers = [Answer((), 0.0), Answer(('1',), 0.95), Answer(('1',), 0.3), Answer((), 0.0)]
    result = Result('no number', 'ours', [()] * 4, answers, seconds=1.0)
    assert result.is_empty_set
    assert rows_of([result])[0][2:] == ['4', '0.750 (0.301-0.954)', '-', '0.25', '-', '4.0']


PIXELS = np.zeros((20, 40, 3), np.uint8)


def domain(name, numbers, **settings):
    """Photos whose first pixel is their index."""

    def draw(i):
        pixels = PIXELS.copy()
        pixels[0, 0, 0] = i
        return pixels

    samples = [Sample(f'{i}.png', lambda i=i: draw(i), number) for i, number in enumerate(numbers)]
    return Domain(name, samples, **settings)


def reader(*numbers):
    """Give the numbers of the photos 0, 1, … with a box at the digit 1."""
    boxes = Detections.from_model([0], np.array([[5, 4, 13, 16.0]]), [0.9], [1])
    return lambda pixels: Answer((numbers[pixels[0, 0, 0]],), 0.6, boxes, [0])


def truth(count):
    return DigitAnnotations(
        image_ids=np.arange(count) + 7,
        file_names=[f'{i}.png' for i in range(count)],
        sizes=np.tile([40, 20], (count, 1)),
        box_image_ids=np.arange(count) + 7,
        bboxes=np.tile([5.0, 4, 8, 12], (count, 1)),
        labels=np.array([1] * (count - 1) + [2]),
        iscrowd=np.zeros(count, bool),
    )


def test_canvases_are_those_of_the_photos_that_the_first_reader_reads():
    houses = domain(HOUSES, [('1',), ('1',), ('2',)], truth=truth(3))
    canvases = domain('canvas', [('1',), ('1',), ('2',)], only_read=range(3))
    readers = {'ours': reader('1', '8', '2'), 'other': reader('8', '1', '8')}
    (_, first), (kept, second) = run_all(iter([houses, canvases]), readers)
    assert [sum(result.right) for result in first] == [2, 1]
    assert [sample.name for sample in kept.samples] == ['0.png', '2.png']
    assert [(len(result.right), sum(result.right)) for result in second] == [(2, 2), (2, 0)]
    assert first[0].ap50 == pytest.approx(0.5)  # all of the digit 1, none of the digit 2
    assert second[0].ap50 is None
    assert list(run_all(iter([canvases]), readers)) == []  # the house numbers were not read


def test_a_domain_without_a_digit_has_no_ap():
    nothing = truth(2)
    empty = np.zeros(0, np.int64)
    arrays = {'box_image_ids': empty, 'bboxes': np.zeros((0, 4)), 'labels': empty, 'iscrowd': empty.astype(bool)}
    photos = domain('empty', [(), ()], truth=dataclasses.replace(nothing, **arrays))
    ((_, (result,)),) = run_all(iter([photos]), {'ours': reader('1', '1')})
    assert (result.ap50, result.right) == (None, [False, False])


def test_failures_begin_with_the_most_confident():
    photos = domain('plates', [('1',), ('2',), (), ('3', '4'), None])
    answers = [Answer(('1',), 0.9), Answer(('7',), 0.6), Answer(('5',), 0.8), Answer((), 0.0), Answer(('1',), 1)]
    result = Result('plates', 'ours', [sample.numbers for sample in photos.samples], answers, 1.0)
    shots = list(failures(photos, result))
    assert [(shot.number, shot.truth, shot.confidence) for shot in shots] == [
        ('5', '', 0.8),
        ('7', '2', 0.6),
        ('', '3 or 4', 0.0),
    ]


def test_the_table_the_sheets_and_the_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, 'all_domains', lambda *_: iter([domain('plates', [('1',), ('2',)], truth=truth(2))]))
    results = compare_domains({'ours': reader('1', '3'), 'tesseract': reader('1', '2')}, pictures=tmp_path / 'sheets')
    out = capsys.readouterr().out
    assert out.splitlines()[0].split()[:3] == ['domain', 'reader', 'photos'] and '0.500 (0.095-0.905)' in out
    assert [path.name for path in (tmp_path / 'sheets').iterdir()] == ['plates_ours.png']  # the other has no failure
    written = json.loads(as_json(results, {'command': 'x'}))
    assert [one['right'] for one in written['domains']] == [1, 2]
    assert written['domains'][0]['answers'][1] == {'numbers': ['3'], 'confidence': 0.6, 'true': ['2']}


def test_no_domain_is_an_error(monkeypatch):
    monkeypatch.setattr(module, 'all_domains', lambda *_: iter(()))
    with pytest.raises(UserError, match='no domain is left: bibs'):
        compare_domains({'ours': reader()}, only=['bibs'])
