"""custom/data/box_checks.py: boxes against one another and against their photos."""

import numpy as np
import pytest

from custom.data.box_checks import other_form, truth_notes
from custom.structures.annotations import DigitAnnotations


def form_of(bboxes, size, photos=None):
    bboxes = np.array(bboxes, dtype=float)
    return other_form(bboxes, np.full((len(bboxes), 2), size), np.array(photos or [1] * len(bboxes)))


def as_corners(bboxes):
    return [[x, y, x + w, y + h] for x, y, w, h in bboxes]


NUMBERS = {
    'over the edge': [[60, 40, 20, 40], [85, 40, 20, 40]],
    'far from the edge': [[20, 10, 10, 20], [31, 10, 10, 20], [42, 11, 10, 20]],
}


@pytest.mark.parametrize('case', NUMBERS)
def test_corners_are_recognised_inside_a_photo_and_over_its_edge(case):
    size = (120, 100) if case == 'over the edge' else (400, 300)
    assert form_of(as_corners(NUMBERS[case]), size) == 'x_min y_min x_max y_max'
    assert form_of(NUMBERS[case], size) is None


def test_imprecise_boxes_of_single_digits_are_no_corners():
    assert form_of([[2, 2, 20, 40], [1, 1, 22, 42], [3, 2, 20, 41]], (24, 44), [1, 2, 3]) is None
    assert form_of([[2, 2, 22.5, 42]] * 3, (24, 44), [1, 2, 3]) is None  # half a pixel over the edge


def test_shares_are_recognised():
    assert form_of([[0.1, 0.2, 0.1, 0.4], [0.3, 0.2, 0.1, 0.4]], (120, 100)) == 'shares of the sides of the photo'


def truth_of(photos):
    """Annotations of photos, each a list of boxes of the digit 1, xywh in pixels."""
    ids = np.repeat(np.arange(len(photos)), [len(boxes) for boxes in photos])
    bboxes = np.array([box for boxes in photos for box in boxes], dtype=float).reshape(-1, 4)
    names, sizes = [f'{i}.png' for i in range(len(photos))], np.full((len(photos), 2), 200)
    labels = np.ones(len(ids), np.int64)
    return DigitAnnotations(np.arange(len(photos)), names, sizes, ids, bboxes, labels, np.zeros(len(ids), bool), [])


ROW = [[10, 10, 20, 40], [32, 14, 20, 40], [50, 8, 20, 40]]  # the last two overlap by 2 px
SLANTED = [[10, 10, 20, 40], [32, 35, 20, 40], [54, 60, 20, 40]]


@pytest.mark.parametrize('boxes', [[], ROW[:1], ROW, SLANTED, [[10, 10, 20, 40], [32, 30, 8, 12]]])
def test_numbers_in_one_row_have_no_note(boxes):
    assert truth_notes(truth_of([boxes])) == []


@pytest.mark.parametrize(
    'boxes',
    [
        [[10, 10, 20, 40], [12, 60, 20, 40]],  # vertical
        [[10, 10, 20, 40], [32, 10, 20, 40], [20, 60, 20, 40], [42, 60, 20, 40]],  # two rows
        [[10, 10, 20, 40], [32, 60, 20, 40]],  # the second one lower than the first one ends
    ],
)
def test_digits_above_one_another_are_noted_with_the_name(boxes):
    (note,) = truth_notes(truth_of([ROW, boxes]))
    assert (
        note == '1 × photo with digits above one another: its number is read by row, from left to right; first: 1.png'
    )


@pytest.mark.parametrize('near', [[12, 11, 20, 40], [10, 10, 20, 39.9], [12, 15, 12, 30]])
def test_digits_that_lie_on_one_another_are_noted_with_names(near):
    photos = [[[10, 10, 20, 40], near]] * 7
    (note,) = truth_notes(truth_of(photos))
    names = '0.png, 1.png, 2.png, 3.png, 4.png and 2 more'
    assert note == f'7 × photo with digits that lie on one another, perhaps boxed twice; first: {names}'
