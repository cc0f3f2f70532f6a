"""Options of reading a photo."""

import argparse

import numpy as np
import pytest

from custom.inference.options import ReadingOptions, add_options, options_of, turned, turned_back
from custom.utils.errors import UserError


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_options(parser)
    return options_of(parser.parse_args(arguments))


def test_the_arguments():
    assert parsed() == ReadingOptions()
    given = parsed('--rotate', '90', '--crop', '1,2,30,40', '--digits', '7', '--decimals', '2')
    assert given == ReadingOptions(90, (1, 2, 30, 40), 7, 2)
    assert parsed('--rotate', 'auto').rotate == 'auto'


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (('--crop', '1,2,3'), r'crop=\(1, 2, 3\): must be x, y, width and height in whole pixels'),
        (('--crop', '1,2,3,x'), "crop='1,2,3,x': must be x, y, width and height in whole pixels"),
        (('--crop=-1,2,3,4',), 'crop=-1,2,3,4: x and y must be from 0, width and height from 1'),
        (('--crop', '1,2,0,4'), 'crop=1,2,0,4: x and y must be from 0, width and height from 1'),
        (('--digits', '0'), 'digits=0: must be a whole number from 1'),
        (('--decimals=-1',), 'decimals=-1: must be a whole number from 0'),
        (('--digits', '3', '--decimals', '3'), 'decimals=3: must be less than digits=3'),
    ],
)
def test_a_value_out_of_range_is_refused_by_one_line(arguments, said):
    with pytest.raises(UserError, match=f'^{said}$'):
        parsed(*arguments)


@pytest.mark.parametrize('rotate', [45, '90', True, None])
def test_another_rotation_is_refused(rotate):
    with pytest.raises(UserError, match=r'^rotate=.*: must be 0, 90, 180, 270 or auto$'):
        ReadingOptions(rotate)


@pytest.mark.parametrize('degrees', [0, 90, 180, 270])
def test_a_box_turns_with_its_pixels_and_back(degrees):
    photo = np.zeros((10, 20, 3), np.uint8)
    photo[2:5, 4:11] = 255
    rows, columns = np.nonzero(turned(photo, degrees)[..., 0])
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=float)
    assert turned_back(box, degrees, (20, 10)).tolist() == [[4, 2, 11, 5]]
