import numpy as np
import pytest
from PIL import Image

from custom.annotations import DigitAnnotations
from custom.report_groups import Group, by_height, by_length, by_sharpness, measure_sharpness


def truth(heights, crowd=()):
    """Photos 1, 2 … each with boxes of some heights; those whose (photo, place) is in `crowd` do not count."""
    rows = [(i, place, height) for i, own in enumerate(heights, start=1) for place, height in enumerate(own)]
    return DigitAnnotations(
        np.arange(1, len(heights) + 1),
        [f'{i}.png' for i in range(1, len(heights) + 1)],
        np.full((len(heights), 2), 400),
        np.array([i for i, _, _ in rows], dtype=int),
        np.array([[10 * place, 0, 8, height] for _, place, height in rows], dtype=float).reshape(-1, 4),
        np.zeros(len(rows), dtype=int),
        np.array([(i, place) in crowd for i, place, _ in rows], dtype=bool),
    )


@pytest.mark.parametrize(
    ('right', 'photos', 'low', 'high'),
    [(4, 4, 0.510, 1.0), (0, 4, 0.0, 0.490), (5, 10, 0.237, 0.763), (90, 100, 0.826, 0.945)],
)
def test_wilsons_interval(right, photos, low, high):
    assert Group('x', photos, right).interval == pytest.approx((low, high), abs=5e-4)


def test_by_length():
    right = np.array([1, 0, 1, 1], dtype=bool)
    assert by_length(np.array([2, 2, 0, 1]), right) == [('no number', 1, 1), ('1 digit', 1, 1), ('2 digits', 2, 1)]
    assert by_length(np.array([5]), right[:1]) == [('5 digits', 1, 1)]
    assert Group('x', 4, 3).accuracy == 0.75


def test_by_height_takes_the_median_of_what_counts():
    photos = truth([[10, 30, 31], [11.4], [], [300], [12, 200]], crowd={(5, 1)})
    right = np.array([1, 0, 1, 1, 0], dtype=bool)
    assert by_height(photos, right) == [
        ('under 12 px', 1, 0),
        ('12–15 px', 1, 0),
        ('24–31 px', 1, 1),
        ('256 px and more', 1, 1),
    ]


def test_quarters_of_sharpness():
    photos, right = truth([[10]] * 8), np.array([0, 0, 0, 1, 1, 1, 1, 1], dtype=bool)
    measured = {i: float(i) for i in range(1, 9)}
    names = ['blurriest quarter', 'second quarter', 'third quarter', 'sharpest quarter']
    assert by_sharpness(measured, photos, right) == list(zip(names, [2] * 4, [0, 1, 2, 2], strict=True))
    assert by_sharpness(dict.fromkeys(measured, 1.0), photos, right) == [('blurriest quarter', 8, 5)]
    assert by_sharpness({}, photos, right) == []
    assert sum(group.photos for group in by_sharpness({1: 1.0, 8: 2.0}, photos, right)) == 2


def test_sharpness_is_measured_where_there_are_photo_and_digits(tmp_path):
    flat, board = np.full((20, 20), 90, np.uint8), (np.indices((20, 20)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(flat).save(tmp_path / '1.png')
    Image.fromarray(board).save(tmp_path / '2.png')
    Image.fromarray(board).save(tmp_path / '3.png')
    (tmp_path / '5.png').write_text('no photo')
    found = measure_sharpness(truth([[20], [20], [], [20], [20]]), tmp_path)
    assert list(found) == [1, 2]
    assert found[1] == 0 < found[2]
