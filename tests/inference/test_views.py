import numpy as np
import pytest

from custom.inference.views import PhotoViews, fitted
from custom.reading.settings import Views
from custom.utils.errors import UserError


@pytest.mark.parametrize(
    ('size', 'expected'),
    [
        ((40, 100), (64, 160)),  # the height is the limit: 64 / 40
        ((40, 400), (19, 192)),  # the width: 192 / 400 * 40 = 19.2
        ((400, 40), (192, 19)),  # the longer side of the scale is that of the photo
        ((64, 64), (64, 64)),
    ],
)
def test_a_photo_is_scaled_into_the_sides(size, expected):
    view = fitted(np.zeros((*size, 3), np.uint8), (192, 64))
    assert view.pixels.shape == (*expected, 3)
    assert view.scale == (expected[1] / size[1], expected[0] / size[0])


def test_a_photo_too_thin_to_be_scaled_is_refused():
    with pytest.raises(UserError, match=r'^4000x1 pixels are too thin to be scaled; cut the photo$'):
        fitted(np.zeros((1, 4000, 3), np.uint8), (192, 64))


def test_a_search_gets_the_whole_photo():
    photo = np.zeros((40, 100, 3), np.uint8)
    assert PhotoViews((192, 64))(photo).pixels.shape == (64, 160, 3)
    views = PhotoViews((192, 64), Views((0.5, 2), (0.5,)))
    assert views(photo).pixels is photo
    search = views.multiview(iou_thr=0.7)
    assert (search.size, search.scales, search.digit_heights, search.iou_thr) == ((192, 64), (0.5, 2), (32,), 0.7)
    assert PhotoViews((192, 64)).multiview(iou_thr=0.7) is None
