import pytest

from custom.errors import UserError
from custom.views import Views


def test_lists_as_json_has_them_become_tuples():
    assert Views([1, 2], [0.5]) == Views((1, 2), (0.5,))


def test_what_is_said():
    assert str(Views()) == ''
    assert str(Views((0.5, 1))) == 'photos seen at 0.5, 1 times their size'
    assert str(Views((1,), (0.45, 0.6))) == 'photos seen at 1 times their size, then digits at 0.45, 0.6 of the height'


@pytest.mark.parametrize(
    ('scales', 'digits', 'said'),
    [
        ((1, -1), (), r'scales=\(1, -1\): must be shares of a size'),
        ((1,), 0.5, r'digits=0.5: must be shares of a size'),
        ((9,), (), r'scales=\(9,\): must be shares of a size, from 0\.05 to 8'),
        ((1,), (36, 48), r'digits=\(36, 48\): must be shares of a size, from 0\.05 to 2'),
        ((), (0.5,), r'digits=\(0\.5,\): a second look needs a first one; give scales'),
    ],
)
def test_what_makes_no_sense_is_refused(scales, digits, said):
    with pytest.raises(UserError, match=said):
        Views(scales, digits)
