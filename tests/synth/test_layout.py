"""Layouts against the measured distributions."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from custom.synth import layout as synth_layout
from custom.synth.layout import CENTRE_X, COUNTS, FIRST_DIGIT, LATER_DIGIT, LEVELS, draw_layout, sample

BOXES = Path(os.environ.get('DIGITS_SHARED', Path(__file__).parents[3] / 'shared/data'), 'svhn-train-boxes.json')
TABLES = [value for name, value in vars(synth_layout).items() if name.isupper() and isinstance(value, tuple)]


@pytest.fixture(scope='module')
def layouts():
    return [draw_layout(np.random.default_rng([3, index]), 1.0) for index in range(4000)]


def test_quantile_tables_match_their_levels_and_rise():
    tables = [table for table in TABLES if len(table) == len(LEVELS)] + list(synth_layout.PHOTO_ASPECT.values())
    assert len(tables) == 15
    assert all(np.all(np.diff(table) > 0) for table in tables)


@pytest.mark.parametrize(('normal', 'expected'), [(-9.0, 0.25), (0.0, 0.5), (9.0, 0.75)])
def test_sample_gives_lowest_median_and_highest(normal, expected):
    assert sample(np.random.default_rng(0), CENTRE_X, normal) == pytest.approx(expected)


def test_sample_is_uniform_in_rank():
    rng = np.random.default_rng(0)
    values = [sample(rng, CENTRE_X) for _ in range(4000)]
    assert np.mean(np.array(values) < 0.49) == pytest.approx(0.25, abs=0.03)  # 0.49 is the 25 % quantile


def test_counts_and_digits_have_the_measured_shares(layouts):
    counts = np.bincount([len(layout.digits) for layout in layouts], minlength=5)[1:] / len(layouts)
    assert counts == pytest.approx(COUNTS, abs=0.03)
    first = np.bincount([layout.digits[0] for layout in layouts], minlength=10) / len(layouts)
    assert first == pytest.approx(FIRST_DIGIT, abs=0.03)
    assert sum(COUNTS) == pytest.approx(1)
    assert sum(FIRST_DIGIT) == pytest.approx(1)
    assert sum(LATER_DIGIT) == pytest.approx(1, abs=1e-3)


def test_hardness_steepens_slopes_and_leaves_sizes_alone():
    mild, hard = (draw_layout(np.random.default_rng(5), hardness) for hardness in (0.0, 1.0))
    assert mild.slope == pytest.approx(0.3 * hard.slope)
    assert mild._replace(slope=0) == hard._replace(slope=0)


def test_half_of_the_numbers_are_small_in_their_photo(layouts):
    share = [layout.digit_height / layout.height for layout in layouts]
    assert 0.47 < np.median(share) < 0.57  # between 0.45 of the far photos and 0.71 of the near ones
    assert np.percentile(share, 2) < 0.25
    assert np.percentile(share, 98) > 0.85


@pytest.mark.skipif(not BOXES.is_file(), reason=f'no {BOXES}; name its folder by DIGITS_SHARED')
def test_constants_agree_with_the_real_boxes():
    rows = json.loads(BOXES.read_text())['rows']
    levels = np.array(LEVELS[1:-1]) * 100
    heights = np.percentile([height for _, height, _ in rows], levels)
    assert heights == pytest.approx(np.array(synth_layout.PHOTO_HEIGHT[1:-1]), rel=0.02)
    number = [(max(d[2] + d[4] for d in ds) - min(d[2] for d in ds)) / height for _, height, ds in rows]
    assert np.percentile(number, levels) == pytest.approx(np.array(synth_layout.NUMBER_HEIGHT[1:-1]), abs=0.01)
    aspect = [d[3] / d[4] for _, _, ds in rows for d in ds if d[0] != 1]
    assert np.percentile(aspect, levels) == pytest.approx(np.array(synth_layout.DIGIT_ASPECT[1:-1]), abs=0.02)
    for count, table in synth_layout.PHOTO_ASPECT.items():
        real = np.percentile([width / height for width, height, ds in rows if len(ds) == count], levels)
        assert real == pytest.approx(np.array(table[1:-1]), abs=0.02)
    shares = np.bincount([min(len(ds), 4) for _, _, ds in rows], minlength=5)[1:] / len(rows)
    assert shares == pytest.approx(COUNTS, abs=0.002)
