import numpy as np
import pytest
from PIL import Image, ImageFilter

from custom.sharpness import sharpness

WHOLE = np.array([0.0, 0, 64, 32])


def stripes(width=8, contrast=200):
    """Vertical bars, 64 x 32 pixels."""
    row = np.where(np.arange(64) // width % 2, 20 + contrast, 20).astype(np.uint8)
    return np.repeat(np.repeat(row[None, :, None], 32, axis=0), 3, axis=2)


def blurred(photo, radius):
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(radius)))


def test_blur_lowers_it():
    values = [sharpness(blurred(stripes(), radius), WHOLE) for radius in (0, 1, 2, 3)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 4 * values[3] > 0


def test_a_pixel_wide_chequerboard_is_as_sharp_as_can_be():
    board = np.indices((32, 64)).sum(axis=0) % 2 * 255
    photo = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    assert sharpness(photo, WHOLE) == pytest.approx(8)  # 4 * 1 - 4 * -1, of a spread of 1


def test_contrast_does_not_count():
    assert sharpness(stripes(contrast=100), WHOLE) == pytest.approx(sharpness(stripes(contrast=200), WHOLE))


def test_it_is_of_the_digits_not_of_pixels():
    large = np.asarray(Image.fromarray(blurred(stripes(), 1)).resize((256, 128), Image.Resampling.BICUBIC))
    assert sharpness(large, WHOLE * 4) == pytest.approx(sharpness(blurred(stripes(), 1), WHOLE), rel=0.1)


def test_only_the_box_counts():
    photo = stripes()
    photo[:, 32:] = 128
    assert sharpness(photo, np.array([32.0, 0, 64, 32])) == 0
    assert sharpness(photo, np.array([0.0, 0, 32, 32])) > 0


@pytest.mark.parametrize('box', [[70, 0, 90, 20], [-9, -9, -1, -1], [5, 5, 5, 9]])
def test_nothing_of_the_photo(box):
    assert sharpness(stripes(), np.array(box, dtype=float)) == 0


def test_a_box_over_the_edge_and_one_of_a_pixel():
    assert sharpness(stripes(), np.array([-10.0, -10, 99, 99])) == sharpness(stripes(), WHOLE)
    assert sharpness(stripes(), np.array([3.2, 3.2, 3.4, 3.4])) == 0
