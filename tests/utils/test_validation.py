import math

import pytest

from custom.utils.errors import UserError
from custom.utils.validation import require_number


@pytest.mark.parametrize('value', [0, 1, 0.5])
def test_both_ends_of_the_range_are_allowed(value):
    require_number('x', value, 0, 1)


@pytest.mark.parametrize('value', [-0.1, 1.1, math.nan, math.inf, '0.5', True, None, [0.5]])
def test_values_out_of_range_and_other_types_are_refused(value):
    with pytest.raises(UserError, match=r'^score_thr=.*: must be a number from 0 to 1$'):
        require_number('score_thr', value, 0, 1)


@pytest.mark.parametrize('value', [0.9, math.inf, math.nan])
def test_without_an_upper_end(value):
    require_number('size_ratio', 1e9, 1)
    with pytest.raises(UserError, match=r'^size_ratio=.*: must be a number of at least 1$'):
        require_number('size_ratio', value, 1)


def test_any_finite_number():
    require_number('intercept', -1e9, -math.inf)
    with pytest.raises(UserError, match=r'^intercept=nan: must be a finite number$'):
        require_number('intercept', math.nan, -math.inf)
