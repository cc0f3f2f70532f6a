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


def test_a_photo_that_fits_is_enlarged_on_request_only():
    photo = np.zeros((10, 20, 3), np.uint8)
    assert fitted(photo, (192, 64)).pixels.shape == (64, 128, 3)
    assert fitted(photo, (192, 64), enlarge=False).pixels is photo
    assert fitted(np.zeros((128, 128, 3), np.uint8), (192, 64), enlarge=False).pixels.shape == (64, 64, 3)


def test_a_photo_too_thin_to_be_scaled_is_refused():
    with pytest.raises(UserError, match=r'^4000x1 pixels are too thin to be scaled; cut the photo$'):
        fitted(np.zeros((1, 4000, 3), np.uint8), (192, 64))


def test_views_are_one_per_scale_and_one_for_crops():
    photo = np.zeros((40, 100, 3), np.uint8)
    assert [view.pixels.shape[:2] for view in PhotoViews((192, 64))(photo)] == [(64, 160)]
    views = PhotoViews((192, 64), Views((0.5, 2), (0.5,)))
    assert [view.pixels.shape[:2] for view in views(photo)] == [(32, 80), (128, 320), (40, 100)]
    assert views.multiview(iou_thr=0.7).digit_heights == (32,)
    assert views.multiview(iou_thr=0.7).iou_thr == 0.7
    assert PhotoViews((192, 64)).multiview(iou_thr=0.7) is None
