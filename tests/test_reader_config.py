"""The reader's settings: what is refused, and the way through JSON."""

import dataclasses
import json
import math

import pytest

from custom.errors import UserError
from custom.reader_config import DEFAULTS, ReaderConfig


def test_by_default_the_rules_are_off():
    assert dataclasses.asdict(DEFAULTS) == {
        'score_thr': 0.6,
        'iou_thr': 0.3,
        'fallback_thrs': (),
        'max_gap': None,
        'size_ratio': None,
        'layout': 'line',
        'max_digits': None,
        'calibration': None,
        'empty_right': 1.0,
    }


@pytest.mark.parametrize(
    'config',
    [
        ReaderConfig(),
        ReaderConfig(0.8, 0.4, (0.6, 0.3), 0.5, 1.5, 'rows', 6, (0.9, -1.5), 0.0),
    ],
)
def test_it_survives_json(config):
    text = json.dumps(dataclasses.asdict(config))
    assert ReaderConfig(**json.loads(text)) == config


def test_the_steps_begin_with_the_threshold():
    assert ReaderConfig(score_thr=0.8, fallback_thrs=[0.6, 0.3]).steps == (0.8, 0.6, 0.3)


@pytest.mark.parametrize('field', ['score_thr', 'iou_thr', 'empty_right'])
@pytest.mark.parametrize('value', [-0.1, 1.1, math.nan, '0.5', True, None])
def test_a_share_outside_0_to_1_is_refused(field, value):
    with pytest.raises(UserError, match=rf'^{field}=.*from 0 to 1$'):
        ReaderConfig(**{field: value})


@pytest.mark.parametrize(
    ('settings', 'said'),
    [
        ({'fallback_thrs': (0.6,)}, r'fallback_thrs=\(0\.6,\): must fall, from below score_thr=0\.6'),
        ({'fallback_thrs': [0.1, 0.2]}, r'fallback_thrs=\(0\.1, 0\.2\): must fall'),
        ({'fallback_thrs': [-0.1]}, r'fallback_thrs=-0\.1: must be a number from 0 to 1'),
        ({'fallback_thrs': 0.3}, r'fallback_thrs=0\.3: must be a list of numbers'),
        ({'fallback_thrs': None}, r'fallback_thrs=None: must be a list of numbers'),
        ({'max_gap': -1}, r'max_gap=-1: must be a number of at least 0'),
        ({'max_gap': math.inf}, r'max_gap=inf: must be a number of at least 0'),
        ({'size_ratio': 0.9}, r'size_ratio=0\.9: must be a number of at least 1'),
        ({'layout': 'column'}, r"layout='column': must be 'line' or 'rows'"),
        ({'layout': None}, r"layout=None: must be 'line' or 'rows'"),
        ({'max_digits': 0}, r'max_digits=0: must be a number of at least 1'),
        ({'max_digits': 3.0}, r'max_digits=3\.0: must be a whole number'),
        ({'calibration': 1.0}, r'calibration=1\.0: must be a list of numbers'),
        ({'calibration': [1.0]}, r'calibration=\(1\.0,\): must be a slope and an intercept'),
        ({'calibration': [-1.0, 0.0]}, r'calibration slope=-1\.0: must be a number of at least 0'),
        ({'calibration': [1.0, math.nan]}, r'calibration intercept=nan: must be a finite number'),
    ],
)
def test_what_is_out_of_range_or_of_the_wrong_kind_is_refused(settings, said):
    with pytest.raises(UserError, match=f'^{said}'):
        ReaderConfig(**settings)
