import cv2
import numpy as np
import pytest

from custom.faults import colour_matrix, motion, noise, tone_table


def recoloured(pixel, *arguments):
    return cv2.transform(np.array([[pixel]], np.uint8), colour_matrix(*arguments))[0, 0].tolist()


def test_saturation_turns_colour_to_its_grey():
    assert recoloured([10, 100, 200], 1, 0, False) == [10, 100, 200]
    assert recoloured([10, 100, 200], 0, 0, False) == [120] * 3  # 0.114 * 10 + 0.587 * 100 + 0.299 * 200 = 119.6


def test_hue_turns_around_grey():
    assert recoloured([0, 0, 200], 1, 120, False) == [200, 0, 0]
    assert recoloured([70, 70, 70], 1, 45, False) == [70] * 3


def test_inverted_bright_is_dark_and_the_tint_stays():
    assert recoloured([250, 250, 250], 1, 0, True) == [5] * 3
    # Its brightness is 120 and becomes 135: every channel gets 15 more.
    assert recoloured([10, 100, 200], 1, 0, True) == pytest.approx([26, 116, 216], abs=1)


def test_tones():
    def tone(value, gains=(1, 1, 1), contrast=1, brightness=0, gamma=1):
        return tone_table(np.array(gains), contrast, brightness, gamma)[0, value].tolist()

    assert tone_table(np.ones(3), 1, 0, 1)[0, :, 0] == pytest.approx(np.arange(256), abs=1)
    assert tone(100, gains=(1, 0.5, 2)) == [100, 50, 200]
    assert tone(100, brightness=-200) == [0] * 3
    assert tone(178, contrast=2) == [228] * 3
    assert tone(51, gamma=2) == pytest.approx([10] * 3, abs=1)  # 0.2 of white, squared


def test_noise_has_the_strength_asked_for():
    grey = np.full((200, 300, 3), 128, np.uint8)
    grain = noise(grey, 6, 0, 3).astype(float) - 128
    assert grain.std() == pytest.approx(6, abs=0.3)
    assert (grain[..., 0] == grain[..., 2]).all()
    stains = noise(grey, 0, 10, 4).astype(float) - 128
    assert 4 < stains.std() < 10  # between its knots it is less
    assert abs(np.corrcoef(stains[..., 0].ravel(), stains[..., 2].ravel())[0, 1]) < 0.1
    np.testing.assert_array_equal(noise(grey, 0, 0, 2), grey)


def test_noise_does_not_wrap_around():
    for value in (0, 255):
        noisy = noise(np.full((50, 50, 3), value, np.uint8), 5, 5, 2)
        assert np.abs(noisy.astype(int) - value).max() < 60


def test_motion_smears_along_its_angle():
    along = motion(6, 0)
    assert along.sum() == pytest.approx(1)
    assert along[along.shape[0] // 2].sum() == pytest.approx(1)
    assert np.count_nonzero(along) == 7 and along.shape == (1, 7)
    np.testing.assert_allclose(motion(6, np.pi / 2), along.T)
    assert motion(0.1, 1.0).max() == 1  # next to no movement changes nothing
