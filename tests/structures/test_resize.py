import cv2
import numpy as np
import pytest

from custom.structures.resize import fit, resize, shrink


def assert_as_opencv(image, width, height):
    wanted = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(resize(image, width, height), wanted.reshape(height, width, -1))


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('largest', [8, 60, 300])
def test_random_sizes_equal_opencv(channels, largest):
    rng = np.random.default_rng(largest + channels)
    for rows, columns, height, width in rng.integers(1, largest + 1, (150, 4)).tolist():
        image = rng.integers(0, 256, (rows, columns, channels), dtype=np.uint8)
        assert_as_opencv(image, width, height)


@pytest.mark.parametrize('channels', [1, 3])
def test_whole_multiples_and_parts_equal_opencv(channels):
    rng = np.random.default_rng(channels)
    sides = [(24, 40), (12, 20), (6, 10), (3, 5), (24, 20), (12, 40), (1, 1), (48, 80)]
    for rows, columns in sides:
        image = rng.integers(0, 256, (rows, columns, channels), dtype=np.uint8)
        for height, width in sides:
            assert_as_opencv(image, width, height)


def test_a_part_of_a_photo_and_reversed_channels_equal_opencv():
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)[10:33, 5:60, ::-1]
    np.testing.assert_array_equal(resize(image, 31, 77), cv2.resize(np.ascontiguousarray(image), (31, 77)))


def test_smaller_images_are_averaged_and_others_interpolated():
    stripes = np.zeros((40, 400, 3), np.uint8)
    stripes[:, ::4] = 200
    assert np.ptp(resize(stripes, 50, 5)) == 0  # every eighth column: the stripes are gone, or all that there is
    assert abs(fit(stripes, 50, 5).astype(int) - 50).max() <= 2
    np.testing.assert_array_equal(fit(stripes, 300, 30), resize(stripes, 300, 30))
    np.testing.assert_array_equal(fit(stripes, 500, 90), resize(stripes, 500, 90))
    assert fit(stripes[:, ::-1, ::-1], 50, 90).shape == (90, 50, 3)


def test_blocks_are_averaged_in_strips(monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (62, 35, 3), dtype=np.uint8)
    wanted = image[:60, :33].reshape(20, 3, 11, 3, 3).mean(axis=(1, 3))
    for strip in (128, 7):
        monkeypatch.setattr('custom.structures.resize.STRIP', strip)
        assert abs(shrink(image, 3) - wanted).max() < 1
